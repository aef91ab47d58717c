"""The cache as the rest sees it: a memory front, and behind it, if wanted, a backend that outlives us.

Rules:

* `peek` and `store` never wait: they are the hot path. `fetch` waits for the backend, at most `timeout_s`.
* What is stored is in the front at once. One writer task takes it on to the backend in batches; what
  waits for it is bounded, and the oldest goes first (and is counted) where the backend is too slow.
* A backend that fails is left alone for `REST_S` and then tried again; meanwhile the front goes on, as
  if there were no backend. One log line when it goes, one when it is back; nothing is raised.
* A TTL that was shortened holds for old entries too: none is used longer than `ttl_s` after it was written.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from itertools import islice
from types import TracebackType
from typing import Self

import structlog

from stream_classifier.cache.backend import Backend, CacheFault
from stream_classifier.cache.front import MemoryFront
from stream_classifier.core.known import Known
from stream_classifier.core.measures import CACHE_FAULTS
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)

MAX_PENDING = 10_000
"""Entries that may wait for the writer: about 10 MB, and a minute's worth at the dearest rates."""
WRITE_BATCH = 50
"""Entries a write. A read may have to wait for one: 3 ms as a rule, 29 where it falls on a checkpoint
(measured, 100,000 and a million entries). With 200 it was 25 as a rule, too near to a fetch's 50."""
REST_S = 30.0
"""How long a failing backend is left alone: short beside the time in which a person clears a disk."""
FLUSH_S = 2.0
"""What closing may take to write the rest: a lost cache entry costs a call, a late exit costs a kill."""


class Cache:
    """Known texts by 32-byte key. Use as `async with cache:`; the end writes what is still waiting.

    `ttl_s`: the longest that an entry is used; `timeout_s`: the longest that `fetch` waits; `clock` gives
    unix seconds.
    """

    def __init__(
        self,
        front: MemoryFront,
        backend: Backend | None,
        *,
        ttl_s: float,
        timeout_s: float,
        tally: Tally,
        clock: Callable[[], float],
    ) -> None:
        self.peek = front.get  # the front's own method: nothing comes between on the hot path
        self.dropped = 0  # entries that never reached the backend
        self._front = front
        self._backend = backend
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self._tally = tally
        self._clock = clock
        self._pending: dict[bytes, Known] = {}
        self._wake = asyncio.Event()
        self._closing = asyncio.Event()
        self._rests_until = 0.0  # the loop's time
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the backend and start the writer. Raises the backend's `OperatorFault`."""
        if self._backend is not None:
            async with AsyncExitStack() as life:
                life.push_async_callback(self._backend.close)
                await self._backend.open()
                writers = await life.enter_async_context(asyncio.TaskGroup())
                writer = writers.create_task(self._write(self._backend), name="cache-writer")
                life.push_async_callback(self._finish, writer)
                self._life = life.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Without the error: the writer is to finish all the same, and a TaskGroup would wrap it.
        await self._life.aclose()

    @property
    def backend(self) -> str:
        """The metrics' label for where this cache keeps its entries."""
        return self._backend.name if self._backend else "memory"

    async def fetch(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """What the backend knows of these keys; also put into the front. Empty where it fails or
        takes longer than `timeout_s`."""
        if self._backend is None or not keys or self._resting() or self._closing.is_set():
            return {}
        try:
            async with asyncio.timeout(self._timeout_s):
                found = await self._backend.get_many(keys)
        except TimeoutError:
            self._tally.add(CACHE_FAULTS, self._backend.name)
            return {}
        except CacheFault as fault:
            self._rest(self._backend, fault)
            return {}
        self._works(self._backend)
        return self._into_front(found)

    def store(self, entries: Mapping[bytes, Known]) -> None:
        """Keep these entries: in the front at once, in the backend soon."""
        for key, known in entries.items():
            self._front.put(key, known)
        if self._backend is not None:
            self._pending |= entries
            self._drop(len(self._pending) - MAX_PENDING)
            self._wake.set()

    def _into_front(self, found: Mapping[bytes, Known]) -> dict[bytes, Known]:
        now, kept = self._clock(), {}
        for key, known in found.items():
            # An entry "written in the future" comes from a clock that was wrong: count from now.
            known.expires_at = min(known.expires_at, min(known.written_at, now) + self._ttl_s)
            if known.expires_at > now:
                kept[key] = known
                self._front.put(key, known)
        return kept

    async def _write(self, backend: Backend) -> None:
        while not self._closing.is_set() or self._pending:
            await self._wake.wait()
            self._wake.clear()
            while self._pending:
                await self._rested()
                if not await self._write_batch(backend) and self._closing.is_set():
                    return

    async def _write_batch(self, backend: Backend) -> bool:
        """Write the oldest entries that wait; they wait on where that fails."""
        batch = dict(islice(self._pending.items(), WRITE_BATCH))
        try:
            await backend.put_many(batch)
        except CacheFault as fault:
            self._rest(backend, fault)
            return False
        self._works(backend)
        for key, known in batch.items():
            if self._pending.get(key) is known:  # else: stored anew meanwhile
                del self._pending[key]
        return True

    def _rest(self, backend: Backend, fault: CacheFault) -> None:
        self._tally.add(CACHE_FAULTS, backend.name)
        if not self._rests_until:
            log.error("cache_backend_failed", backend=backend.name, error=str(fault), retry_after_s=REST_S)
        self._rests_until = asyncio.get_running_loop().time() + REST_S

    def _works(self, backend: Backend) -> None:
        if self._rests_until:
            self._rests_until = 0.0
            log.info("cache_backend_back", backend=backend.name, waiting=len(self._pending))

    def _resting(self) -> bool:
        return asyncio.get_running_loop().time() < self._rests_until

    async def _rested(self) -> None:
        """Return when the backend may be tried again; at once when closing, for a last try."""
        if self._resting():
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._rests_until):
                    await self._closing.wait()

    async def _finish(self, writer: asyncio.Task[None]) -> None:
        self._closing.set()
        self._wake.set()
        await asyncio.wait([writer], timeout=FLUSH_S)
        writer.cancel()
        self._drop(len(self._pending))

    def _drop(self, excess: int) -> None:
        if excess <= 0:
            return
        if not self.dropped:
            log.warning("cache_writes_dropped", backend=self.backend, entries=excess)
        self.dropped += excess
        for key in list(islice(self._pending, excess)):
            del self._pending[key]
