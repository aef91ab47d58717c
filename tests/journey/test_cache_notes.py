"""Notes of tickets in the real stores: kept across restarts, bounded, and never overwritten by older ones."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from stream_classifier.cache.backend import NoteStore
from stream_classifier.cache.sqlite import STEP_ENTRIES
from stream_classifier.core.updates import Note
from tests.brokers.redis import Redis
from tests.journey.test_cache_redis import Ours
from tests.journey.test_cache_sqlite import opened

NOW = time.time()
Opened = Callable[[], AbstractAsyncContextManager[NoteStore]]


def key(number: int) -> bytes:
    return number.to_bytes(32)


def note(value: bytes = b"note", *, at_ms: int = 0, expires_at: float = NOW + 1000) -> Note:
    return Note(value=value, at_ms=at_ms, expires_at=expires_at)


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Opened:
    """One store, opened as often as wanted."""
    if request.param == "redis":
        redis: Redis = request.getfixturevalue("redis")
        return Ours(redis.url).opened

    @asynccontextmanager
    async def of_file() -> AsyncIterator[NoteStore]:
        async with opened(tmp_path / "cache.db", now=NOW) as cache:
            yield cache

    return of_file


async def test_notes_are_there_after_a_restart(store: Opened) -> None:
    async with store() as cache:
        await cache.write_notes({key(1): note(b"one"), key(2): note(b"two")})
    async with store() as cache:
        assert await cache.read_notes([key(1), key(3)]) == {key(1): b"one"}


async def test_of_two_notes_the_one_made_later_stays_whichever_is_written_last(store: Opened) -> None:
    async with store() as cache, store() as other:
        await cache.write_notes({key(1): note(b"later", at_ms=2_000)})
        await other.write_notes({key(1): note(b"older", at_ms=1_999), key(2): note(b"another")})
        assert await cache.read_notes([key(1), key(2)]) == {key(1): b"later", key(2): b"another"}
        await other.write_notes({key(1): note(b"in the same moment", at_ms=2_000)})
        assert await cache.read_notes([key(1)]) == {key(1): b"in the same moment"}


async def test_an_expired_note_is_not_found(store: Opened) -> None:
    async with store() as cache:
        await cache.write_notes({key(1): note(expires_at=NOW - 1), key(2): note()})
        await cache.write_notes({key(3): note()})
        assert (await cache.read_notes([key(1), key(2), key(3)])).keys() == {key(2), key(3)}


async def test_notes_are_not_taken_for_answers(store: Opened) -> None:
    async with store() as cache:
        await cache.write_notes({key(1): note()})
        assert await cache.get_many([key(1)]) == {}


async def test_sqlite_keeps_no_more_notes_than_entries_and_lets_the_oldest_go_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "cache.db", max_entries=50, now=NOW) as cache:
        for first in range(0, 200, 20):
            notes = {key(n): note(expires_at=NOW + 1000 + n) for n in range(first, first + 20)}
            await cache.write_notes(notes)
        kept = await cache.read_notes([key(n) for n in range(200)])
        assert [*kept] == [key(n) for n in range(150, 200)]


async def test_sqlite_reaches_a_limit_that_was_lowered_step_by_step(tmp_path: Path) -> None:
    many = 3 * STEP_ENTRIES
    async with opened(tmp_path / "cache.db", now=NOW) as cache:
        await cache.write_notes({key(n): note() for n in range(many)})
    async with opened(tmp_path / "cache.db", max_entries=10, now=NOW) as cache:
        await cache.write_notes({key(many): note()})
        assert len(await cache.read_notes([key(n) for n in range(many + 1)])) == many + 1 - STEP_ENTRIES


async def test_a_file_from_before_there_were_notes_is_opened_with_all_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    async with opened(path) as cache:
        await cache.spend({(7, "bulk"): 0.5})
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE notes")
        connection.execute("DROP TABLE notes_total")
    async with opened(path, now=NOW) as cache:
        await cache.write_notes({key(1): note()})
        assert await cache.read_notes([key(1)]) == {key(1): b"note"}
        assert await cache.spent() == {(7, "bulk"): 0.5}


async def test_redis_lets_notes_go_by_itself(redis: Redis) -> None:
    ours = Ours(redis.url)
    async with ours.opened() as cache, ours.admin() as admin:
        await cache.write_notes({key(1): note(expires_at=time.time() + 90)})
        assert 0 < await admin.pttl(f"{ours.prefix}ticket:{key(1).hex()}") <= 90_000
