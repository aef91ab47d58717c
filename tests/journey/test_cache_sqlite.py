"""The SQLite cache against real files: kept across restarts and kills, bounded, damaged, shared."""

import asyncio
import os
import resource
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import perf_counter

import pytest
from structlog.testing import capture_logs

from stream_classifier.cache import Cache, CacheFault, MemoryFront, SQLiteCache, schema
from stream_classifier.cache.spend import DAYS_KEPT
from stream_classifier.cache.sqlite import LOG_MOST_BYTES, STEP_ENTRIES
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.known import Known, encode
from stream_classifier.core.measures import CACHE_FAULTS
from stream_classifier.core.tally import Tally
from tests.patience import until

NOW = 1_000_000.0


def known(label: str = "bug", expires_at: float = NOW + 100) -> Known:
    return Known(
        labels=(label,),
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        written_at=NOW,
        expires_at=expires_at,
    )


def key(number: int) -> bytes:
    return number.to_bytes(32)


def entries(count: int, first: int = 0) -> dict[bytes, Known]:
    """Entries that expire in the order of their numbers."""
    return {key(n): known(expires_at=NOW + 100 + n) for n in range(first, first + count)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@asynccontextmanager
async def opened(
    path: Path, *, max_entries: int = 100_000, max_bytes: int = 1 << 28, now: float = NOW
) -> AsyncIterator[SQLiteCache]:
    cache = SQLiteCache(path, max_entries=max_entries, max_bytes=max_bytes, clock=lambda: now)
    try:
        await cache.open()
        yield cache
    finally:
        await cache.close()


def totals(path: Path) -> tuple[int, int]:
    """The kept totals, after a check that they are what a count of the table gives."""
    connection = sqlite3.connect(path)
    counted = connection.execute(
        f"SELECT count(*), coalesce(sum(length(value) + {schema.ROW_OVERHEAD_BYTES}), 0) FROM known"
    ).fetchone()
    kept = schema.totals(connection)
    connection.close()
    assert kept == counted
    return kept


async def test_entries_are_there_after_a_restart(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(10))
    async with opened(path) as cache:
        assert await cache.get_many([key(3), key(99)]) == {key(3): known(expires_at=NOW + 103)}


async def test_a_key_s_newest_value_is_kept(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many({key(1): known("first")})
        await cache.put_many({key(1): known("second, and longer")})
        found = await cache.get_many([key(1)])
    assert found[key(1)].labels == ("second, and longer",)
    assert totals(path)[0] == 1


async def test_an_expired_entry_is_not_found(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(10))
    async with opened(path, now=NOW + 104) as cache:
        assert set(await cache.get_many([key(n) for n in range(10)])) == {key(n) for n in range(5, 10)}


async def test_reading_does_not_lengthen_an_entry(path: Path) -> None:
    times = iter([NOW, NOW + 3, NOW + 9, NOW + 10])
    cache = SQLiteCache(path, max_entries=10, max_bytes=1 << 20, clock=lambda: next(times))
    await cache.open()
    await cache.put_many({key(1): known(expires_at=NOW + 10)})
    found = [await cache.get_many([key(1)]) for _ in range(3)]
    assert [entry[key(1)].expires_at for entry in found[:2]] == [NOW + 10] * 2
    assert found[2] == {}
    await cache.close()


async def test_expired_entries_leave_with_later_writes(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(2 * STEP_ENTRIES))
    async with opened(path, now=NOW + 1e6) as cache:
        await cache.put_many({key(9999): known(expires_at=NOW + 2e6)})
        assert totals(path)[0] == STEP_ENTRIES + 1
        await cache.put_many({key(9998): known(expires_at=NOW + 2e6)})
    assert totals(path)[0] == 2


async def test_the_number_of_entries_is_bounded_and_the_next_to_expire_leave(path: Path) -> None:
    async with opened(path, max_entries=100) as cache:
        for first in range(0, 300, 30):
            await cache.put_many(entries(30, first=first))
            assert totals(path)[0] <= 100
        assert set(await cache.get_many(list(entries(300)))) == {key(n) for n in range(200, 300)}


async def test_the_bytes_are_bounded(path: Path) -> None:
    row_bytes = len(encode(known())) + schema.ROW_OVERHEAD_BYTES
    async with opened(path, max_bytes=50 * row_bytes) as cache:
        for first in range(0, 300, 30):
            await cache.put_many(entries(30, first=first))
            assert totals(path)[1] <= 50 * row_bytes
    assert totals(path)[0] >= 45


async def test_a_lowered_limit_is_reached_in_small_steps(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(1000))
    async with opened(path, max_entries=10) as cache:
        await cache.put_many({key(1): known()})
        assert totals(path)[0] == 1000 - STEP_ENTRIES
        for _ in range(9):
            await cache.put_many({key(1): known(expires_at=NOW + 1e6)})
    assert totals(path)[0] == 10


async def test_an_unreadable_value_is_not_known_and_the_rest_is(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(2))
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE known SET value = x'7b' WHERE key = ?", (key(0),))
        connection.close()
        assert set(await cache.get_many([key(0), key(1)])) == {key(1)}


async def test_only_the_owner_may_read_the_file(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(1))
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert modes == {"cache.db": 0o600, "cache.db-wal": 0o600, "cache.db-shm": 0o600}


async def test_spend_adds_up_and_is_there_after_a_restart(path: Path) -> None:
    async with opened(path) as cache:
        await cache.spend({(7, "bulk"): 0.5, (7, "urgent"): 0.125})
        await cache.spend({(7, "bulk"): 0.25})
    async with opened(path) as cache:
        assert await cache.spent() == {(7, "bulk"): 0.75, (7, "urgent"): 0.125}


async def test_two_that_share_a_file_share_the_spend(path: Path) -> None:
    async with opened(path) as one, opened(path) as other:
        await asyncio.gather(*(each.spend({(7, "bulk"): 0.5}) for each in (one, other) for _ in range(10)))
        assert await one.spent() == await other.spent() == {(7, "bulk"): 10.0}


async def test_days_that_are_long_over_leave_the_file(path: Path) -> None:
    async with opened(path) as cache:
        for day in range(100):
            await cache.spend({(day, "bulk"): 0.5})
        assert sorted(await cache.spent()) == [(day, "bulk") for day in range(100 - DAYS_KEPT, 100)]


async def test_a_file_from_before_there_was_a_spend_is_opened_with_all_that_it_holds(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(10))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE spend")
    connection.close()
    async with opened(path) as cache:
        assert await cache.spent() == {}
        await cache.spend({(7, "bulk"): 0.5})
        assert await cache.spent() == {(7, "bulk"): 0.5}
        assert len(await cache.get_many(list(entries(10)))) == 10
    assert [file.name for file in path.parent.iterdir()] == ["cache.db"]


async def test_a_spend_that_meets_another_s_lock_is_a_cache_fault_and_adds_nothing(path: Path) -> None:
    async with opened(path) as cache:
        await cache.spend({(7, "bulk"): 0.5})
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheFault, match="locked"):
            await cache.spend({(7, "bulk"): 0.25})
        other.close()
        assert await cache.spent() == {(7, "bulk"): 0.5}


@pytest.mark.parametrize("where", ["missing/cache.db", "."])
async def test_a_path_that_cannot_be_written_is_said_at_the_start(tmp_path: Path, where: str) -> None:
    with pytest.raises(OperatorFault, match=r"cache\.path .* Name a file in a directory"):
        async with opened(tmp_path / where):
            pass


@pytest.mark.parametrize(
    "content", [b"not a database, but longer than SQLite's header of 100 bytes." * 10, b"\0" * 8192]
)
async def test_a_damaged_file_is_put_aside_and_a_new_one_begun(path: Path, content: bytes) -> None:
    overwrite(path, content)
    with capture_logs() as logs:
        async with opened(path) as cache:
            await cache.put_many(entries(1))
            assert len(await cache.get_many([key(0)])) == 1
    (line,) = [entry for entry in logs if entry["event"] == "cache_file_put_aside"]
    assert content_of(Path(line["moved_to"])) == content


async def test_another_program_s_database_is_put_aside_unharmed(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.execute("INSERT INTO theirs VALUES (42)")
    connection.close()
    before = content_of(path)
    async with opened(path) as cache:
        await cache.put_many(entries(1))
    (aside,) = path.parent.glob("cache.db.foreign-*")
    assert content_of(aside) == before


async def test_damage_that_shows_while_running_costs_the_entries_and_nothing_else(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(2000))
    content = bytearray(content_of(path))
    content[4096 * 10 :] = os.urandom(len(content) - 4096 * 10)
    overwrite(path, bytes(content))
    async with opened(path) as cache:
        await cache.get_many(list(entries(2000)))
        await cache.put_many(entries(5, first=5000))
        assert len(await cache.get_many(list(entries(5, first=5000)))) == 5
    assert list(path.parent.glob("cache.db.damaged-*"))


@contextmanager
def no_room_on_the_disk() -> Iterator[None]:
    """Writing beyond a file's present size fails, as on a full disk."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)


async def test_a_full_disk_is_a_cache_fault_and_passes_when_there_is_room_again(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(10))
        with no_room_on_the_disk(), pytest.raises(CacheFault):
            await cache.put_many(entries(500, first=100))
        await cache.put_many(entries(10, first=1000))
        assert len(await cache.get_many([key(5), key(1005)])) == 2
    totals(path)


async def test_a_disk_that_is_full_at_the_start_is_no_fault_and_passes(path: Path) -> None:
    cache = SQLiteCache(path, max_entries=10, max_bytes=1 << 20, clock=lambda: NOW)
    with no_room_on_the_disk():
        await cache.open()
        with pytest.raises(CacheFault):
            await cache.put_many(entries(1))
    await cache.put_many(entries(1))
    assert len(await cache.get_many([key(0)])) == 1
    await cache.close()


async def test_a_full_disk_leaves_the_memory_and_one_log_line(path: Path) -> None:
    backend = SQLiteCache(path, max_entries=10_000, max_bytes=1 << 28, clock=lambda: NOW)
    front, tally = MemoryFront(10_000, 1 << 28, lambda: NOW), Tally()
    cache = Cache(front, backend, ttl_s=1000, timeout_s=5, tally=tally, clock=lambda: NOW)
    with capture_logs() as logs:
        async with cache:
            with no_room_on_the_disk():
                cache.store(entries(500))
                await until(lambda: tally.count(CACHE_FAULTS) > 0)
                cache.store(entries(500, first=500))
                assert all(cache.peek(key(n)) for n in range(1000))
    assert [line["event"] for line in logs] == ["cache_backend_failed", "cache_backend_back"]
    assert totals(path)[0] == 1000  # there was room again when it closed


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any file")
async def test_a_file_that_may_not_be_written_is_said_at_the_start(path: Path) -> None:
    os.close(os.open(path, os.O_CREAT, 0o400))
    with pytest.raises(OperatorFault, match="Permission denied"):
        async with opened(path):
            pass


def log_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


async def test_a_log_that_a_reader_keeps_from_being_cut_back_is_bounded(path: Path) -> None:
    write_bytes = 8 << 20
    letters = iter("abcdefghijklmnopqrstuvwxyz")  # what is the same as before, SQLite does not write

    def large() -> dict[bytes, Known]:
        label = next(letters) * (1 << 20)
        return {key(n): known(label) for n in range(write_bytes >> 20)}

    async with opened(path) as cache:
        await cache.put_many(large())
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM known").fetchone()
        while log_bytes(path) <= LOG_MOST_BYTES:
            await cache.put_many(large())
        with pytest.raises(CacheFault, match="another program"):
            await cache.put_many(large())
        assert log_bytes(path) <= LOG_MOST_BYTES + 2 * write_bytes
        assert len(await cache.get_many([key(0), key(1)])) == 2
        reader.close()
        await cache.put_many(large())
        await cache.put_many(large())
        assert log_bytes(path) <= schema.WAL_KEPT_BYTES + write_bytes


async def test_a_lock_held_too_long_is_a_cache_fault(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CacheFault, match="locked"):
            await cache.put_many(entries(1, first=5))
        assert len(await cache.get_many([key(0)])) == 1
        other.close()
        await cache.put_many(entries(1, first=5))


async def test_another_s_lock_does_not_keep_a_file_from_being_opened(path: Path) -> None:
    async with opened(path) as cache:
        await cache.put_many(entries(1))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with opened(path) as cache:
        assert len(await cache.get_many([key(0)])) == 1
    other.close()


async def test_the_event_loop_goes_on_while_sqlite_waits(path: Path) -> None:
    async with opened(path) as cache:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(cache.put_many(entries(1)))
        began = perf_counter()
        for _ in range(100):
            await asyncio.sleep(0)
        assert perf_counter() - began < schema.BUSY_TIMEOUT_MS / 2000
        other.close()
        await writing
