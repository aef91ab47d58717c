"""Reading a part of a topic, from some offsets to others, without a group: nothing is committed."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import Identity, broker_faults
from stream_classifier.kafka.connection import ConnectionSettings, client_kwargs
from stream_classifier.kafka.overrides_topic import FromStart, Record, new_reader
from stream_classifier.kafka.topic_rules import Topic

__all__ = ["Reader", "Record", "Spans", "open_reader"]

Spans = Mapping[TopicPartition, tuple[int, int]]
"""The first offset that is meant and the first that is not any more, of each partition of one topic."""


READ_OVER = 200  # records that are not wanted: to read them costs less than to begin anew behind them


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads topics that exist. `open_reader` makes one."""

    consumer: AIOKafkaConsumer
    kafka: Identity

    async def bounds(self, topic: Topic) -> dict[TopicPartition, tuple[int, int]]:
        """Each partition's first offset, and the next that will be written. Raises `OperatorFault`."""
        tps = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        with broker_faults(self.kafka):
            begins = await self.consumer.beginning_offsets(tps)
            ends = await self.consumer.end_offsets(tps)
        return {tp: (begins[tp], ends[tp]) for tp in tps}

    async def records(self, spans: Spans) -> AsyncGenerator[Sequence[Record], None]:
        """The records of these spans, some at a time, each partition's in order. Raises `OperatorFault`, also
        where the topic was made anew meanwhile."""
        if all(begin >= end for begin, end in spans.values()):
            return
        with broker_faults(self.kafka):
            self.consumer.assign(list(spans))
            reading = FromStart(self.consumer, {tp: begin for tp, (begin, _) in spans.items()})
            reading.reach({tp: end for tp, (_, end) in spans.items()})
            while not reading.caught_up:
                polled = await reading.poll()
                if reading.stale:
                    raise OperatorFault("The topic was changed while it was read: start again.")
                yield [record for record in polled if record.offset < spans[_place(record)][1]]

    async def offsets_at(self, topic: Topic, timestamp_ms: int) -> dict[TopicPartition, int | None]:
        """By partition, the first offset of a record of this time or later; None where there is none, or the
        broker does not tell. Raises `OperatorFault`."""
        tps = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        with broker_faults(self.kafka):
            found = await self.consumer.offsets_for_times(dict.fromkeys(tps, timestamp_ms))
        return {tp: None if found.get(tp) is None else found[tp].offset for tp in tps}

    async def single(
        self, topic: Topic, offsets: Mapping[int, Collection[int]]
    ) -> dict[tuple[int, int], Record]:
        """The records at these offsets, by partition, as far as they are still there. Raises
        `OperatorFault`."""
        bounds = await self.bounds(topic)
        runs = {number: list(_runs(sorted(wanted))) for number, wanted in offsets.items()}
        found: dict[tuple[int, int], Record] = {}
        while any(runs.values()):
            turn = {number: left.pop(0) for number, left in runs.items() if left}
            spans = {tp: _within(turn.get(tp.partition), bound) for tp, bound in bounds.items()}
            async for records in self.records(spans):
                found |= {(r.partition, r.offset): r for r in records if r.offset in offsets[r.partition]}
        return found


@asynccontextmanager
async def open_reader(kafka: ConnectionSettings) -> AsyncIterator[Reader]:
    """A reader, for a block. Raises `OperatorFault`."""
    with broker_faults(kafka):
        consumer = new_reader(client_kwargs(kafka))
        try:
            await consumer.start()
            yield Reader(consumer, kafka)
        finally:
            await consumer.stop()


def _place(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _runs(offsets: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Spans that hold these ascending offsets, and not too much between them."""
    breaks = [place for place, (a, b) in enumerate(pairwise(offsets), start=1) if b - a > READ_OVER]
    for begin, end in pairwise([0, *breaks, len(offsets)]):
        yield offsets[begin], offsets[end - 1] + 1


def _within(span: tuple[int, int] | None, bound: tuple[int, int]) -> tuple[int, int]:
    """The part of the span that is still there; nothing where there is no span."""
    begin, end = bound
    if span is None:
        return end, end
    return min(max(span[0], begin), end), min(span[1], end)
