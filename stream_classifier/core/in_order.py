"""Work that is finished in any order and handed out in the order in which it came.

Rules
-----
* What is finished waits until everything before it is finished: it is handed out once, in order.
* What is in the line counts, finished or not: behind a slow head the finished ones take memory, too.
* A first result serves; a later one for the same place, and one for a place that is not in the line, is
  dropped.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

P = TypeVar("P", bound=Hashable)
E = TypeVar("E")
R = TypeVar("R")


@dataclass(slots=True)
class InOrder(Generic[P, E, R]):
    """A line of entries by their places; `size_bytes` is the sum of the sizes that they were entered with."""

    size_bytes: int = 0
    _order: deque[P] = field(default_factory=deque)
    _entries: dict[P, tuple[E, int]] = field(default_factory=dict)
    _finished: dict[P, R] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._order)

    def enter(self, place: P, entry: E, size_bytes: int) -> None:
        """An entry comes last in the line. Raises `ValueError` where its place is taken."""
        if place in self._entries:
            raise ValueError(f"{place} is in the line already")
        self._order.append(place)
        self._entries[place] = entry, size_bytes
        self.size_bytes += size_bytes

    def finish(self, place: P, result: R) -> E | None:
        """This entry has its result. Returned is the entry; None where the result is dropped."""
        held = self._entries.get(place)
        if held is None or place in self._finished:
            return None
        self._finished[place] = result
        return held[0]

    def hand_out(self) -> list[tuple[E, R]]:
        """The finished entries up to the first that is not: they leave the line."""
        run: list[tuple[E, R]] = []
        while self._order and self._order[0] in self._finished:
            place = self._order.popleft()
            entry, size_bytes = self._entries.pop(place)
            self.size_bytes -= size_bytes
            run.append((entry, self._finished.pop(place)))
        return run
