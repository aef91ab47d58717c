"""The commit follows the contiguous run of done records, and carries the finished ones beyond it.

Rules
-----
* Each attempt has a time limit: the client's own commit would retry for ever, and a retry after a
  rebalance could go out under the new generation for a partition that another member owns by then.
* A commit that is refused because the group has moved on is no error: the partition is somebody else's.
* A member that the group has dropped commits nothing. The client would send such a commit without a
  generation, and a group that has no member at the moment takes it, even where it goes backwards.
* A commit that arrives says that the group still knows us, so one is made every now and then also where
  there is nothing new. Where none has arrived for as long as a session, the group may have gone on without
  us: nothing is published then (`in_touch`), since its next owner may be publishing the same.
* A failure that repeats itself is told at growing distances: the 1st, 2nd, 4th, 8th in a row.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from stream_classifier.core import measures
from stream_classifier.core.finished_map import Mark, encode
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment

log = structlog.get_logger(__name__)

ATTEMPT_S = 3.0  # below the drain's budget of 5 s: one that hangs leaves room for the last one
NO_LONGER_MINE = (CommitFailedError, IllegalStateError)


@dataclass(slots=True, kw_only=True)
class Commits:
    """Commits one consumer's assignment. `ours` says whether we may still act for it; `patience_s` is how
    long the group waits for a sign of life."""

    consumer: AIOKafkaConsumer
    assignment: Assignment
    tally: Tally
    interval_s: float
    ours: Callable[[], bool]
    now: Callable[[], float]
    patience_s: float
    full_maps: set[TopicPartition] = field(default_factory=set)  # take no more until their map fits
    _last: dict[Partition, Mark] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _attempt: asyncio.Timeout | None = None
    _heard_at: float = field(init=False)
    _failures: int = 0
    _held: bool = False

    def __post_init__(self) -> None:
        self._heard_at = self.now()

    async def claim(self, tps: Collection[TopicPartition]) -> None:
        """Nothing keeps an earlier owner out but the group: it refuses the commits of who has left it."""

    def begin(self, partitions: Collection[Partition]) -> None:
        """The group has given us these partitions."""
        self.heard(self.now())

    async def run(self) -> None:
        """Commit what is new, every `interval_s`."""
        while True:
            await asyncio.sleep(self.interval_s)
            await self.commit()

    async def commit(self) -> None:
        """One attempt, under its time limit. A failure is told and counted; the next attempt says the
        same and more."""
        async with self._turn:
            marks = self._new_marks()
            if marks and self.ours():
                await self._try(marks)

    def give_up(self) -> None:
        """End the attempt that is under way: its partitions are no longer ours."""
        if self._attempt is not None and not self._attempt.expired():
            self._attempt.reschedule(0)

    def committed(self, partition: Partition) -> int:
        """The last position that was committed, or where the partition began."""
        return self._last.get(partition, (partition.ledger.start, ""))[0]

    def mark(self, partition: Partition) -> Mark:
        """The last mark that was committed, or what the partition was assigned with."""
        return self._last.get(partition, partition.committed)

    def heard(self, at: float) -> None:
        """The group knew us at that moment: it took a commit, or gave us partitions."""
        self._heard_at = at
        if self._failures:
            log.info("commit_resumed", failed=self._failures)
        self._failures = 0
        if self._held:
            log.info("publishing_resumed")
            self._held = False

    def in_touch(self) -> bool:
        """Whether the group has given a sign of itself lately. If not, it may have gone on without us."""
        return not self.assignment.partitions or self._silent_s() <= self.patience_s

    def _silent_s(self) -> float:
        return self.now() - self._heard_at

    async def _try(self, marks: dict[Partition, Mark]) -> None:
        began = self.now()
        offsets = {TopicPartition(p.topic, p.number): OffsetAndMetadata(*mark) for p, mark in marks.items()}
        try:
            async with asyncio.timeout(ATTEMPT_S) as self._attempt:
                await self.consumer.commit(offsets)
        except NO_LONGER_MINE:
            self.tally.add(measures.OFFSETS_COMMITTED, "not_mine")
            log.info("commit_refused", reason="the group has moved on")
        except (KafkaError, TimeoutError) as error:
            self.tally.add(measures.OFFSETS_COMMITTED, "failed")
            self._failed(error)
        else:
            self.heard(began)
            self.tally.add(measures.OFFSETS_COMMITTED, "committed")
            self._last = {p: mark for p, mark in (self._last | marks).items() if p.open}
            for partition, mark in marks.items():
                if partition.follower is not None:
                    partition.follower.committed(mark)
        finally:
            self._attempt = None

    def _failed(self, error: BaseException) -> None:
        self._failures += 1
        if self._failures.bit_count() == 1:  # a power of two
            log.warning("commit_failed", error=type(error).__name__, in_a_row=self._failures)
        if not self._held and not self.in_touch():
            self._held = True
            log.error("publishing_held", silent_s=round(self._silent_s(), 1))

    def _new_marks(self) -> dict[Partition, Mark]:
        """Positions and maps that differ from what was committed; all of them where nothing was heard of
        the group for long. A partition that was never committed is, even where nothing is done: so that it
        begins there again."""
        marks = {}
        anyway = self._silent_s() > self.patience_s / 2  # leaves time for another try
        self.full_maps = set()
        for tp, partition in self.assignment.partitions.items():
            ledger = partition.ledger
            position, kept = ledger.position, ledger.kept_runs()
            text, whole = encode(tp.topic, tp.partition, position, ledger.finished_runs(), kept=kept)
            if not whole:
                self.full_maps.add(tp)
            if anyway or self._last.get(partition) != (position, text):
                marks[partition] = (position, text)
        return marks
