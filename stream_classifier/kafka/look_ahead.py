"""A second reader, which looks for urgent records beyond what was read, where the first one rests or is slow.

Behind a backlog that is larger than what may be in flight an urgent record would wait until the reading
comes to it, for hours perhaps. This reader goes on from where the first one is, holds nothing but the urgent
records that it finds, and follows the partitions to their ends.

Rules
-----
* It looks ahead while reading rests at its bounds, or takes in much that must be asked for, ten times as
  slowly as what is known. Else it rests, and ends when the reading has come to where it is: without such a
  backlog there is no connection and no cost.
* It belongs to no group and commits nothing. What it takes is entered in the partition's ledger, and stands
  in its commits.
* Whatever happens to it, the first reader goes on: it is begun anew after a while. A record is either taken
  by the first reader in its turn, or was taken here; never by both.
* It works in slices, between which all else has its turn.
* What it passes is not looked at again in this assignment. So a record whose schema is not known yet is
  waited for, and one that there is no room for, too.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from stream_classifier.core import measures
from stream_classifier.core.backpressure import Backpressure
from stream_classifier.core.finished_map import has_room
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment
from stream_classifier.kafka.consumer import leave, request_s
from stream_classifier.kafka.header_names import accept_any_header_name
from stream_classifier.kafka.lag import Lag
from stream_classifier.kafka.turns import Turns
from stream_classifier.kafka.unread import Reader, Unread
from stream_classifier.settings.kafka import Kafka

log = structlog.get_logger(__name__)

LOOK_S = 0.05  # how soon it is noticed that reading rests or is slow
FAR_RECORDS = 500  # unread: fewer are read within a tenth of a second, slowly too
POLL_MS = 250  # while there is nothing to read; what comes is handed over at once
POLL_RECORDS = 500  # two milliseconds to take them out of what was fetched
READ_OVER = (
    5_000  # records that the first reader has passed: to skip them means to fetch anew, and to lose more
)
SLICE_S = 0.003  # of work at a time: what an urgent ticket's other steps may wait for it
FETCH_BYTES = 2 << 20  # of one broker's answer, which is in memory twice while it is read
METADATA_MS = 5_000  # a partition's new leader is noticed within this
OPEN_S = 15.0
RETRY_S = 5.0
LINGER_S = 10.0  # reading comes and goes at its bounds, and a connection costs more than to wait
MAX_BYTES = 8 << 20  # of records that were taken early and are not done, beside the bounds of the others

Record: TypeAlias = ConsumerRecord[bytes, bytes]


class Early(Protocol):
    """Takes urgent records before their turn, without waiting."""

    def room(self) -> bool:
        """Whether more can be taken now."""

    def find(self, partition: Partition, record: Record) -> bool:
        """Take this record if it is urgent; True where it was taken."""


class First(Protocol):
    """The first reader."""

    settings: Kafka
    client: dict[str, Any]
    assignment: Assignment
    backpressure: Backpressure
    lag: Lag
    turns: Turns
    reader: Reader | None
    tally: Tally

    @property
    def now(self) -> Callable[[], float]:
        """The loop's clock in seconds."""

    def reading(self) -> bool:
        """Whether it goes on."""


