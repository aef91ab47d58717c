"""What stands in for aiokafka's consumer and for the producer, behind the interface that we use of them."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.errors import ProducerClosed

from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.kafka.producer import Sendable

TOPIC = "tickets"


def tp(number: int) -> TopicPartition:
    return TopicPartition(TOPIC, number)


def a_partition(number: int = 0, start: int = 0) -> Partition:
    return Partition(topic=TOPIC, number=number, ledger=Ledger(start=start))


def deliver(partition: Partition, *offsets: int) -> None:
    for offset in offsets:
        partition.ledger.enter(offset, 1)


def record(offset: int, partition: int = 0, value: bytes = b"{}") -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(TOPIC, partition, offset, 0, 0, None, value, None, -1, len(value), ())


Polled = dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]


@dataclass(eq=False)
class FakeConsumer:
    """A consumer whose polls and commits are scripted. What a poll has nothing for, it waits for."""

    polls: deque[Polled | BaseException] = field(default_factory=deque)
    commits: list[dict[TopicPartition, OffsetAndMetadata]] = field(default_factory=list)
    commit_hook: Callable[[], object] | None = None  # raises or waits for what becomes of the next commit
    seeks: list[tuple[int, int]] = field(default_factory=list)
    assigned: set[TopicPartition] = field(default_factory=set)
    resting: set[TopicPartition] = field(default_factory=set)
    ends: dict[TopicPartition, int] = field(default_factory=dict)  # as fetches have told them
    asked_ends: dict[TopicPartition, int] = field(default_factory=dict)  # as the broker tells who asks
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    listener: ConsumerRebalanceListener | None = None
    stop_s: float = 0.0
    stopped: bool = False
    _coordinator: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(generation=1))
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def drop(self) -> None:
        """The group has forgotten this member."""
        self._coordinator.generation = -1

    def poll_brings(self, polled: Polled | BaseException) -> None:
        self.polls.append(polled)
        self._more.set()

    def subscribe(self, topics: Sequence[str], listener: ConsumerRebalanceListener) -> None:
        assert list(topics) == [TOPIC]
        self.listener = listener

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        await asyncio.sleep(self.stop_s)
        self.stopped = True

    async def getmany(self, *, timeout_ms: int, max_records: int) -> Polled:
        if not self.polls:
            self._more.clear()
            try:
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._more.wait()
            except TimeoutError:
                return {}
        polled = self.polls.popleft()
        if isinstance(polled, BaseException):
            raise polled
        return polled

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if self.commit_hook is not None and (waiting := self.commit_hook()) is not None:
            assert asyncio.iscoroutine(waiting)
            await waiting
        self.commits.append(dict(offsets))

    async def position(self, partition: TopicPartition) -> int:
        if partition not in self.positions:
            await asyncio.Event().wait()  # a client that looks for it
        return self.positions[partition]

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.ends.get(partition)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.asked_ends[tp] for tp in partitions}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.seeks.append((partition.partition, offset))
        self.positions[partition] = offset

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.assigned = set(partitions)

    def assignment(self) -> Collection[TopicPartition]:
        return self.assigned

    def paused(self) -> set[TopicPartition]:
        return set(self.resting)

    def pause(self, *partitions: TopicPartition) -> None:
        self.resting |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.resting -= set(partitions)


Outcome = BaseException | int | None  # what a send raises; how many it takes; None: all


@dataclass(eq=False)
class FakeSender:
    """A producer whose sends are scripted: `outcomes` in turn, then all go well. `gate`, where closed,
    holds them."""

    counts: dict[str, int]
    outcomes: deque[Outcome] = field(default_factory=deque)
    sent: list[tuple[str, int, list[Sendable]]] = field(default_factory=list)
    tries: list[list[Sendable]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    abandoned: int = 0

    def __post_init__(self) -> None:
        self.gate.set()

    def partitions(self, topic: str) -> int:
        return self.counts[topic]

    async def send(self, topic: str, partition: int, records: Sequence[Sendable]) -> int:
        self.tries.append(list(records))
        abandoned = self.abandoned
        await self.gate.wait()
        if abandoned != self.abandoned:
            raise ProducerClosed
        outcome = self.outcomes.popleft() if self.outcomes else None
        if isinstance(outcome, BaseException):
            raise outcome
        taken = list(records)[:outcome]
        self.sent.append((topic, partition, taken))
        return len(taken)

    def abandon(self) -> None:
        self.abandoned += 1
        self.gate.set()

    def values(self, topic: str) -> list[bytes | None]:
        """What arrived on the topic, in order."""
        return [value for name, _, records in self.sent if name == topic for _, value, _ in records]
