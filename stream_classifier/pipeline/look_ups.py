"""What the cache's backend knows, asked for many tickets in one go.

While one look-up is out, tickets gather for the next: under load each round trip carries more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from stream_classifier.core.journey import Waiting
from stream_classifier.core.known import Known

Fetch = Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, Known]]]


@dataclass(slots=True, kw_only=True)
class LookUps:
    """One lane's look-ups, so that an urgent one never waits behind bulk's. `fetch` gives what is known
    of these keys, within the cache's own time limit; `looked_up` takes each ticket back."""

    fetch: Fetch
    looked_up: Callable[[Waiting, Known | None], None]
    _waiting: list[Waiting] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, waiting: Waiting) -> None:
        """Look this ticket's text up."""
        self._waiting.append(waiting)
        self._more.set()

    async def run(self) -> None:
        """Look up what was added, for as long as the process lives."""
        while True:
            await self._more.wait()
            self._more.clear()
            waiting, self._waiting = self._waiting, []
            known = await self.fetch(list({key for ticket in waiting for key in ticket.keys}))
            for ticket in waiting:
                found = [known[key] for key in ticket.keys if key in known]
                self.looked_up(ticket, found[0] if found else None)
