"""What is sent, in which order, when it counts as done, and what becomes of what cannot be sent."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import chain

import orjson
import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core import measures
from stream_classifier.core.dead_letter import dead_letter_headers
from stream_classifier.core.event import CONTENT_TYPE
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.outbox import RETRY_S, Outbox
from tests.unit.conftest import JumpingLoop
from tests.unit.kafka_fakes import TOPIC, FakeSender, Outcome, a_partition, deliver

LABELS, DEAD = "labels", "dead"
LARGE: OwnHeaders = [CONTENT_TYPE, ("trace", b"x" * 100)]


class World:
    """An outbox before a scripted producer."""

    def __init__(self, *outcomes: Outcome, partitions: int = 4, labels: int = 4) -> None:
        self.sender = FakeSender({TOPIC: partitions, LABELS: labels, DEAD: partitions})
        self.sender.outcomes.extend(outcomes)
        self.tally = Tally()
        self.notice: Callable[[], None] = lambda: None
        self.outbox = Outbox(
            producer=self.sender,
            input_topic=TOPIC,
            output_topic=LABELS,
            dead_letter_topic=DEAD,
            tally=self.tally,
            alive=self._alive,
        )
        self.partition = a_partition()

    def _alive(self) -> bool:
        self.notice()
        return True

    def publish(self, *offsets: int, headers: OwnHeaders | None = None, key: bytes | None = None) -> None:
        """Deliver these records, and publish an event for each."""
        deliver(self.partition, *offsets)
        for offset in offsets:
            self.outbox.publish(self.partition, offset, key, event(offset), headers or [CONTENT_TYPE])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The outbox works while the block runs."""
        running = asyncio.create_task(self.outbox.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def flushed(self) -> None:
        async with self.running():
            await self.outbox.flush()

    @property
    def published(self) -> list[int]:
        """The offsets whose events arrived, in order."""
        return [orjson.loads(value or b"")["source"]["offset"] for value in self.sender.values(LABELS)]


def event(offset: int, partition: int = 0) -> bytes:
    source = {"topic": TOPIC, "partition": partition, "offset": offset}
    return orjson.dumps({"headers_dropped": False, "source": source})


async def test_a_record_is_done_when_the_broker_has_its_event_and_not_before() -> None:
    world = World()
    world.publish(0)
    world.sender.gate.clear()
    async with world.running():
        await asyncio.sleep(1)
        assert world.partition.ledger.position == 0
        world.sender.gate.set()
        await world.outbox.flush()
    assert world.partition.ledger.position == 1
    assert world.tally.count(measures.ACKNOWLEDGED, LABELS) == 1


async def test_nothing_is_sent_while_the_group_may_have_gone_on_and_all_when_it_is_there_again() -> None:
    world = World()
    there = False
    world.outbox.in_touch = lambda: there
    world.publish(0, 1)
    async with world.running():
        await asyncio.sleep(10)
        assert world.sender.tries == []
        assert world.outbox.unacknowledged_s() == pytest.approx(10)
        there = True
        await world.outbox.flush()
    assert world.published == [0, 1]


async def test_what_is_held_when_its_partition_is_closed_is_not_sent_later() -> None:
    world = World()
    there = False
    world.outbox.in_touch = lambda: there
    world.publish(0)
    async with world.running():
        await asyncio.sleep(1)
        world.partition.open = False
        there = True
        await world.outbox.flush()
    assert world.sender.tries == []


async def test_a_record_of_several_tickets_is_done_with_its_last_event() -> None:
    world = World(1)
    deliver(world.partition, 0)
    for offset in (None, 0):
        world.outbox.publish(world.partition, offset, None, event(0), [CONTENT_TYPE])
    world.sender.outcomes.append(KafkaConnectionError())
    async with world.running():
        await asyncio.sleep(RETRY_S / 2)
        assert (len(world.published), world.partition.ledger.position) == (1, 0)
        await world.outbox.flush()
    assert world.partition.ledger.position == 1


def scripted() -> st.SearchStrategy[list[Outcome]]:
    """Sends that fail, that take one or a few, and that find a batch too large."""
    failures = st.sampled_from([KafkaConnectionError, KafkaError, TimeoutError])
    return st.lists(st.one_of(failures.map(lambda kind: kind()), st.integers(1, 3), st.none()), max_size=20)


@given(outcomes=scripted(), bursts=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_events_arrive_once_and_in_order_whatever_fails(outcomes: list[Outcome], bursts: list[int]) -> None:
    async def run() -> None:
        world = World(*outcomes)
        offsets = iter(range(sum(bursts)))
        async with world.running():
            for burst in bursts:
                world.publish(*(next(offsets) for _ in range(burst)))
                await asyncio.sleep(RETRY_S / 3)
            await world.outbox.flush()
        assert world.published == list(range(sum(bursts)))
        assert world.partition.ledger.position == sum(bursts)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(run())


async def test_what_belongs_to_a_closed_partition_is_left_out() -> None:
    world = World()
    world.publish(0, 1)
    world.partition.open = False
    await world.flushed()
    assert world.sender.tries == []


async def test_a_failed_send_is_not_repeated_for_a_partition_that_was_closed_meanwhile() -> None:
    world = World(KafkaConnectionError())
    world.publish(0)
    async with world.running():
        await asyncio.sleep(RETRY_S / 2)
        world.partition.open = False
        await world.outbox.flush()
    assert (len(world.sender.tries), world.published) == (1, [])


async def test_what_a_freeze_has_cost_us_is_left_out_of_the_very_next_send() -> None:
    world = World()

    def close() -> None:
        world.partition.open = False

    world.notice = close
    world.publish(0)
    await world.flushed()
    assert world.sender.tries == []


async def test_a_send_under_way_is_given_up_when_it_is_abandoned() -> None:
    world = World()
    world.publish(0)
    world.sender.gate.clear()
    async with world.running():
        await asyncio.sleep(1)
        world.partition.open = False
        world.outbox.abandon()
        await world.outbox.flush()
    assert (world.sender.abandoned, world.published, world.partition.ledger.position) == (1, [], 0)


async def test_where_nothing_is_under_way_the_producer_is_left_in_peace() -> None:
    world = World()
    world.publish(0)
    await world.flushed()
    world.outbox.abandon()
    assert world.sender.abandoned == 0


async def test_a_flush_waits_for_what_comes_while_it_waits() -> None:
    world = World()
    other: Partition = a_partition(number=1)
    world.publish(0)
    world.sender.gate.clear()
    async with world.running():
        flushing = asyncio.create_task(world.outbox.flush())
        await asyncio.sleep(1)
        deliver(other, 0)
        world.outbox.publish(other, 0, None, event(0, partition=1), [CONTENT_TYPE])
        world.sender.gate.set()
        await flushing
        assert other.ledger.position == 1


async def test_how_long_the_broker_is_silent_is_known_and_ends_with_its_answer() -> None:
    world = World()
    world.publish(0)
    world.sender.gate.clear()
    async with world.running():
        await asyncio.sleep(7)
        assert world.outbox.unacknowledged_s() == pytest.approx(7)
        world.sender.gate.set()
        await world.outbox.flush()
    assert world.outbox.unacknowledged_s() == 0


async def test_tries_that_fail_are_one_silence() -> None:
    world = World(*[KafkaConnectionError() for _ in range(20)])
    world.publish(0)
    async with world.running():
        await asyncio.sleep(6)
        assert world.outbox.unacknowledged_s() == pytest.approx(6)


@pytest.mark.parametrize("error", [MessageSizeTooLargeError, RecordTooLargeError])
async def test_an_event_that_is_too_large_goes_without_the_copied_headers(error: type[KafkaError]) -> None:
    world = World(error(), 1, error())
    world.publish(0, 1, headers=LARGE)
    await world.flushed()
    sent = list(chain.from_iterable(records for _, _, records in world.sender.sent))
    assert [headers for _, _, headers in sent] == [LARGE, [CONTENT_TYPE]]
    assert [orjson.loads(value or b"")["headers_dropped"] for _, value, _ in sent] == [False, True]


async def test_after_a_batch_that_was_too_large_as_many_go_one_by_one_and_then_together() -> None:
    world = World(RecordTooLargeError())
    world.publish(0, 1, 2)
    async with world.running():
        await world.outbox.flush()
        world.publish(3, 4)
        await world.outbox.flush()
    assert [len(records) for records in world.sender.tries] == [3, 1, 1, 1, 2]
    assert world.published == [0, 1, 2, 3, 4]


async def test_an_event_that_cannot_be_made_smaller_is_a_dead_letter_that_names_its_record() -> None:
    world = World(RecordTooLargeError(), RecordTooLargeError())
    world.partition.ledger.enter(3, 1)
    world.outbox.publish(world.partition, 3, b"key", event(3), [CONTENT_TYPE])
    await world.flushed()
    [(topic, _, [(key, _, headers)])] = world.sender.sent
    told = dict(headers)
    assert (topic, key, told["dlq.reason"], told["dlq.offset"]) == (DEAD, b"key", b"too_large", b"3")
    assert world.partition.ledger.position == 4


async def test_a_dead_letter_that_is_too_large_goes_without_value_then_with_our_headers_alone() -> None:
    place = {"topic": "tickets", "partition": 0, "offset": 0, "failed_at": ""}
    own = dead_letter_headers([], reason="not_json", sentence="", **place)  # type: ignore[arg-type]
    came = [*LARGE, ("dlq.of", b"another's"), ("dlq.reason", b"the last time's")]
    world = World(RecordTooLargeError(), RecordTooLargeError())
    deliver(world.partition, 0)
    world.outbox.dead_letter(world.partition, 0, b"key", b"value", [*came, *own])
    await world.flushed()
    omitted = ("dlq.value_omitted", b"true")
    assert world.sender.tries == [
        [(b"key", b"value", [*came, *own])],
        [(b"key", None, [*came, *own, omitted])],
        [(None, None, [*own, omitted])],
    ]


async def test_a_batch_that_is_not_taken_is_counted_by_its_topic() -> None:
    world = World(KafkaConnectionError(), TimeoutError())
    deliver(world.partition, 0)
    world.publish(0)
    await world.flushed()
    failures = world.outbox.tally.counters[measures.PUBLISH_FAILURES]
    assert failures == {(world.outbox.output_topic,): 2, (world.outbox.dead_letter_topic,): 0}


@pytest.mark.parametrize(
    ("outcomes", "remedy"),
    [([RecordTooLargeError()] * 3, "max.message.bytes"), ([TopicAuthorizationFailedError()], "WRITE")],
)
async def test_what_no_retry_mends_ends_the_process_with_a_sentence(
    outcomes: list[Outcome], remedy: str
) -> None:
    world = World(*outcomes)
    deliver(world.partition, 0)
    world.outbox.dead_letter(world.partition, 0, None, b"value", [])
    with pytest.RaisesGroup(pytest.RaisesExc(OperatorFault, match=remedy)):
        await world.outbox.run()


@pytest.mark.parametrize(
    ("number", "partitions", "labels", "key", "expected"),
    [
        (3, 4, 4, b"foobar", 3),  # as many partitions: the input's number
        (3, 4, 5, b"foobar", 1),  # else the key decides: Kafka's own clients hash this one to 1357151166
        (3, 4, 2, None, 1),
        (5, 4, 4, b"foobar", 2),  # a partition that the input was given after the start
    ],
)
async def test_an_event_goes_to_the_partition_where_its_key_is_looked_for(
    number: int, partitions: int, labels: int, key: bytes | None, expected: int
) -> None:
    world = World(partitions=partitions, labels=labels)
    world.partition = a_partition(number)
    world.publish(0, key=key)
    await world.flushed()
    assert [partition for _, partition, _ in world.sender.sent] == [expected]
