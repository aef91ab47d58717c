"""Reading the overrides topic from its start: when its end is reached, and when it is another topic."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_classifier.kafka.overrides_topic import EMPTY_ANSWERS, FromStart

TOPIC = "overrides"
ONE, TWO = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)

Polled = Mapping[TopicPartition, Sequence[ConsumerRecord[bytes, bytes]]]


def records(tp: TopicPartition, *offsets: int) -> list[ConsumerRecord[bytes, bytes]]:
    return [ConsumerRecord(TOPIC, tp.partition, n, 0, 0, b"k", b"v", None, 1, 1, ()) for n in offsets]


@dataclass(eq=False)
class FakeReader:
    """What of a consumer is used: polls in turn, then none bring anything. Each is an answer of the broker,
    unless it is `silent`."""

    polls: deque[Polled] = field(default_factory=deque)
    partitions: set[int] | None = field(default_factory=lambda: {0})
    silent: bool = False
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    _clock: "count[int]" = field(default_factory=count)
    _answered_ms: int = 0

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.positions[tp] = offset

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Polled:
        await asyncio.sleep(timeout_ms / 1000 if not self.polls else 0)
        if not self.silent:
            self._answered_ms = next(self._clock)
        polled = self.polls.popleft() if self.polls else {}
        for tp, brought in polled.items():
            self.positions[tp] = brought[-1].offset + 1
        return polled

    async def position(self, tp: TopicPartition) -> int:
        if tp not in self.positions:
            await asyncio.Event().wait()
        return self.positions[tp]

    def last_poll_timestamp(self, tp: TopicPartition) -> int:
        return self._answered_ms

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        assert topic == TOPIC
        return self.partitions


def reading(
    reader: FakeReader, ends: Mapping[TopicPartition, int], begins: Mapping[TopicPartition, int] | None = None
) -> FromStart:
    made = FromStart(cast(AIOKafkaConsumer, reader), dict(begins or dict.fromkeys(ends, 0)))
    made.reach(dict(ends))
    return made


async def test_an_empty_topic_is_read_at_once() -> None:
    assert reading(FakeReader(), {ONE: 0}).caught_up
    assert reading(FakeReader(), {ONE: 5}, {ONE: 5}).caught_up  # all of it was deleted


async def test_it_is_caught_up_when_every_partition_has_reached_its_end() -> None:
    reader = FakeReader(deque([{ONE: records(ONE, 0, 1)}, {TWO: records(TWO, 0)}]), partitions={0, 1})
    r = reading(reader, {ONE: 2, TWO: 1})
    assert len(await r.poll()) == 2
    assert not r.caught_up
    assert len(await r.poll()) == 1
    assert r.caught_up


async def test_a_position_that_moves_over_markers_and_gaps_counts() -> None:
    reader = FakeReader(deque([{ONE: records(ONE, 0, 7)}]))
    r = reading(reader, {ONE: 10})
    await r.poll()
    assert not r.caught_up
    reader.positions[ONE] = 10
    await r.poll()
    assert r.caught_up


async def test_where_nothing_is_left_before_the_end_the_brokers_empty_answers_count() -> None:
    reader = FakeReader(deque([{ONE: records(ONE, 0, 7)}]))
    r = reading(reader, {ONE: 10})
    for _ in range(EMPTY_ANSWERS):
        await r.poll()
        assert not r.caught_up
    await r.poll()
    assert r.caught_up


async def test_a_broker_that_does_not_answer_is_no_end() -> None:
    reader = FakeReader(silent=True)
    r = reading(reader, {ONE: 10})
    for _ in range(100):
        await r.poll()
    assert not r.caught_up


async def test_a_client_that_looks_for_its_position_is_not_waited_for() -> None:
    reader = FakeReader()
    r = reading(reader, {ONE: 10})
    del reader.positions[ONE]
    assert await r.poll() == []
    assert not r.caught_up


async def test_offsets_that_come_back_mean_another_topic_and_nothing_of_it_is_taken() -> None:
    reader = FakeReader(deque([{ONE: records(ONE, 3, 4)}, {ONE: records(ONE, 0)}]))
    r = reading(reader, {ONE: 5})
    await r.poll()
    assert (r.caught_up, r.stale) == (True, False)
    assert await r.poll() == []
    assert (r.caught_up, r.stale) == (False, True)


async def test_a_topic_with_more_partitions_is_read_anew() -> None:
    reader = FakeReader()
    r = reading(reader, {ONE: 0})
    reader.partitions = {0, 1}
    await r.poll()
    assert r.stale


async def test_a_topic_that_was_gone_is_read_anew_only_when_it_is_back() -> None:
    reader = FakeReader()
    r = reading(reader, {ONE: 0})
    reader.partitions = None
    await r.poll()
    assert (r.gone, r.stale) == (True, False)
    reader.partitions = {0}
    await r.poll()
    assert r.stale
