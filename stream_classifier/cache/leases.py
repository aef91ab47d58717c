"""This replica's leases, kept in the backend that all replicas share.

`core/leases.py` says what a lease is and decides; here it meets the backend, its faults and the clock. Any
fault of the backend ends all leases, since what came of the last claim is not known then: the backend is left
alone for longer than a name lasts.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from stream_classifier.cache.backend import SharedBackend
from stream_classifier.cache.breaker import WRITE
from stream_classifier.cache.cache import Cache
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask
from stream_classifier.core.leases import RENEW_S, Claims, Leaseholder

MAX_GIVEN_BACK = 500
"""Leases a round trip: below a millisecond of the backend's time, as with what is claimed at once."""


@dataclass(slots=True, kw_only=True)
class Leases:
    """Claims texts, keeps them, gives them back. `in_flight` says whether bulk is asking a text; `now` is the
    loop's clock."""

    cache: Cache
    backend: SharedBackend
    holder: Leaseholder
    in_flight: Callable[[bytes], bool]
    now: Callable[[], float]
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def claim(self, keys: Sequence[bytes], late: Callable[[Claims], None]) -> Claims:
        """Look these texts up and lease those that nobody knows or asks. No claims where the backend does
        not answer in time: then they are asked without a lease, and `late` is handed what comes all the
        same."""
        name, sent_at = self.holder.name(self.now()), self.now()
        claims = await self.cache.look_up(
            WRITE, partial(self.backend.claim, name, keys), late=partial(self._too_late, name, late)
        )
        if claims is None:
            return Claims()
        self.holder.renewed(name, sent_at)
        self.holder.claimed(name, claims.leased)
        return Claims(known=self.cache.learn(claims.known), elsewhere=claims.elsewhere, leased=claims.leased)

    def landed(self, ask: Ask, *, in_vain: bool) -> None:
        """An ask is over. Only bulk's texts are leased."""
        if ask.lane is Lane.BULK:
            self._end(ask.key, in_vain=in_vain)

    def unused(self, key: bytes) -> None:
        """A text that was leased is not asked after all."""
        self._end(key, in_vain=False)

    async def run(self) -> None:
        """Renew the name while anything is leased, and give back what has ended, as long as the process
        lives."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._ended.wait()
            self._ended.clear()
            await self._give_back()
            if self.holder.renewal_due(self.now()):
                await self._renew()

    def _end(self, key: bytes, *, in_vain: bool) -> None:
        self.holder.end(key, in_vain=in_vain)
        self._ended.set()

    def _too_late(self, name: str, late: Callable[[Claims], None], claims: Claims) -> None:
        """What was claimed is being asked by now, or not at all."""
        self.holder.claimed(name, claims.leased)
        for key in claims.leased:
            if not self.in_flight(key):
                self.unused(key)
        late(Claims(known=self.cache.learn(claims.known), elsewhere=claims.elsewhere))

    async def _renew(self) -> None:
        name, sent_at = self.holder.name(self.now()), self.now()

        async def renew() -> bool:
            await self.backend.renew(name)
            return True

        if await self.cache.attempt(WRITE, renew):
            self.holder.renewed(name, sent_at)

    async def _give_back(self) -> None:
        name = self.holder.name(self.now())
        while ended := self.holder.give_back(self.cache.unwritten, MAX_GIVEN_BACK):
            await self.cache.attempt(WRITE, partial(self.backend.give_back, name, ended))