@dataclass(slots=True, kw_only=True)
class LookAhead:
    """Looks ahead of one session's reader."""

    first: First
    early: Early
    new_consumer: Callable[[First], AIOKafkaConsumer] | None = None  # None: the client's own
    unread: Unread = field(init=False)
    _places: dict[TopicPartition, int] = field(default_factory=dict)  # up to here it has looked
    _generation: int = -1
    _wanted_at: float = 0.0
    _slice_ends: float = 0.0

    def __post_init__(self) -> None:
        self.unread = Unread(self.first.reader)

    async def run(self) -> None:
        """Look ahead whenever reading rests, for as long as the session lives."""
        while True:
            await asyncio.sleep(LOOK_S)
            if self._is_wanted():
                try:
                    await self._look()
                except (KafkaError, TimeoutError, IllegalStateError) as error:
                    log.warning("look_ahead_failed", error=type(error).__name__, retry_after_s=RETRY_S)
                    await asyncio.sleep(RETRY_S)

    def ahead(self) -> dict[int, int]:
        """By partition, how many offsets it is beyond what was read."""
        partitions = self.first.assignment.partitions
        return {
            tp.partition: max(place - partitions[tp].ledger.next_offset, 0)
            for tp, place in self._places.items()
            if tp in partitions
        }

    def _is_wanted(self) -> bool:
        if not (self.first.reading() and self.first.assignment.taking and self.first.assignment.partitions):
            return False
        if self._is_far_behind() or any(self.ahead().values()):
            self._wanted_at = self.first.now()
        return self._wanted_at > 0 and self.first.now() - self._wanted_at < LINGER_S

    def _is_far_behind(self) -> bool:
        """Whether what stands beyond would have to wait for the first reader."""
        if self.first.backpressure.full:
            return True
        return self.first.turns.slow and self.first.lag.unread() > FAR_RECORDS

    async def _look(self) -> None:
        consumer = (self.new_consumer or _consumer)(self.first)
        try:
            async with asyncio.timeout(OPEN_S):
                await consumer.start()
            log.info("look_ahead_began")
            await self._follow(consumer)
            log.info("look_ahead_ended")
        finally:
            self._places, self._generation, self._wanted_at = {}, -1, 0.0
            await leave(consumer)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while self._is_wanted():
            if self._generation != self.first.assignment.generation:
                self._begin(consumer)
            self._steer(consumer)
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
            self._slice_ends = self.first.now() + SLICE_S
            for tp, records in polled.items():
                await self._search(consumer, tp, records)
            await asyncio.sleep(0)

    def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Begin where the first reader is, with the partitions that are ours now."""
        self._generation = self.first.assignment.generation
        self.unread = Unread(self.first.reader)
        self._places = {tp: one.ledger.next_offset for tp, one in self.first.assignment.partitions.items()}
        consumer.assign(list(self._places))
        for tp, place in self._places.items():
            consumer.seek(tp, place)

    def _steer(self, consumer: AIOKafkaConsumer) -> None:
        """Have those rest where nothing is to be looked for, or for which there is no room; none far behind
        the first reader."""
        rest, far = self.unread.waiting(), self._is_far_behind()
        for tp, partition in self.first.assignment.partitions.items():
            if not (far and self._has_room(partition)):
                rest.add(tp)
            elif partition.ledger.next_offset - self._places[tp] > READ_OVER:
                self._go_to(consumer, tp, partition.ledger.next_offset)
        paused = consumer.paused()
        if to_pause := rest - paused:
            consumer.pause(*to_pause)
        if to_resume := paused - rest:
            consumer.resume(*to_resume)

    async def _search(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, records: Sequence[Record]
    ) -> None:
        """Look through what a poll has brought of a partition, as far as it can be read and taken now."""
        generation, partition = self._generation, self.first.assignment.partitions.get(tp)
        if partition is None or self.first.assignment.generation != generation:
            return
        ready, looked = self.unread.ready(tp, partition, records), 0
        room = self._has_room(partition)
        while looked < ready and room:
            if self.first.now() >= self._slice_ends:
                await asyncio.sleep(0)
                self._slice_ends = self.first.now() + SLICE_S
                if self.first.assignment.generation != generation:
                    return
            if self.early.find(partition, records[looked]):
                room = self._has_room(partition)
            looked += 1
        self.first.tally.add(measures.LOOKED_AHEAD, n=looked)
        self._places[tp] = records[looked - 1].offset + 1 if looked else self._places[tp]
        if looked < len(records):
            self._go_to(consumer, tp, records[looked].offset)

    def _go_to(self, consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> None:
        consumer.seek(tp, offset)
        self._places[tp] = offset

    def _has_room(self, partition: Partition) -> bool:
        """Whether one more may be taken: by the lane, by its size, and by what a commit can tell."""
        held = (one.ledger.early.values() for one in self.first.assignment.partitions.values())
        size_bytes = sum(size for early in held for size, _, _ in early)
        ledger = partition.ledger
        return (
            self.early.room() and size_bytes < MAX_BYTES and has_room(ledger.position, ledger.runs_to_keep())
        )


def _consumer(first: First) -> AIOKafkaConsumer:
    """A consumer without a group, not started."""
    accept_any_header_name()
    return AIOKafkaConsumer(
        **first.client,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
        metadata_max_age_ms=METADATA_MS,
        request_timeout_ms=round(request_s(first.settings) * 1000),
    )
