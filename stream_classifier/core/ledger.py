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

Only unfinished records take memory, so a storm of a million answered records behind one slow call
costs what that one record costs.
"""

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

Run = tuple[int, int]
"""Finished offsets, from the first up to but not including the second."""

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
    size_bytes: int = 0
    finished: int = 0  # how many records were done here since the assignment
    _delivered: int = 0
    _next: int = field(init=False)
    _ahead: deque[Run] = field(init=False)  # of `restored`, what delivery has not passed yet
    _read_at: float = 0.0

    def __post_init__(self) -> None:
        self._next = self.start
        self._ahead = deque(self.restored)

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
        return self._past_restored(self._next)

    def enter(self, offset: int, size_bytes: int) -> bool:
        """Enter a delivered record. False where it needs no work: it was delivered before in this
        assignment, or an earlier owner had finished it."""
        if offset < self._next:
            return False
        self._next = offset + 1
        self._delivered += 1
        if self._ahead and self._was_finished(offset):
            return False
        self.unfinished[offset] = (size_bytes, self._read_at, self._delivered)
        self.size_bytes += size_bytes
        return True

    def reach(self, offset: int) -> None:
        """The consumer has read on to `offset` and delivered all that stands before it. What is behind the
        last record (a transaction's marker, a compacted end) is delivered never."""
        self._next = max(self._next, offset)

    def done(self, offsets: Iterable[int]) -> None:
        """Mark records done: published and acknowledged, or passed over. Unknown offsets are ignored,
        so a repeat does no harm."""
        unfinished = self.unfinished
        for offset in offsets:
            held = unfinished.pop(offset, None)
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
        position = self.position_with(also)
        ahead = (run for run in self._ahead if run[1] > position)
        return _joined(chain(self._delivered_runs(also), ahead))

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

    def _was_finished(self, offset: int) -> bool:
        ahead = self._ahead
        while ahead and ahead[0][1] <= offset:
            ahead.popleft()
        return bool(ahead) and ahead[0][0] <= offset

    def _past_restored(self, position: int) -> int:
        """Where all that was delivered is done, the position may go on over what was finished before."""
        for first, end in self._ahead:
            if first > position:
                break
            position = max(position, end)
        return position


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs that ascend by their first offset, those that touch or overlap made one."""
    pending: Run | None = None
    for first, end in runs:
        if pending is None:
            pending = (first, end)
        elif first <= pending[1]:
            pending = (pending[0], max(pending[1], end))
        else:
            yield pending
            pending = (first, end)
    if pending is not None:
        yield pending
