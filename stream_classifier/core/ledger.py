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

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

Run = tuple[int, int]
"""Finished offsets, from the first up to but not including the second."""

Held = tuple[int, float]
"""An unfinished record's size in bytes, and when it was read."""


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
    _next: int = field(init=False)
    _ahead: deque[Run] = field(init=False)  # of `restored`, what delivery has not passed yet
    _read_at: float = 0.0

    def __post_init__(self) -> None:
        self._next = self.start
        self._ahead = deque(self.restored)

    @property
    def next_offset(self) -> int:
        """One past the last delivered offset: from here the partition is fetched on."""
        return self._next

    @property
    def position(self) -> int:
        """Up to here (exclusive) everything is done: what a commit may say."""
        for offset in self.unfinished:
            return offset
        return self._past_restored(self._next)

    def enter(self, offset: int, size_bytes: int) -> bool:
        """Enter a delivered record. False where it needs no work: it was delivered before in this
        assignment, or an earlier owner had finished it."""
        if offset < self._next:
            return False
        self._next = offset + 1
        if self._ahead and self._was_finished(offset):
            return False
        self.unfinished[offset] = (size_bytes, self._read_at)
        self.size_bytes += size_bytes
        return True

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
        for _, read_at in self.unfinished.values():
            return read_at
        return None

    def finished_runs(self) -> Iterator[Run]:
        """The finished runs beyond the position, ascending, apart by at least one unfinished offset.

        Made one by one, so that who needs only the first of them pays for no more. To be read before
        the next record is entered or done.
        """
        position = self.position
        return _joined(chain(self._delivered_runs(), (run for run in self._ahead if run[1] > position)))

    def _delivered_runs(self) -> Iterator[Run]:
        """The gaps between unfinished offsets, up to the last delivered."""
        if not self.unfinished:
            return
        offsets = iter(self.unfinished)
        after = next(offsets) + 1
        for offset in offsets:
            if offset > after:
                yield (after, offset)
            after = offset + 1
        if self._next > after:
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
