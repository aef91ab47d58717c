"""What of one input partition waits for its transaction, and what the next one may hold.

Rules
-----
* A record's events leave together, or not at all.
* A transaction holds what waits, in the order in which it was handed over; there is no linger: what gathers
  while one is under way is the next one's.
* What is published is in the commit's map, or before its position: always. Where the map would leave out
  something, only the records with the lowest offsets go, as many as its room allows, and the others wait.
  Lowest first also keeps the order of a key.
* What was finished early, far beyond what was read, is in the map before anything else
  (`core/finished_map.py`): records that are read and passed over between it and the position could otherwise
  push it out.
* So the line never stands still for good: the record at the position fits whenever it comes, since it
  makes the map no longer (`core/finished_map.py`).
"""

import asyncio
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import takewhile

from stream_classifier.core.finished_map import MAX_CHARS, Mark, decode, encode
from stream_classifier.core.journey import Partition
from stream_classifier.core.runs import Run
from stream_classifier.kafka.items import Item
from stream_classifier.kafka.transactional_producer import Parcel

TRANSACTION_RECORDS = 2_000  # with fewer the broker's work on each transaction shows in the throughput
TRANSACTION_BYTES = 2 * 1024 * 1024  # far from what a slow network moves within a transaction's time

Record = list[Item]
"""All events of one input record, or its dead letter; the last one has its offset."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One transaction. `mark` is what its commit will say; `fits` whether that leaves out nothing that is
    published."""

    records: Sequence[Record]
    offsets: frozenset[int]
    mark: Mark
    whole: bool
    fits: bool

    def parcels(self) -> tuple[list[Parcel], list[list[Item]]]:
        """What is sent, and the items of each parcel."""
        contents: list[list[Item]] = []
        gathering: dict[tuple[str, int], list[Item]] = {}
        for record in self.records:
            for item in record:
                place = item.topic, item.number
                if item.alone or place not in gathering:
                    contents.append([])
                    gathering[place] = contents[-1]
                gathering[place].append(item)
                if item.alone:
                    del gathering[place]
        parcels = [
            Parcel(items[0].topic, items[0].number, [item.sendable for item in items]) for items in contents
        ]
        return parcels, contents


@dataclass(slots=True, eq=False)
class Line:
    """The records of one partition that are decided and not yet committed."""

    partition: Partition
    max_chars: int = MAX_CHARS
    max_records: int = TRANSACTION_RECORDS
    max_bytes: int = TRANSACTION_BYTES
    records: deque[Record] = field(default_factory=deque)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    full: bool = False  # something waits for room in the map
    due: bool = False  # whoever flushes wants the position committed now
    since: float | None = None  # the loop's clock when the transaction under way was begun first
    committed_at: float = 0.0  # on the loop's clock
    failures: int = 0  # in a row
    last: Mark = field(init=False)  # as committed
    _published_to: int = -1  # the highest offset published here, but for those that the map keeps in any case
    _unfinished: Record = field(default_factory=list)  # the first events of a record

    def __post_init__(self) -> None:
        self.last = self.partition.committed

    def put(self, item: Item) -> None:
        """Take an item to send. Whoever serves the line is told, but where only the record at the position
        can help: then of that one."""
        self._unfinished.append(item)
        if item.offset is None:
            return
        self.records.append(self._unfinished)
        self._unfinished = []
        if self.idle.is_set() and not (self.full and item.offset != self.partition.ledger.position):
            self.wake()

    def wake(self) -> None:
        """Have it looked at now."""
        self.idle.clear()
        self.more.set()

    async def rest(self, limit_s: float) -> None:
        """There is nothing to do: wait until there is, or for `limit_s`."""
        self.since = None
        self.due = False
        self.idle.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self.more.wait()
        self.more.clear()

    def next(self) -> Attempt:
        """What the next transaction holds. It may hold no records: then there is none, or none that fits.

        Where not even the record at the position fits, it goes all the same, and `fits` is false."""
        attempt = self._attempt(self._within_bounds(self.records))
        self.full = not attempt.whole
        return attempt if attempt.fits else self._lowest_that_fit()

    def committed(self, attempt: Attempt, now: float) -> None:
        """This transaction is committed."""
        self.last, self.committed_at = attempt.mark, now
        self.since, self.failures = None, 0
        self._published_to = self._highest(attempt.offsets)
        gone = set(map(id, attempt.records))
        if all(id(record) in gone for record, _ in zip(self.records, gone, strict=False)):
            for _ in gone:
                self.records.popleft()
        else:
            self.records = deque(record for record in self.records if id(record) not in gone)
        self.partition.ledger.done(attempt.offsets)

    def _lowest_that_fit(self) -> Attempt:
        """Those at the position go whatever comes; of those beyond, more and more are tried."""
        waiting = self._within_bounds(sorted(self.records, key=_offset))
        pairs = zip(waiting, self.partition.ledger.unfinished, strict=False)
        taken = sum(1 for _ in takewhile(lambda pair: _offset(pair[0]) == pair[1], pairs))
        attempt = self._attempt(waiting[:taken])
        step = 1
        while (taken := taken + step) <= len(waiting) and (more := self._attempt(waiting[:taken])).fits:
            attempt, step = more, 2 * step
        return attempt

    def _within_bounds(self, records: Iterable[Record]) -> list[Record]:
        """The first of these, as many as one transaction takes; at least one."""
        taken: list[Record] = []
        size_bytes = 0
        for record in records:
            for item in record:
                size_bytes += item.size_bytes
            if taken and (size_bytes > self.max_bytes or len(taken) == self.max_records):
                break
            taken.append(record)
        return taken

    def _attempt(self, records: Sequence[Record]) -> Attempt:
        partition, ledger = self.partition, self.partition.ledger
        offsets = frozenset(map(_offset, records))
        position, kept = ledger.position_with(offsets), ledger.kept_runs(offsets)
        runs = ledger.finished_runs(offsets)
        text, whole = encode(partition.topic, partition.number, position, runs, self.max_chars, kept=kept)
        return Attempt(
            records=records,
            offsets=offsets,
            mark=(position, text),
            whole=whole,
            fits=whole or self._holds(position, text, kept, self._highest(offsets)),
        )

    def _holds(self, position: int, text: str, kept: Sequence[Run], highest: int) -> bool:
        """Whether a map that was cut holds all that is published; what it leaves out was passed over, and
        may be passed over again."""
        runs = decode(self.partition.topic, self.partition.number, position, text)
        end = runs[-1][1] if runs else position
        last_kept = kept[-1][1] if kept else position
        return last_kept <= end and (highest < position or any(first <= highest < end for first, end in runs))

    def _highest(self, offsets: Collection[int]) -> int:
        """The highest offset published in its turn when these are published, too."""
        early = self.partition.ledger.was_taken_early
        return max(self._published_to, *(offset for offset in offsets if not early(offset)), -1)


def _offset(record: Record) -> int:
    offset = record[-1].offset
    assert offset is not None, "a record's last event has its offset"
    return offset
