"""One SQLite cache file and several processes: killed while writing, and writing at the same time."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream_classifier.cache import SQLiteCache, schema

WRITER = """
import asyncio, sys
from pathlib import Path
from stream_classifier.cache import SQLiteCache
from stream_classifier.core.known import Known

async def main(path, first):
    cache = SQLiteCache(Path(path), max_entries=100_000, max_bytes=1 << 28, clock=lambda: 1_000_000.0)
    await cache.open()
    for start in range(first, first + 100_000, 50):
        batch = {
            n.to_bytes(32): Known(labels=("bug",), model="m", prompt_digest="p", taxonomy_digest="t",
                                  written_at=1_000_000.0, expires_at=1_000_100.0)
            for n in range(start, start + 50)
        }
        await cache.put_many(batch)
        print(start + 50 - first, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def found(path: Path, numbers: Iterable[int]) -> int:
    """How many entries under these numbers the file holds, after a check of its totals."""
    cache = SQLiteCache(path, max_entries=1_000_000, max_bytes=1 << 30, clock=lambda: 1_000_000.0)
    await cache.open()
    entries = await cache.get_many([number.to_bytes(32) for number in numbers])
    await cache.close()
    connection = sqlite3.connect(path)
    assert schema.totals(connection)[0] == connection.execute("SELECT count(*) FROM known").fetchone()[0]
    connection.close()
    return len(entries)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache.db"


@contextmanager
def writer(path: Path, first: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(path), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], written: int) -> int:
    """Read the writer's reports until it has written so many; how many it had."""
    assert process.stdout is not None
    return next(count for count in map(int, process.stdout) if count >= written)


async def test_what_was_written_is_there_after_kill_9(path: Path) -> None:
    with writer(path, first=0) as process:
        written = wait_for(process, 1000)
        process.kill()
        process.wait()
    assert await found(path, range(written)) == written


async def test_two_processes_write_to_one_new_file(path: Path) -> None:
    with writer(path, first=0) as one, writer(path, first=1_000_000) as two:
        counts = (wait_for(one, 1000), wait_for(two, 1000))
        for process in (one, two):
            process.kill()
            process.wait()
    numbers = [*range(counts[0]), *range(1_000_000, 1_000_000 + counts[1])]
    assert await found(path, numbers) == len(numbers)
    assert [file.name for file in path.parent.iterdir()] == ["cache.db"]
