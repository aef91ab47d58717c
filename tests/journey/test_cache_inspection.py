"""The cache read by somebody who is not the service: what is there, and that nothing of it is changed."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from stream_classifier.cache import SQLiteCache
from stream_classifier.cache.inspection import Inspected, inspect
from stream_classifier.core.known import Known
from stream_classifier.settings.cache import Cache as CacheSettings

NOW = 1_000_000.0
KEY, OTHER = (number.to_bytes(32) for number in (1, 2))


def known(expires_at: float = NOW + 100) -> Known:
    return Known(
        labels=("bug",),
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        written_at=NOW - 10,
        expires_at=expires_at,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@asynccontextmanager
async def a_service_with(path: Path, entry: Known) -> AsyncIterator[None]:
    """The file as it is while a service has it open, with this entry under `KEY`."""
    cache = SQLiteCache(path, max_entries=1000, max_bytes=1 << 20, clock=lambda: NOW)
    await cache.open()
    try:
        await cache.put_many({KEY: entry})
        yield
    finally:
        await cache.close()


async def look(path: Path, **more: Any) -> Inspected:
    return await inspect(CacheSettings(path=path, **more), [KEY, OTHER], NOW)


def lay_down(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def lying_there(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


async def test_what_a_running_service_has_written_is_seen(path: Path) -> None:
    async with a_service_with(path, known()):
        assert await look(path) == Inspected(known={KEY: known()})


async def test_what_a_stopped_service_has_left_is_seen_and_left_as_it_lies(path: Path) -> None:
    async with a_service_with(path, known()):
        pass
    before = lying_there(path)
    assert (await look(path)).known == {KEY: known()}
    assert lying_there(path) == before == {"cache.db": before["cache.db"]}


async def test_where_there_is_no_file_none_is_made(path: Path) -> None:
    inspected = await look(path)
    assert inspected.obstacle == f"There is no cache file at {path} yet, so nothing is known."
    assert lying_there(path) == {}


@pytest.mark.parametrize("content", [b"no database " * 400, b"SQLite format 3\0" + b"\xff" * 4000])
async def test_a_damaged_file_is_told_and_left_as_it_lies(path: Path, content: bytes) -> None:
    lay_down(path, content)
    inspected = await look(path)
    assert inspected.known == {}
    assert str(inspected.obstacle).startswith(f"The cache file {path} cannot be read: ")
    assert lying_there(path) == {"cache.db": content}


async def test_another_programs_file_is_told_and_left_as_it_lies(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE known (key, value)")
    connection.commit()
    connection.close()
    before = lying_there(path)
    assert "is not a cache of this version" in str((await look(path)).obstacle)
    assert lying_there(path) == before


async def test_an_empty_file_holds_nothing_and_stays_empty(path: Path) -> None:
    lay_down(path, b"")
    assert await look(path) == Inspected()
    assert lying_there(path) == {"cache.db": b""}


@pytest.mark.parametrize("character", ["?", "#", "%41", " ", "ü"])
async def test_a_path_may_hold_what_means_something_in_an_address(tmp_path: Path, character: str) -> None:
    path = tmp_path / f"cache{character}.db"
    async with a_service_with(path, known()):
        assert KEY in (await look(path)).known


async def test_what_has_expired_does_not_count(path: Path) -> None:
    async with a_service_with(path, known(expires_at=NOW - 1)):
        assert await look(path) == Inspected()


async def test_a_shortened_ttl_holds_for_what_was_kept_before(path: Path) -> None:
    async with a_service_with(path, known()):
        assert (await look(path, ttl_s=30)).known[KEY].expires_at == NOW + 20
        assert (await look(path, ttl_s=5)).known == {}


async def test_of_a_memory_cache_nothing_can_be_seen(path: Path) -> None:
    inspected = await look(path, backend="memory")
    assert "cannot be seen from outside" in str(inspected.obstacle)
