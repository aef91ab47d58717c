"""A store that replicas share, in memory and on the loop's clock, for tests of what they do with it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stream_classifier.cache import CacheFault
from stream_classifier.cache.spend import DayAndLane, Spends
from stream_classifier.core.known import Known
from stream_classifier.core.leases import LEASE_S, Claims

ROUND_TRIP_S = 1 / 64  # a power of two: sums of times stay exact
IN_VAIN_S = 2.0


def now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class SharedStore:
    """What lies there. `away`: nobody can reach it; `round_trip_s`: how long it takes to answer."""

    known: dict[bytes, Known] = field(default_factory=dict)
    leases: dict[bytes, str] = field(default_factory=dict)
    names_until: dict[str, float] = field(default_factory=dict)
    in_vain_until: dict[bytes, float] = field(default_factory=dict)
    claims: list[int] = field(default_factory=list)  # texts, of each round trip
    away: bool = False
    round_trip_s: float = ROUND_TRIP_S

    def replica(self) -> "Replica":
        """One replica's way to it."""
        return Replica(self)

    def holder(self, key: bytes) -> str | None:
        """Who asks this text, if that replica lives."""
        name = self.leases.get(key)
        return name if name is not None and self.names_until.get(name, 0.0) > now() else None


@dataclass(slots=True)
class Replica:
    """A `SharedBackend`."""

    store: SharedStore
    name: str = "shared"
    _named: str | None = None

    async def open(self) -> None: ...

    async def close(self) -> None:
        self.store.names_until.pop(self._named or "", None)

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        await self._trip()
        return {key: self.store.known[key] for key in keys if key in self.store.known}

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        await self._trip()
        self.store.known.update(entries)

    async def spent(self) -> Spends:
        return {}

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None: ...

    async def claim(self, name: str, keys: Sequence[bytes]) -> Claims:
        await self._trip()
        store, self._named = self.store, name
        store.claims.append(len(keys))
        store.names_until[name] = now() + LEASE_S
        elsewhere, leased = set(), set()
        for key in set(keys) - store.known.keys():
            if store.holder(key) not in (None, name):
                elsewhere.add(key)
            elif store.in_vain_until.get(key, 0.0) <= now():
                store.leases[key] = name
                leased.add(key)
        return Claims(
            known={key: store.known[key] for key in keys if key in store.known},
            elsewhere=elsewhere,
            leased=leased,
        )

    async def renew(self, name: str) -> None:
        await self._trip()
        self.store.names_until[name] = now() + LEASE_S

    async def give_back(self, name: str, ended: Mapping[bytes, bool]) -> None:
        await self._trip()
        for key, in_vain in ended.items():
            if self.store.leases.get(key) == name:
                del self.store.leases[key]
                if in_vain:
                    self.store.in_vain_until[key] = now() + IN_VAIN_S

    async def _trip(self) -> None:
        if self.store.away:
            raise CacheFault("connection refused")
        await asyncio.sleep(self.store.round_trip_s)
