"""A coordinator of transactions and its producers, as a broker has them: epochs, and all or nothing."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaConnectionError, ProducerClosed, ProducerFenced

from stream_classifier.core.finished_map import Mark
from stream_classifier.kafka.transactional_producer import Parcel, ParcelsTooLarge

Written = tuple[str, int, bytes | None]  # topic, partition, value


class Fate(Enum):
    """What becomes of a transaction whose answer is lost."""

    ABORTED = "aborted"
    COMMITTED = "committed"


Outcome = Fate | BaseException | None  # None: it goes well


@dataclass(eq=False)
class FakeCoordinator:
    """What the broker knows. `outcomes` are those of the next transactions in turn, `starts` of the next
    starts; `gate`, where closed, holds transactions before they are sent."""

    marks: dict[TopicPartition, Mark] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    transactions: list[list[Written]] = field(default_factory=list)
    outcomes: deque[Outcome] = field(default_factory=deque)
    starts: deque[BaseException] = field(default_factory=deque)
    tries: int = 0
    epochs: Counter[TopicPartition] = field(default_factory=Counter)
    read_after_epoch: Counter[TopicPartition] = field(default_factory=Counter)
    unclosed: set["FakeTransactionalProducer"] = field(default_factory=set)
    most_bytes: int = 1_000
    close_s: float = 0.0  # what closing a producer takes
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    read_hook: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.gate.set()

    def producer(self, tp: TopicPartition) -> "FakeTransactionalProducer":
        return FakeTransactionalProducer(self, tp)

    async def read_mark(self, tp: TopicPartition) -> Mark:
        self.read_hook()
        self.read_after_epoch[tp] = self.epochs[tp]
        return self.marks.get(tp, (-1, ""))

    def commit(self, tp: TopicPartition, written: list[Written], mark: Mark) -> None:
        self.written += written
        self.transactions.append(written)
        self.marks[tp] = mark

    @property
    def values(self) -> list[bytes | None]:
        return [value for _, _, value in self.written]


@dataclass(eq=False)
class FakeTransactionalProducer:
    """One producer of the coordinator; it keeps the rules that the real one has for its callers."""

    coordinator: FakeCoordinator
    tp: TopicPartition
    epoch: int = 0
    started: bool = False
    failed: bool = False
    _cut: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.coordinator.unclosed.add(self)

    async def start(self) -> None:
        if self._cut.is_set():
            raise ProducerClosed
        if self.coordinator.starts:
            raise self.coordinator.starts.popleft()
        await self._pass_the_gate()
        self.coordinator.epochs[self.tp] += 1
        self.epoch = self.coordinator.epochs[self.tp]
        self.started = True

    async def transact(
        self, parcels: Sequence[Parcel], offsets: Mapping[TopicPartition, OffsetAndMetadata], group_id: str
    ) -> None:
        assert self.started
        assert not self.failed, "a producer that has failed is used again"
        coordinator, self.failed = self.coordinator, True
        assert coordinator.read_after_epoch[self.tp] == self.epoch, "no mark was read after the start"
        coordinator.tries += 1
        await self._pass_the_gate()
        if self.epoch != coordinator.epochs[self.tp]:
            raise ProducerFenced
        outcome = coordinator.outcomes.popleft() if coordinator.outcomes else None
        if isinstance(outcome, BaseException):
            raise outcome
        if large := [index for index, parcel in enumerate(parcels) if self._is_large(parcel)]:
            raise ParcelsTooLarge(large)
        written = [
            (topic, partition, value) for topic, partition, records in parcels for _, value, _ in records
        ]
        if outcome is not Fate.ABORTED:
            [(tp, commit)] = offsets.items()
            coordinator.commit(tp, written, (commit.offset, commit.metadata))
        if outcome is not None:
            raise KafkaConnectionError
        self.failed = False

    def cut_off(self) -> None:
        self._cut.set()

    async def close(self) -> None:
        self.cut_off()
        await asyncio.sleep(self.coordinator.close_s)
        self.coordinator.unclosed.discard(self)

    async def _pass_the_gate(self) -> None:
        """Wait for the gate, or for the end of this producer."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self.coordinator.gate, self._cut)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._cut.is_set():
            raise TimeoutError

    def _is_large(self, parcel: Parcel) -> bool:
        size = sum(
            len(value or b"") + sum(len(h[1]) for h in headers) for _, value, headers in parcel.records
        )
        return size > self.coordinator.most_bytes
