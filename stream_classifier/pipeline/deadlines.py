"""The urgent deadline: an urgent ticket waits no longer than this for its answer or its turn.

Every urgent record has the same time, so the first to arrive is the first to be due: a queue is enough.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core.answer import Lane, Reason
from stream_classifier.core.journey import Decision, Delivery, Waiting
from stream_classifier.pipeline.departures import Departures


@dataclass(slots=True, kw_only=True)
class Deadlines:
    """Watches urgent records. `now` is the loop's clock in seconds."""

    departures: Departures
    deadline_s: float
    questions: int
    now: Callable[[], float]
    expired: Callable[[Waiting], None]
    _due: deque[Delivery] = field(default_factory=deque)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def watch(self, delivery: Delivery) -> None:
        """An urgent record was read."""
        assert delivery.lane is Lane.URGENT
        self._due.append(delivery)
        self._more.set()

    async def run(self) -> None:
        """Expire what is due, for as long as the process lives."""
        while True:
            if not self._due:
                self._more.clear()
                await self._more.wait()
            due_at = self._due[0].read_at + self.deadline_s
            if due_at > self.now() and not self._due[0].published:
                await asyncio.sleep(due_at - self.now())
            self._expire(self._due.popleft())

    def _expire(self, delivery: Delivery) -> None:
        """A person sees it now: with its label if it has one and only its turn is missing."""
        if delivery.published or not delivery.partition.open:
            return
        self.departures.overtake(delivery)
        for waiting in delivery.tickets:
            if waiting.decision is None:
                self.departures.decide(waiting, self._too_late())
                self.expired(waiting)

    def _too_late(self) -> Decision:
        return Decision(labels=(None,) * self.questions, reason=Reason.DEADLINE)
