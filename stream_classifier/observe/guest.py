"""A connection to the HTTP face that can neither hold its place by silence nor take the place of a probe.

Rules
-----
* A request's head is there within `HEAD_S` of the connection, or of its first byte on one that is kept alive.
  uvicorn has no limit for that: its own stops at the first byte.
* There are `MAX_CONNECTIONS` at most. One more takes the place of the one that has been without a request for
  the longest, so that a probe gets through however many wait. A request under way is never cut off by this.
* A body is not waited for: nothing here reads one.
"""

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_S = 10.0
"""A head is one packet; this is for the worst of networks."""
MAX_CONNECTIONS = 100
"""Probes, scrapers and 16 screens are a third of it; of a process' 1,024 files the stream needs the rest."""


class Guest(H11Protocol):
    """One connection."""

    head_s = HEAD_S
    max_connections = MAX_CONNECTIONS
    silent_since = 0.0  # by the loop's clock; of use while no request is under way
    _giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """It has come: its time runs, and it may have to take another's place."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self.max_connections:
            waiting = [guest for guest in self.connections if isinstance(guest, Guest) and guest.waits]
            min(waiting, key=lambda guest: guest.silent_since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._give_up_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a head, or of a body that nobody reads."""
        super().data_received(data)
        if not self.waits:
            self._give_up_no_more()
        elif self._giving_up is None:
            self._await_head()

    def on_response_complete(self) -> None:
        """From here on it is silent, or still sends a body that nobody wants."""
        self.silent_since = self.loop.time()
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._await_head()

    @property
    def waits(self) -> bool:
        """Whether no request is under way."""
        under_way: RequestResponseCycle | None = self.cycle
        return under_way is None or under_way.response_complete

    def _await_head(self) -> None:
        self.silent_since = self.loop.time()
        self._giving_up = self.loop.call_later(self.head_s, self.transport.abort)

    def _give_up_no_more(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None
