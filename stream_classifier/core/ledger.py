"""One partition's account: what was delivered, what is done, and up to where a commit may go.

Rules
-----
* Entries are made in delivery order. Offsets rise, but not by one: compaction and transaction markers
  leave holes, so nothing here reckons with `offset + 1` but the commit's own position.
* The position is the first delivered offset that is not done, or where the consumer will read on. It
  never passes what is not done (promise 2).
* Whatever was delivered, lies beyond the position and is not unfinished, is done: so the finished
  offsets need no memory of their own. Holes count as finished; nothing is ever delivered there again.
  Between two unfinished records where only a hole is, there is no run: it would take room in the map
  and spare no work. So each record carries its place in the delivery, in which holes have none.
* What an earlier owner had finished beyond the position (`restored`) is passed over when it is
  delivered again, and stays in the map until the position has passed it.
* A record may be taken before its turn (`take_early`): an urgent one, far beyond what was delivered. Until
  the delivery has come to it the position knows nothing of it. Then it stands among the unfinished like any
  other, or is passed over; also where it is delivered no more, since compaction has taken it.
* What was finished early is `kept` until the position has passed it, as what was restored: what the delivery
  brings between may be passed over, and so lengthen the map, when that is out already.

Only unfinished records take memory, so a storm of a million answered records behind one slow call
costs what that one record costs.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge

from stream_classifier.core.runs import Run, Runs, joined

Held = tuple[int, float, int]
"""An unfinished record's size in bytes, when it was read, and its place among those delivered."""

NONE: frozenset[int] = frozenset()


@dataclass(slots=True)
class Ledger:
    """The account of one partition for one assignment.

    `start` is the committed position at assignment, `restored` the finished runs beyond it: ascending,
    none touching another.
    """

    start: int
    restored: Sequence[Run] = ()
    unfinished: dict[int, Held] = field(default_factory=dict)  # by offset, in delivery order
    early: dict[int, Held] = field(default_factory=dict)  # the same, ascending: taken and not delivered yet
    size_bytes: int = 0
    finished: int = 0  # how many records were done here since the assignment
    _delivered: int = 0
    _next: int = field(init=False)
    _kept: Runs = field(init=False)  # restored, or finished early; those that the position has not passed
    _taken: set[int] = field(default_factory=set)  # taken early and unfinished, delivered since or not
    _read_at: float = 0.0

    def __post_init__(self) -> None:
        self._next = self.start
        self._kept = Runs(self.restored)

    @property
    def next_offset(self) -> int:
        """Past all that was delivered: from here the partition is fetched on."""
        return self._next

    @property
    def position(self) -> int:
        """Up to here (exclusive) everything is done: what a commit may say."""
        return self.position_with(NONE)

    def position_with(self, also: Collection[int]) -> int:
        """The position as it will be when these are done, too: a set, of which none is marked yet."""
        for offset in self.unfinished:
            if offset not in also:
                return offset
        taken = sorted(self._taken.intersection(also)) if self._taken else ()
        position = self._kept.passed(self._next)
        for offset in taken:
            if offset == position:
                position = self._kept.passed(offset + 1)
        return position

    def enter(self, offset: int, size_bytes: int) -> bool:
        """Enter a delivered record. False where it needs no work: it was delivered before in this
        assignment or taken early, or an earlier owner had finished it."""
        if offset < self._next:
            return False
        self._next = offset + 1
        if self.early and self._deliver_early(self._next) == offset:
            return False
        self._delivered += 1
        if self._kept and offset in self._kept:
            return False
        self.unfinished[offset] = (size_bytes, self._read_at, self._delivered)
        self.size_bytes += size_bytes
        return True

    def reach(self, offset: int) -> None:
        """The consumer has read on to `offset` and delivered all that stands before it. What is behind the
        last record (a transaction's marker, a compacted end) is delivered never."""
        self._deliver_early(offset)
        self._next = max(self._next, offset)

    def knows(self, offset: int) -> bool:
        """Whether the record was delivered, taken early, or finished by an earlier owner."""
        return offset < self._next or offset in self.early or offset in self._kept

    def take_early(self, offset: int, size_bytes: int, now: float) -> None:
        """Enter a record before its turn, which the ledger does not know; it was read at `now`."""
        last = next(reversed(self.early), -1)
        self.early[offset] = (size_bytes, now, 0)
        if offset < last:
            self.early = dict(sorted(self.early.items()))
        self._taken.add(offset)
        self.size_bytes += size_bytes

    def was_taken_early(self, offset: int) -> bool:
        """Whether this unfinished record was taken before its turn."""
        return offset in self._taken

    def done(self, offsets: Iterable[int]) -> None:
        """Mark records done: published and acknowledged, or passed over. Unknown offsets are ignored,
        so a repeat does no harm."""
        unfinished = self.unfinished
        for offset in offsets:
            held = unfinished.pop(offset, None)
            if self._taken and offset in self._taken:
                held = held or self.early.pop(offset)
                self._taken.remove(offset)
                self._kept.add(offset)
            if held is not None:
                self.size_bytes -= held[0]
                self.finished += 1

    def mark(self, now: float) -> None:
        """A poll's records follow: they were read at `now`."""
        self._read_at = now

    def oldest_read_at(self) -> float | None:
        """When the oldest unfinished record was read; None where all is done."""
        for _, read_at, _ in self.unfinished.values():
            return read_at
        return None

    def finished_runs(self, also: Collection[int] = NONE) -> Iterator[Run]:
        """The finished runs beyond the position, ascending, apart by at least one unfinished offset; as
        they will be when the set `also` is done, too.

        Made one by one, so that who needs only the first of them pays for no more. To be read before
        the next record is entered or done.
        """
        return joined(merge(self._delivered_runs(also), self.kept_runs(also)))

    def kept_runs(self, also: Collection[int] = NONE) -> Sequence[Run]:
        """Of the finished runs those that the map must hold: restored ones, and what was taken early."""
        self._kept.forget(min(self.position, self._next))
        position = self.position_with(also)
        kept = self._kept.beyond(position)
        if not (also and self._taken):
            return kept
        taken = ((offset, offset + 1) for offset in self._taken.intersection(also))
        return [run for run in joined(sorted((*kept, *taken))) if run[1] > position]

    def runs_to_keep(self) -> Sequence[Run]:
        """What `kept_runs` will be when all is finished that was taken early, and nothing else."""
        return self.kept_runs(self._taken)

    def _delivered_runs(self, also: Collection[int]) -> Iterator[Run]:
        """The gaps between unfinished offsets that hold a delivered record, up to the last delivered."""
        unfinished = (entry for entry in self.unfinished.items() if entry[0] not in also)
        first = next(unfinished, None)
        if first is None:
            return
        after, before = first[0] + 1, first[1][2]
        waiting = len(self.unfinished) - sum(map(self.unfinished.__contains__, also))
        left = self._delivered - before + 1 - waiting  # finished records that no run has held yet
        for offset, (_, _, place) in unfinished:
            if not left:  # behind a backlog nothing is finished: no need to look at all of it
                return
            if place - before > 1:
                yield (after, offset)
                left -= place - before - 1
            after, before = offset + 1, place
        if left:
            yield (after, self._next)

    def _deliver_early(self, end: int) -> int:
        """What stands before `end` and was taken early is delivered now, or never. Returned is the last."""
        last = -1
        while self.early and (first := next(iter(self.early))) < end:
            size_bytes, read_at, _ = self.early.pop(first)
            self._delivered += 1
            self.unfinished[first] = (size_bytes, read_at, self._delivered)
            last = first
        return last
