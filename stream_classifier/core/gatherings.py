"""Texts that gather apart: a batch holds one group's texts only (a tenant's, where tenants share no call).

Rules
-----
* Each group fills its own batches by the policy of all. A group whose oldest text is overdue goes before
  one that is only full, and of several that are overdue the one that has waited longest: so a tenant that
  sends little does not stand behind one that sends much.
* Groups may be many and small, so none is looked at without need: `_due` holds for each a time that its
  deadline is not before, and only the one at the front of the queue is looked at more closely. The deadline
  of a group with more than a batch is that of its first text, which takes no search for the oldest.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from stream_classifier.core.batch import BatchPolicy, ClosedBy, Gathering

T = TypeVar("T", bound=Hashable)


@dataclass(slots=True)
class Gatherings(Generic[T]):
    """A `Gathering` a group. Times are seconds of the loop's clock."""

    policy: BatchPolicy
    _groups: dict[Hashable, Gathering[T]] = field(default_factory=dict)
    _group_of: dict[T, Hashable] = field(default_factory=dict)
    _full: dict[Hashable, None] = field(default_factory=dict)  # in the order in which they filled
    _due: dict[Hashable, float] = field(default_factory=dict)
    _queue: list[tuple[float, int, Hashable]] = field(default_factory=list)  # heap of `_due`, some stale
    _numbers: "count[int]" = field(default_factory=count)

    def __len__(self) -> int:
        return len(self._group_of)

    def __contains__(self, text: T) -> bool:
        return text in self._group_of

    def __iter__(self) -> Iterator[T]:
        return iter(self._group_of)

    def add(
        self, text: T, tokens: int, arrived: float, *, first: bool = False, group: Hashable = None
    ) -> None:
        """A text of this group arrived at `arrived`. `first` puts it before the others of its group."""
        self.discard(text)
        gathering = self._groups.get(group)
        if gathering is None:
            gathering = self._groups[group] = Gathering(self.policy)
        gathering.add(text, tokens, arrived, first=first)
        self._group_of[text] = group
        due_at = arrived + self.policy.max_wait_s
        if due_at < self._due.get(group, float("inf")):
            self._queue_at(group, due_at)
        if gathering.full is not None:
            self._full[group] = None

    def discard(self, text: T) -> bool:
        """Take a text out. False where it does not wait here."""
        if text not in self._group_of:
            return False
        group = self._group_of.pop(text)
        gathering = self._groups[group]
        gathering.discard(text)
        if not gathering:
            del self._groups[group], self._due[group]
            self._full.pop(group, None)
        elif group in self._full and gathering.full is None:
            del self._full[group]
            self._queue_at(group, _deadline(gathering))
        return True

    def due_at(self) -> float | None:
        """No deadline is before this; None where nothing waits."""
        self._drop_stale()
        return self._queue[0][0] if self._queue else None

    def ready(self, now: float) -> ClosedBy | None:
        """Why a batch could be closed now, or None where all may still fill up."""
        gathering = self._ready(now)
        return None if gathering is None else gathering.ready(now)

    def upcoming(self, now: float) -> list[T]:
        """The next batch, without taking it: of a group that is ready, else of the one that may be due
        first. Empty where nothing waits."""
        gathering = self._ready(now)
        if gathering is None:
            if self.due_at() is None:
                return []
            gathering = self._groups[self._queue[0][2]]
        return gathering.upcoming()

    def _ready(self, now: float) -> Gathering[T] | None:
        """The group whose turn it is."""
        while (due_at := self.due_at()) is not None and due_at <= now:
            group = self._queue[0][2]
            deadline = _deadline(self._groups[group])
            if deadline <= due_at:
                return self._groups[group]
            self._queue_at(group, deadline)  # its oldest has left
        return self._groups[next(iter(self._full))] if self._full else None

    def _queue_at(self, group: Hashable, due_at: float) -> None:
        self._due[group] = due_at
        heappush(self._queue, (due_at, next(self._numbers), group))

    def _drop_stale(self) -> None:
        """What was queued for a group that is gone, or that was queued anew since."""
        while self._queue and self._due.get(self._queue[0][2]) != self._queue[0][0]:
            heappop(self._queue)


def _deadline(gathering: Gathering[T]) -> float:
    due_at = gathering.due_at() if gathering.full is None else gathering.first_due_at()
    assert due_at is not None, "a group that holds nothing is not kept"
    return due_at
