"""The commit follows the contiguous run of done records, and carries the finished ones beyond it.

Rules
-----
* Each attempt has a time limit: the client's own commit would retry for ever, and a retry after a
  rebalance could go out under the new generation for a partition that another member owns by then.
* A commit that is refused because the group has moved on is no error: the partition is somebody else's.
* A member that the group has dropped commits nothing. The client would send such a commit without a
  generation, and a group that has no member at the moment takes it, even where it goes backwards.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from stream_classifier.core import measures
from stream_classifier.core.finished_map import encode
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment

log = structlog.get_logger(__name__)

ATTEMPT_S = 3.0  # below the drain's budget of 5 s: one that hangs leaves room for the last one
NO_LONGER_MINE = (CommitFailedError, IllegalStateError)

Mark = tuple[int, str]  # position and map, as last committed


@dataclass(slots=True, kw_only=True)
class Commits:
    """Commits one consumer's assignment. `ours` says whether we may still act for it."""

    consumer: AIOKafkaConsumer
    assignment: Assignment
    tally: Tally
    interval_s: float
    ours: Callable[[], bool]
    full_maps: set[TopicPartition] = field(default_factory=set)  # take no more until their map fits
    _last: dict[Partition, Mark] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _attempt: asyncio.Timeout | None = None

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

    async def _try(self, marks: dict[Partition, Mark]) -> None:
        offsets = {TopicPartition(p.topic, p.number): OffsetAndMetadata(*mark) for p, mark in marks.items()}
        try:
            async with asyncio.timeout(ATTEMPT_S) as self._attempt:
                await self.consumer.commit(offsets)
        except NO_LONGER_MINE:
            self.tally.add(measures.OFFSETS_COMMITTED, "not_mine")
            log.info("commit_refused", reason="the group has moved on")
        except (KafkaError, TimeoutError) as error:
            self.tally.add(measures.OFFSETS_COMMITTED, "failed")
            log.warning("commit_failed", error=type(error).__name__)
        else:
            self.tally.add(measures.OFFSETS_COMMITTED, "committed")
            self._last = {p: mark for p, mark in (self._last | marks).items() if p.open}
        finally:
            self._attempt = None

    def _new_marks(self) -> dict[Partition, Mark]:
        """Positions and maps that differ from what was committed. A partition that was never committed
        is, even where nothing is done: so that it begins there again."""
        marks = {}
        self.full_maps = set()
        for tp, partition in self.assignment.partitions.items():
            position = partition.ledger.position
            text, whole = encode(tp.topic, tp.partition, position, partition.ledger.finished_runs())
            if not whole:
                self.full_maps.add(tp)
            if self._last.get(partition) != (position, text):
                marks[partition] = (position, text)
        return marks
