"""Finished offsets as runs: they ascend, and none touches another."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Run = tuple[int, int]
"""Finished offsets, from the first up to but not including the second."""


class Runs:
    """A set of offsets, most of which stand side by side. It is given runs that ascend."""

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = list(joined(runs))

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._runs, offset, key=_first) - 1
        return at >= 0 and offset < self._runs[at][1]

    def add(self, offset: int) -> None:
        """One more, which is not among them."""
        at = bisect_right(self._runs, offset, key=_first)
        touched = self._runs[max(at - 1, 0) : at + 1]
        near = list(joined(sorted([*touched, (offset, offset + 1)])))
        self._runs[max(at - 1, 0) : at + 1] = near

    def beyond(self, position: int) -> Sequence[Run]:
        """Those that end behind this position."""
        return self._runs[bisect_right(self._runs, position, key=_end) :]

    def forget(self, position: int) -> None:
        """Take out those that end before this position, or at it."""
        del self._runs[: bisect_right(self._runs, position, key=_end)]

    def passed(self, position: int) -> int:
        """Where one stands who goes on from here over all that is among them."""
        at = bisect_right(self._runs, position, key=_first) - 1
        return max(position, self._runs[at][1]) if at >= 0 else position


def joined(runs: Iterable[Run]) -> Iterator[Run]:
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


def _first(run: Run) -> int:
    return run[0]


def _end(run: Run) -> int:
    return run[1]
