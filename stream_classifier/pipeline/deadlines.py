"""The urgent deadline: an urgent ticket waits no longer than this for its answer or its turn.

Every urgent record has the same time, so the first to arrive is the first to be due: a queue is enough.
Records that have left are taken out when their turn comes, and all of them whenever the queue has doubled:
it is never longer than twice the urgent records in flight, however many passed through within a deadline.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core.answer import Lane, Reason
from stream_classifier.core.journey import Decision, Delivery, Waiting
from stream_classifier.pipeline.departures import Departures

TIDY_MIN = 1024  # records; a shorter queue is not worth a look


@dataclass(slots=True, kw_only=True)
class Deadlines:
    """Watches urgent records. `now` is the loop's clock in seconds; `given_up` is told of a record before
    it leaves, `expired` of each of its tickets that had no answer."""

    departures: Departures
    deadline_s: float
    questions: int
    now: Callable[[], float]
    given_up: Callable[[Delivery], None]
    expired: Callable[[Waiting], None]
    _due: deque[Delivery] = field(default_factory=deque)
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _tidy_at: int = TIDY_MIN

    def watch(self, delivery: Delivery) -> None:
        """An urgent record was read."""
        assert delivery.lane is Lane.URGENT
        if len(self._due) >= self._tidy_at:
            self._due = deque(filter(_here, self._due))
            self._tidy_at = max(2 * len(self._due), TIDY_MIN)
        self._due.append(delivery)
        self._more.set()

    async def run(self) -> None:
        """Expire what is due, for as long as the process lives."""
        while True:
            while self._due and not _here(self._due[0]):
                self._due.popleft()
            if not self._due:
                self._more.clear()
                await self._more.wait()
            elif (left_s := self._due[0].read_at + self.deadline_s - self.now()) > 0:
                await asyncio.sleep(left_s)
            else:
                self._expire(self._due.popleft())

    def _expire(self, delivery: Delivery) -> None:
        """A person sees it now: with its label if it has one and only its turn is missing."""
        self.given_up(delivery)
        self.departures.overtake(delivery)
        for waiting in delivery.tickets:
            if waiting.decision is None:
                self.departures.decide(waiting, self._too_late())
                self.expired(waiting)

    def _too_late(self) -> Decision:
        return Decision(labels=(None,) * self.questions, reason=Reason.DEADLINE)


def _here(delivery: Delivery) -> bool:
    """True while the record may still be published."""
    return not delivery.published and delivery.partition.open
