"""What the store remembers of tickets, asked for many in one go, before anything is done about them.

While one look-up is out, tickets gather for the next: a poll costs one round trip, or few.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stream_classifier.core.journey import Waiting
from stream_classifier.pipeline.preparing import Prepared

MAX_TICKETS = 500
"""A round trip, about a poll's: what is read in 5 ms, so that no look-up is given up as too late."""


@dataclass(slots=True, kw_only=True)
class Recalls:
    """One lane's look-ups, so that an urgent one never waits behind bulk's. `recall` asks the store, within
    the cache's own time limit; `recalled` takes each ticket back."""

    recall: Callable[[Sequence[Waiting]], Awaitable[None]]
    recalled: Callable[[Waiting, Prepared], None]
    _waiting: deque[tuple[Waiting, Prepared]] = field(default_factory=deque)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, waiting: Waiting, prepared: Prepared) -> None:
        """Look this ticket up."""
        self._waiting.append((waiting, prepared))
        self._more.set()

    async def run(self) -> None:
        """Look up what was added, for as long as the process lives."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                some = [self._waiting.popleft() for _ in range(min(MAX_TICKETS, len(self._waiting)))]
                await self.recall([waiting for waiting, _ in some])
                for waiting, prepared in some:
                    self.recalled(waiting, prepared)
