"""The commit follows the contiguous run of done records, and carries the finished ones beyond it.

Each attempt has a time limit: the client's own commit would retry for ever, and a retry after a
rebalance could go out under the new generation for a partition that another member owns by then. A
commit that is refused because the group has moved on is no error: the partition is somebody else's.
"""

import asyncio
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
    """Commits one consumer's assignment."""

    consumer: AIOKafkaConsumer
    assignment: Assignment
    tally: Tally
    interval_s: float
    full_maps: set[TopicPartition] = field(default_factory=set)  # take no more until their map fits
    _last: dict[Partition, Mark] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

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
            if not marks:
                return
            try:
                async with asyncio.timeout(ATTEMPT_S):
                    await self.consumer.commit({tp: OffsetAndMetadata(*mark) for tp, mark in marks.items()})
            except NO_LONGER_MINE:
                self.tally.add(measures.OFFSETS_COMMITTED, "not_mine")
                log.info("commit_refused", reason="the group has moved on")
            except (KafkaError, TimeoutError) as error:
                self.tally.add(measures.OFFSETS_COMMITTED, "failed")
                log.warning("commit_failed", error=type(error).__name__)
            else:
                self.tally.add(measures.OFFSETS_COMMITTED, "committed")
                self._remember(marks)

    def committed(self, partition: Partition) -> int:
        """The last position that was committed, or where the partition began."""
        return self._last.get(partition, (partition.ledger.start, ""))[0]

    def _new_marks(self) -> dict[TopicPartition, Mark]:
        """Positions and maps that differ from what was committed. A partition that was never committed
        is, even where nothing is done: so that it begins there again."""
        marks = {}
        for tp, partition in self.assignment.partitions.items():
            position = partition.ledger.position
            text, whole = encode(tp.topic, tp.partition, position, partition.ledger.finished_runs())
            (self.full_maps.discard if whole else self.full_maps.add)(tp)
            if self._last.get(partition) != (position, text):
                marks[tp] = (position, text)
        return marks

    def _remember(self, marks: dict[TopicPartition, Mark]) -> None:
        """Keep what was committed of the partitions that are still open."""
        partitions = self.assignment.partitions
        self._last = {p: mark for p, mark in self._last.items() if p.open}
        self._last |= {partitions[tp]: mark for tp, mark in marks.items() if tp in partitions}
