"""The cache as the rest sees it: a memory front, and behind it, if wanted, a backend that outlives us.

Rules:

* `peek` and `store` never wait: they are the hot path. `fetch` waits for the backend, at most `timeout_s` for
  each piece of what it asks for; a look-up that is given up runs on under the backend's own limits, since to
  break it off would cost a connection, which a backend that is slow already must then make anew.
* What is stored or spent is in memory at once, and goes on to the backend soon (`writer`).
* A backend that fails, or is too slow again and again, is left alone for a while (`breaker`); meanwhile the
  front goes on, as if there were no backend. Nothing is raised.
* A TTL that was shortened holds for old entries too: none is used longer than `ttl_s` after it was written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

from stream_classifier.cache.backend import Backend, CacheFault, NoteStore, SharedBackend
from stream_classifier.cache.breaker import READ, BackendBreaker
from stream_classifier.cache.front import MemoryFront
from stream_classifier.cache.spend import DaySpend
from stream_classifier.cache.writer import Writer
from stream_classifier.core.known import Known, usable_until
from stream_classifier.core.tally import Tally
from stream_classifier.core.updates import Note

FETCH_KEYS = 500
"""Keys a look-up, about a poll's. SQLite takes 5 ms for so many at a million entries, so a backlog that is
read at a restart is looked up wholly, where one look-up of thousands would be given up as too late."""
MAX_LATE = 20
"""Look-ups that were given up and have not ended; each holds a connection or a place in a queue."""
HELD_SHARE = 0.2
"""Of the time limit: woken so much too late, we know that the loop was at work, and nothing of the backend.
A backlog that is read at a restart holds it for tens of milliseconds at a time, and what is given up then is
asked and paid for again."""
RECALL_S = 5.0
"""How long the start waits for what was spent today: a disk that is slower has other troubles."""
FLUSH_S = 2.0
"""What closing may take to write the rest: a lost cache entry costs a call, a late exit costs a kill."""

Found = TypeVar("Found")


def _nobody_wants(_late: object) -> None:
    pass


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
        self._front = front
        self._backend = backend
        self.keeps_notes = isinstance(backend, NoteStore)  # notes of tickets outlive this process
        self._ttl_s = ttl_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._spent = DaySpend()
        self._breaker = BackendBreaker(self.backend, tally, waiting=lambda: len(self._writer.pending))
        self._writer = Writer(self._spent, self._breaker)
        self._look_ups: set[asyncio.Task[Any]] = set()
        self._tasks = asyncio.TaskGroup()
        self._life = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the backend and start the writer. Raises the backend's `OperatorFault`."""
        if self._backend is not None:
            async with AsyncExitStack() as life:
                life.push_async_callback(self._backend.close)
                await self._backend.open()
                await self._recall(self._backend)
                self._tasks = await life.enter_async_context(asyncio.TaskGroup())
                writing = self._tasks.create_task(self._writer.run(self._backend), name="cache-writer")
                life.push_async_callback(self._finish, writing)
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

    @property
    def shared(self) -> SharedBackend | None:
        """The backend, where replicas share it."""
        return self._backend if isinstance(self._backend, SharedBackend) else None

    @property
    def notes_lost(self) -> int:
        """How many notes never reached the backend."""
        return self._writer.notes_lost

    async def recall(self, keys: Sequence[bytes]) -> dict[bytes, bytes] | None:
        """The notes under these keys; None where the backend does not answer in time. What is on its way to
        the backend counts as written."""
        if not isinstance(self._backend, NoteStore):
            return None
        found = await self.look_up(READ, partial(self._backend.read_notes, keys))
        if found is None:
            return None
        waiting = self._writer.notes
        return found | {key: waiting[key].value for key in keys if key in waiting}

    def remember(self, notes: Mapping[bytes, Note]) -> None:
        """Keep these notes in the backend, soon, and in this order."""
        if self.keeps_notes:
            self._writer.add_notes(notes)

    @property
    def dropped(self) -> int:
        """How many entries never reached the backend."""
        return self._writer.dropped

    async def fetch(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        """What the backend knows of these keys; also put into the front. Many are asked for a piece at a
        time, and the first piece that fails or takes longer than `timeout_s` is the last."""
        found = dict[bytes, Known]()
        for first in range(0, len(keys), FETCH_KEYS):
            some = await self.fetch_piece(keys[first : first + FETCH_KEYS])
            if some is None:
                break
            found |= some
        return found

    async def fetch_piece(self, keys: Sequence[bytes]) -> dict[bytes, Known] | None:
        """What the backend knows of these few keys; also put into the front. None where it fails or takes
        longer than `timeout_s`."""
        if self._backend is None:
            return {}
        some = await self.look_up(READ, partial(self._backend.get_many, keys))
        return None if some is None else self.learn(some)

    async def look_up(
        self, what: str, ask: Callable[[], Awaitable[Found]], late: Callable[[Found], None] = _nobody_wants
    ) -> Found | None:
        """What the backend answers within `timeout_s`; None where it fails, or takes longer: then `late` is
        handed what comes all the same. `what` is READ or WRITE."""
        if self._breaker.resting or self._writer.ending or len(self._look_ups) >= MAX_LATE:
            return None
        task = self._tasks.create_task(self.attempt(what, ask), name="cache-look-up")
        self._look_ups.add(task)
        task.add_done_callback(self._look_ups.discard)
        await self._wait_for(task)
        if task.done():
            if (answer := task.result()) is not None:
                self._breaker.in_time()
            return answer
        task.add_done_callback(_handing_to(late))
        self._breaker.too_late(self._timeout_s)
        return None

    async def _wait_for(self, task: asyncio.Task[Any]) -> None:
        """Wait `timeout_s`, and once more where the loop was held meanwhile: the answer may lie there."""
        now = asyncio.get_running_loop().time
        due = now() + self._timeout_s
        await asyncio.wait([task], timeout=self._timeout_s)
        if not task.done() and now() - due > self._timeout_s * HELD_SHARE:
            await asyncio.wait([task], timeout=self._timeout_s)

    async def attempt(self, what: str, ask: Callable[[], Awaitable[Found]]) -> Found | None:
        """What the backend answers, within its own limits of time; None where it fails or is left alone.
        `what` is READ or WRITE."""
        return await self._breaker.attempt(what, ask)

    def learn(self, found: Mapping[bytes, Known]) -> dict[bytes, Known]:
        """Entries from the backend: into the front. Those that may still be used are returned."""
        now, kept = self._clock(), {}
        for key, known in found.items():
            known.expires_at = usable_until(known, self._ttl_s, now)
            if known.expires_at > now:
                kept[key] = known
                self._front.put(key, known)
        return kept

    def unwritten(self, key: bytes) -> bool:
        """Whether an answer under this key is still on its way to the backend."""
        return key in self._writer.pending

    def store(self, entries: Mapping[bytes, Known]) -> None:
        """Keep these entries: in the front at once, in the backend soon."""
        for key, known in entries.items():
            self._front.put(key, known)
        if self._backend is not None:
            self._writer.add(entries)

    def spent(self, day: int, lane: str) -> float:
        """What was spent that day, as far as it is known: in this process, and kept from before it."""
        return self._spent.kept.get((day, lane), 0.0)

    def spend(self, day: int, lane: str, usd: float) -> None:
        """Keep that so much more was spent: in memory at once, in the backend soon."""
        self._spent.add(day, lane, usd)
        self._writer.wake()

    async def _recall(self, backend: Backend) -> None:
        """Read what was spent before the start; nothing where the backend fails or hangs."""
        try:
            async with asyncio.timeout(RECALL_S):
                self._spent.kept = await backend.spent()
        except TimeoutError:
            self._breaker.failed(READ, CacheFault(f"no answer within {RECALL_S:g} s"))
        except CacheFault as fault:
            self._breaker.failed(READ, fault)

    async def _finish(self, writing: asyncio.Task[None]) -> None:
        self._writer.end()
        await asyncio.wait([writing], timeout=FLUSH_S)
        tasks = {writing, *self._look_ups}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)  # what was about to be written waits again
        self._writer.give_up()


def _handing_to(late: Callable[[Found], None]) -> Callable[[asyncio.Task[Found | None]], None]:
    """A callback that hands on what a look-up found after it was given up."""

    def done(task: asyncio.Task[Found | None]) -> None:
        if not task.cancelled() and (answer := task.result()) is not None:
            late(answer)

    return done
