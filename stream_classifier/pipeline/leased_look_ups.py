"""Bulk's look-ups where replicas share what they know: what another one is asking waits for its answer.

One round trip looks up what has come and what waits, and leases what nobody is asking. The rules of leases
stand in `core/leases.py`. Urgent tickets never come here.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.journey import Waiting
from stream_classifier.core.known import Known
from stream_classifier.core.leases import Claims, WaitingRoom
from stream_classifier.core.tally import Tally
from stream_classifier.pipeline.look_ups import Fetch

MAX_TEXTS = 500
"""Texts a round trip: about 5 ms of ours and 1 of Redis', which serves nobody else meanwhile."""


class Leasing(Protocol):
    """Where texts are claimed before they are asked."""

    async def claim(self, keys: Sequence[bytes], late: Callable[[Claims], None]) -> Claims:
        """Claim these texts, within the cache's own time limit; no claims where that cannot be had, and what
        comes after it is for `late`."""

    def unused(self, key: bytes) -> None:
        """A text that was leased is not asked after all."""


@dataclass(slots=True, kw_only=True)
class LeasedLookUps:
    """Looks texts up for the bulk lane. `looked_up` takes each ticket back, and `take_back` hands back those
    of a text that it was told to ask and has not called yet; `in_flight` says whether a text
    is being asked here; `fetch` gives what is known of keys that are never leased; `now` is the loop's clock.
    Once `stopping`, nothing is claimed any more."""

    leases: Leasing
    room: WaitingRoom[Waiting]
    fetch: Fetch
    peek: Callable[[bytes], Known | None]
    looked_up: Callable[[Waiting, Known | None], None]
    take_back: Callable[[bytes], Sequence[Waiting]]
    in_flight: Callable[[bytes], bool]
    stopping: Callable[[], bool]
    tally: Tally
    now: Callable[[], float]
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, waiting: Waiting) -> None:
        """Look this ticket's text up."""
        self.room.add(waiting.bulk_key, waiting)
        self._more.set()

    async def run(self) -> None:
        """Look up what was added, and again what waits, until the process stops."""
        while True:
            await self._due()
            if self.stopping():
                return
            keys = self.room.due(self.now(), MAX_TEXTS)
            # An urgent ticket may have brought the answer meanwhile.
            unknown = [key for key in keys if not self._known(key, self.peek(key))]
            if unknown:
                await self._claim(unknown)

    async def _due(self) -> None:
        """Wait until there is a text to look up."""
        while (at := self.room.next_look_at()) is None or at > self.now():
            self._more.clear()
            try:
                async with asyncio.timeout_at(at):
                    await self._more.wait()
            except TimeoutError:
                return

    async def _claim(self, keys: Sequence[bytes]) -> None:
        claims = await self.leases.claim(keys, self._too_late)
        of_others = await self._of_other_models([key for key in keys if key not in claims.known])
        for key in [] if self.stopping() else keys:  # what is not asked any more is left to Kafka
            elsewhere = key in claims.elsewhere
            if self._known(key, claims.known.get(key) or of_others.get(key)):
                continue
            if elsewhere and self._wanted(key) and self.room.may_wait(key, self.now()):
                continue
            self._ended(key, "patience" if elsewhere else "lapse")
            for waiting in self.room.leave(key):
                self.looked_up(waiting, None)
        for key in claims.leased:
            if not self.in_flight(key):  # nobody waits for it any more
                self.leases.unused(key)

    def _too_late(self, claims: Claims) -> None:
        """The texts are being asked; but while they wait for their call, what has come serves as well."""
        for key, known in claims.known.items():
            for waiting in self.take_back(key):
                self.looked_up(waiting, known)
        for key in [] if self.stopping() else claims.elsewhere:
            for waiting in self.take_back(key):
                self.add(waiting)

    async def _of_other_models(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """Answers of models that serve at the moment: their keys are looked up, and never leased."""
        others = {key: [other for other in self.room.tickets(key)[0].keys if other != key] for key in keys}
        wanted = [other for each in others.values() for other in each]
        known = await self.fetch(wanted) if wanted else {}
        found = {key: next((known[o] for o in each if o in known), None) for key, each in others.items()}
        return {key: answer for key, answer in found.items() if answer is not None}

    def _known(self, key: bytes, known: Known | None) -> bool:
        if known is None:
            return False
        self._ended(key, "answer")
        for waiting in self.room.leave(key):
            self.looked_up(waiting, known)
        return True

    def _wanted(self, key: bytes) -> bool:
        return any(waiting.live and not waiting.asks for waiting in self.room.tickets(key))

    def _ended(self, key: bytes, by: str) -> None:
        if self.room.waited(key):
            self.tally.add(measures.LEASE_WAITS, by)
