"""One partition's account: what was delivered, what is done, and up to where a commit may go.

Rules
-----
* Entries are made in delivery order. Offsets rise, but not by one: compaction and transaction markers
  leave holes, so nothing here reckons with `offset + 1` but the commit's own position.
* The position is the first delivered offset that is not done, or one past the last delivered. It never
  passes what is not done (promise 2).
* Whatever was delivered, lies beyond the position and is not unfinished, is done: so the finished
  offsets need no memory of their own. Holes count as finished; nothing is ever delivered there again.
* What an earlier owner had finished beyond the position (`restored`) is passed over when it is
  delivered again, and stays in the map until the position has passed it.

Only unfinished records take memory, so a storm of a million answered records behind one slow call
costs what that one record costs.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

Run = tuple[int, int]
"""Finished offsets, from the first up to but not including the second."""


@dataclass(slots=True)
class Ledger:
    """The account of one partition for one assignment.

    `start` is the committed position at assignment, `restored` the finished runs beyond it.
    """

    start: int
    restored: Sequence[Run] = ()
    unfinished: dict[int, int] = field(default_factory=dict)  # offset -> bytes, in delivery order
    size_bytes: int = 0
    finished: int = 0  # how many records were done here since the assignment
    _next: int = field(init=False)
    _marks: deque[tuple[int, float]] = field(default_factory=deque)  # (first offset, when) of polls

    def __post_init__(self) -> None:
        self._next = self.start

    @property
    def next_offset(self) -> int:
        """One past the last delivered offset: from here the partition is fetched on."""
        return self._next

    @property
    def position(self) -> int:
        """Up to here (exclusive) everything is done: what a commit may say."""
        if not self.unfinished:
            return self._past_restored(self._next)
        return next(iter(self.unfinished))

    def enter(self, offset: int, size_bytes: int) -> bool:
        """Enter a delivered record. False where it needs no work: it was delivered before in this
        assignment, or an earlier owner had finished it."""
        if offset < self._next:
            return False
        self._next = offset + 1
        if self.restored and self._was_finished(offset):
            return False
        self.unfinished[offset] = size_bytes
        self.size_bytes += size_bytes
        return True

    def done(self, offsets: Iterable[int]) -> None:
        """Mark records done: published and acknowledged, or passed over. Unknown offsets are ignored,
        so a repeat does no harm."""
        unfinished = self.unfinished
        for offset in offsets:
            size_bytes = unfinished.pop(offset, None)
            if size_bytes is not None:
                self.size_bytes -= size_bytes
                self.finished += 1

    def mark(self, now: float) -> None:
        """A poll's records follow: they were read at `now`."""
        if not self._marks or self._marks[-1][0] != self._next:
            self._marks.append((self._next, now))

    def oldest_read_at(self) -> float | None:
        """When the oldest unfinished record was read; None where all is done."""
        position = self.position
        while len(self._marks) > 1 and self._marks[1][0] <= position:
            self._marks.popleft()
        return self._marks[0][1] if self.unfinished and self._marks else None

    def finished_runs(self) -> Iterator[Run]:
        """The finished runs beyond the position, ascending, apart by at least one unfinished offset."""
        runs = self._delivered_runs() if self.unfinished else iter(())
        return _joined(runs, [(a, b) for a, b in self.restored if b > self.position])

    def _delivered_runs(self) -> Iterator[Run]:
        """The gaps between unfinished offsets, up to the last delivered."""
        offsets = iter(self.unfinished)
        after = next(offsets) + 1
        for offset in offsets:
            if offset > after:
                yield (after, offset)
            after = offset + 1
        if self._next > after:
            yield (after, self._next)

    def _was_finished(self, offset: int) -> bool:
        at = bisect_right(self.restored, offset, key=_first) - 1
        return at >= 0 and offset < self.restored[at][1]

    def _past_restored(self, position: int) -> int:
        """Where all that was delivered is done, the position may go on over what was finished before."""
        for first, end in self.restored:
            if first <= position < end:
                return end
        return position


def _first(run: Run) -> int:
    return run[0]


def _joined(runs: Iterable[Run], others: Iterable[Run]) -> Iterator[Run]:
    """Two ascending lists of runs as one, those that touch made one."""
    pending: Run | None = None
    for run in sorted([*runs, *others]):
        if pending is None or run[0] > pending[1]:
            if pending is not None:
                yield pending
            pending = run
        else:
            pending = (pending[0], max(pending[1], run[1]))
    if pending is not None:
        yield pending
