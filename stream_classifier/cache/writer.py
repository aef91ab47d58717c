"""Writing behind: what was stored and spent goes on to the backend in batches, by one task.

Rules
-----
* What is spent goes before the entries; nothing of it is given up while the process lives.
* The entries that wait are bounded, and the oldest go first (and are counted) where the backend is too slow.
* What could not be written waits on. An entry that was stored anew during its write waits again.
* Notes of tickets go last, in the order in which they were made: a later one says that all before it are
  written. So where they become too many, all that wait are given up, and none of them alone.
* At the end all is tried once more, however the backend has fared. The first failure then is the last.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

import structlog

from stream_classifier.cache.backend import Backend, CacheFault, NoteStore
from stream_classifier.cache.breaker import WRITE, BackendBreaker
from stream_classifier.cache.spend import DaySpend
from stream_classifier.core.known import Known
from stream_classifier.core.updates import Note

log = structlog.get_logger(__name__)

MAX_PENDING = 10_000
"""Entries that may wait for the writer: about 10 MB, and a minute's worth at the dearest rates."""
WRITE_BATCH = 50
"""Entries a write. A read may have to wait for one: 3 ms as a rule, 29 where it falls on a checkpoint
(measured, 100,000 and a million entries). With 200 it was 25 as a rule, too near to a fetch's 50."""
MAX_NOTES = 20_000
"""Notes that may wait: about 10 MB, and what the dearest stream makes in some minutes."""
NOTE_BATCH = 100
"""Notes a write: half an entry's size each."""


@dataclass(slots=True)
class Writer:
    """What waits for the backend, and what takes it there. Whoever adds to `spent` wakes the writer."""

    spent: DaySpend
    breaker: BackendBreaker
    pending: dict[bytes, Known] = field(default_factory=dict)
    dropped: int = 0  # entries that never reached the backend
    notes: dict[bytes, Note] = field(default_factory=dict)
    notes_lost: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ending(self) -> bool:
        """Whether `end` was called."""
        return self._ending.is_set()

    def add(self, entries: Mapping[bytes, Known]) -> None:
        """These entries are to be written."""
        self.pending |= entries
        self._drop(len(self.pending) - MAX_PENDING)
        self.wake()

    def add_notes(self, notes: Mapping[bytes, Note]) -> None:
        """These notes are to be written, after those that wait already."""
        for key, note in notes.items():
            self.notes.pop(key, None)
            self.notes[key] = note
        if len(self.notes) > MAX_NOTES:
            self._drop_notes()
        self.wake()

    def wake(self) -> None:
        """Something waits."""
        self._wake.set()

    async def run(self, backend: Backend) -> None:
        """Write what waits, and what will, until `end` is called."""
        while not self.ending or self._waits:
            await self._wake.wait()
            self._wake.clear()
            while self._waits:
                await self.breaker.rested(hurry=self._ending)
                if not await self._write_some(backend) and self.ending:
                    return

    def end(self) -> None:
        """Let `run` return when nothing waits any more, or the last try fails."""
        self._ending.set()
        self.wake()

    def give_up(self) -> None:
        """Nothing will be written any more: count and tell what still waits."""
        self._drop(len(self.pending))
        self.notes_lost += len(self.notes)
        if lost := self.spent.unwritten:
            log.warning("spend_not_kept", backend=self.breaker.backend, usd=round(sum(lost.values()), 6))

    @property
    def _waits(self) -> bool:
        return bool(self.pending or self.spent.unwritten or self.notes)

    async def _write_some(self, backend: Backend) -> bool:
        """Write the spend and the oldest entries that wait; they wait on where that fails."""
        try:
            if self.spent.unwritten:
                await self._write_spend(backend)
            if self.pending:
                await self._write_batch(backend)
            if self.notes and isinstance(backend, NoteStore):
                await self._write_notes(backend)
        except CacheFault as fault:
            self.breaker.failed(WRITE, fault)
            return False
        self.breaker.works(WRITE)
        return True

    async def _write_spend(self, backend: Backend) -> None:
        taken = self.spent.take()
        try:
            await backend.spend(taken)
        except BaseException:
            self.spent.put_back(taken)
            raise

    async def _write_batch(self, backend: Backend) -> None:
        batch = dict(islice(self.pending.items(), WRITE_BATCH))
        await backend.put_many(batch)
        for key, known in batch.items():
            if self.pending.get(key) is known:  # else: stored anew meanwhile
                del self.pending[key]

    async def _write_notes(self, backend: NoteStore) -> None:
        batch = dict(islice(self.notes.items(), NOTE_BATCH))
        await backend.write_notes(batch)
        for key, note in batch.items():
            if self.notes.get(key) is note:  # else: made anew meanwhile
                del self.notes[key]

    def _drop_notes(self) -> None:
        if not self.notes_lost:
            log.warning("ticket_notes_dropped", backend=self.breaker.backend, notes=len(self.notes))
        self.notes_lost += len(self.notes)
        self.notes.clear()

    def _drop(self, excess: int) -> None:
        if excess <= 0:
            return
        if not self.dropped:
            log.warning("cache_writes_dropped", backend=self.breaker.backend, entries=excess)
        self.dropped += excess
        for key in list(islice(self.pending, excess)):
            del self.pending[key]
