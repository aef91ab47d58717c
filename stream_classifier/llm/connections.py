"""Connections that are kept for the next call, and taken and given back without a look at the others.

httpx' own pool goes through all its connections for each request and again for each response, and httpcore
1.0.9 does so once more for each that is idle (httpcore pull request 1035): with 256 calls side by side that
was 20 ms of processor time a call. So each call has an httpx client to itself, whose pool is of one.

Rules
-----
* Used last, used next: where few calls are under way, few connections are in use, and the others grow old.
* One that was idle for `KEEPALIVE_S` is closed by the next call that ends.
* A new one is made where none is idle. How many there may be is for whoever calls to bound.
"""

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

KEEPALIVE_S = 30.0
"""An idle connection is kept for the next batch, and let go before common load balancers (60 s) cut it."""


@dataclass(slots=True)
class Connections:
    """httpx clients made by `new`, one for each call under way. The first is made at once, so that settings
    that no client can be made of are a fault at the start. `now` gives seconds that never go back."""

    new: Callable[[], httpx.AsyncClient]
    now: Callable[[], float] = time.monotonic
    _idle: deque[tuple[float, httpx.AsyncClient]] = field(init=False)  # since when; the longest idle first
    _closed: bool = False

    def __post_init__(self) -> None:
        self._idle = deque([(self.now(), self.new())])

    @asynccontextmanager
    async def one(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client that nobody else uses until the block ends."""
        client = self._idle.pop()[1] if self._idle else self.new()
        try:
            yield client
        finally:
            self._idle.append((self.now(), client))
            await self._close_until(float("inf") if self._closed else self.now() - KEEPALIVE_S)

    async def close(self) -> None:
        """Close those that are idle now, and each of the others when its call has ended."""
        self._closed = True
        await self._close_until(float("inf"))

    async def _close_until(self, idle_since: float) -> None:
        while self._idle and self._idle[0][0] <= idle_since:
            await self._idle.popleft()[1].aclose()
