"""When a batch is closed, and what goes into it.

A batch is closed by count, by tokens, or by the deadline of the *oldest* text in it, measured from that
text's arrival: not from the last batch, so that the first text after a quiet time waits for company as
long as any other. Texts gather until a call can be made, so a batch fills up while every call slot is taken.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class ClosedBy(StrEnum):
    """Why a batch was closed."""

    COUNT = "count"
    TOKENS = "tokens"
    DEADLINE = "deadline"
    ALONE = "alone"  # one text that may not stand beside others


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPolicy:
    """The three bounds. `max_tokens` are those of the records, without the system message; a text that
    has more by itself goes alone."""

    max_tickets: int
    max_tokens: int
    max_wait_s: float


@dataclass(slots=True)
class Gathering(Generic[T]):
    """Texts that gather for batches, first come first served."""

    policy: BatchPolicy
    _texts: OrderedDict[T, tuple[float, int]] = field(default_factory=OrderedDict)  # arrived, tokens
    _tokens: int = 0

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, text: T) -> bool:
        return text in self._texts

    def add(self, text: T, tokens: int, arrived: float, *, first: bool = False) -> None:
        """A text arrived at `arrived` (seconds of the loop's clock). `first` puts it before all others:
        it was asked already and has waited longest. One that waits here already takes this place."""
        self.discard(text)
        self._texts[text] = (arrived, tokens)
        self._tokens += tokens
        if first:
            self._texts.move_to_end(text, last=False)

    def discard(self, text: T) -> bool:
        """Take a text out, because it was answered elsewhere. False where it does not wait here."""
        entry = self._texts.pop(text, None)
        if entry is None:
            return False
        self._tokens -= entry[1]
        return True

    def due_at(self) -> float | None:
        """When the oldest text's deadline is; None where nothing waits.

        The first in line is not always the oldest (of two texts put first, the later one is), so all are
        looked at. `ready` does so only while they are fewer than a batch.
        """
        oldest = min((arrived for arrived, _ in self._texts.values()), default=None)
        return None if oldest is None else oldest + self.policy.max_wait_s

    def first_due_at(self) -> float | None:
        """The deadline of the first in line; None where nothing waits."""
        return next((arrived + self.policy.max_wait_s for arrived, _ in self._texts.values()), None)

    @property
    def full(self) -> ClosedBy | None:
        """Which bound of a batch has been reached, if one has."""
        if len(self._texts) >= self.policy.max_tickets:
            return ClosedBy.COUNT
        return ClosedBy.TOKENS if self._tokens >= self.policy.max_tokens else None

    def ready(self, now: float) -> ClosedBy | None:
        """Why a batch could be closed now, or None where it may still fill up."""
        if self.full is not None:
            return self.full
        due_at = self.due_at()
        return ClosedBy.DEADLINE if due_at is not None and now >= due_at else None

    def upcoming(self) -> list[T]:
        """The next batch, without taking it: the oldest texts, as many as the bounds allow, at least one."""
        batch: list[T] = []
        tokens = 0
        for text, (_, size) in self._texts.items():
            if len(batch) == self.policy.max_tickets or (batch and tokens + size > self.policy.max_tokens):
                break
            batch.append(text)
            tokens += size
        return batch

    def take(self) -> list[T]:
        """The next batch: its texts wait here no longer."""
        batch = self.upcoming()
        for text in batch:
            self.discard(text)
        return batch
