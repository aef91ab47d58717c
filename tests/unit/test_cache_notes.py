"""Notes of tickets behind the cache: written in order, all given up together, never waited for long."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from stream_classifier.cache.breaker import REST_S
from stream_classifier.cache.writer import MAX_NOTES
from stream_classifier.core.updates import Note
from tests.patience import until
from tests.unit.test_cache import NOW, FakeBackend, made


@dataclass(slots=True)
class FakeNotes(FakeBackend):
    """The same, with notes."""

    notes: list[list[bytes]] = field(default_factory=list)  # the keys of each write

    async def read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        await self._serve()
        return {}

    async def write_notes(self, notes: Mapping[bytes, Note]) -> None:
        await self._serve()
        self.notes.append([*notes])


def note(at_ms: int = 0) -> Note:
    return Note(value=b"note", at_ms=at_ms, expires_at=NOW + 100)


async def test_notes_are_written_in_the_order_in_which_they_were_made_last() -> None:
    backend = FakeNotes()
    backend.hold = asyncio.Event()
    async with made(backend) as cache:
        for key in (b"one", b"mark", b"two", b"mark"):
            cache.remember({key: note()})
        backend.hold.set()
    assert [key for keys in backend.notes for key in keys] == [b"one", b"two", b"mark"]


async def test_notes_that_could_not_be_written_wait() -> None:
    backend = FakeNotes(failing=True)
    async with made(backend) as cache:
        cache.remember({b"one": note()})
        await until(backend.tried.is_set)
        backend.failing = False
        await asyncio.sleep(2 * REST_S)
        assert (backend.notes, cache.notes_lost) == ([[b"one"]], 0)


async def test_where_too_many_notes_wait_all_of_them_are_given_up_and_counted() -> None:
    backend = FakeNotes(failing=True)
    async with made(backend) as cache:
        cache.remember({number.to_bytes(4): note() for number in range(MAX_NOTES)})
        assert cache.notes_lost == 0
        with capture_logs() as lines:
            cache.remember({b"one more": note()})
        assert cache.notes_lost == MAX_NOTES + 1
        assert [line["event"] for line in lines] == ["ticket_notes_dropped"]


async def test_a_backend_without_notes_is_asked_for_none() -> None:
    backend = FakeBackend()
    async with made(backend) as cache:
        cache.remember({b"one": note()})
        assert (cache.keeps_notes, await cache.recall([b"one"]), backend.reads) == (False, None, 0)


async def test_a_look_up_of_notes_waits_no_longer_than_the_time_limit() -> None:
    backend = FakeNotes(hold=asyncio.Event())
    async with made(backend) as cache:
        began = asyncio.get_running_loop().time()
        assert await cache.recall([b"one"]) is None
        assert asyncio.get_running_loop().time() - began == pytest.approx(0.05)
