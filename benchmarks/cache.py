"""The cache's backends, each with many entries: what a look-up, a write and an opening take.

Rules
-----
* A backend is filled through the calls that the service makes: a write for `WRITE_BATCH` entries, a look-up
  for a poll's worth of keys. What is measured is measured on the full backend.
* The keys are hashes and are asked for in random order, as tickets' texts come.
* The loop is watched all the while: whatever a backend does, it may not hold the loop up.
* A killed process is a real one, killed while it writes.
"""

import asyncio
import hashlib
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from pydantic import SecretStr

from benchmarks.figures import Figure, Findings, percentile
from stream_classifier.cache import Backend, Cache, CacheFault, MemoryFront, SQLiteCache, schema
from stream_classifier.cache.redis import RedisCache
from stream_classifier.cache.writer import WRITE_BATCH
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from tests.brokers import Unavailable
from tests.brokers.redis import RealRedis, find_redis

POLL_KEYS = 500  # what one poll of `max_poll_records` brings to a look-up
LOOK_UPS = 200
WRITES = 200
OPENINGS = 10
MAX_BYTES = 1 << 40  # the number of entries is the bound here
TTL_S = 1e9
OPEN_AT_MOST_MS = 100.0  # contract
LOOK_UP_AT_MOST_MS = 50.0  # contract: `cache.timeout_s`
STALL_AT_MOST_MS = 50.0
BEAT_S = 0.001
KILLED_AFTER = 120  # writes: by then a log that is not cut back has come to its bound
ORDINARY, LONGEST = "ordinary", "longest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many entries each backend holds."""

    entries: int = 1_000_000


@dataclass(slots=True)
class Beat:
    """Notes how long the event loop stood still: how much later than asked it came back, in seconds."""

    late_s: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            began = time.perf_counter()
            await asyncio.sleep(BEAT_S)
            self.late_s.append(time.perf_counter() - began - BEAT_S)


def key_of(number: int) -> bytes:
    """The key of a made text."""
    return hashlib.sha256(number.to_bytes(8)).digest()


def entry(number: int) -> Known:
    """An entry as large as one of three questions; it serves for as long as the benchmark runs."""
    return Known(
        labels=("billing", "high", f"queue-{number % 20}"),
        model="gpt-4o-mini",
        prompt_digest="0" * 16,
        taxonomy_digest="0" * 16,
        written_at=time.time(),
        expires_at=time.time() + TTL_S + number % 1000,
    )


def entries(numbers: Sequence[int]) -> dict[bytes, Known]:
    """Entries by key."""
    return {key_of(number): entry(number) for number in numbers}


async def measure(directory: Path, size: Size) -> Findings:
    """Memory, SQLite, and Redis where a server can be started: never one that others use."""
    figures = [*_memory(size), *await _sqlite(directory, size)]
    with suppress(Unavailable), RealRedis(directory, find_redis()) as redis:
        figures += await _redis(redis.url, size)
    return Findings(title=f"The cache with {size.entries:,} entries", figures=figures)


# ------------------------------------------------------------------------------------------------- memory


def _memory(size: Size) -> list[Figure]:
    front = MemoryFront(size.entries, MAX_BYTES, time.time)
    began = time.perf_counter()
    for number in range(size.entries):
        front.put(key_of(number), entry(number))
    filling_s = time.perf_counter() - began
    keys = [key for seed in range(LOOK_UPS) for key in _some_keys(size, POLL_KEYS, seed)]
    began = time.perf_counter()
    found = sum(front.get(key) is not None for key in keys)
    reading_s = time.perf_counter() - began
    hit_us = _hit_us({key: entry(0) for key in keys[:POLL_KEYS]}, None)
    return [
        _rate("memory: writes", size.entries / filling_s),
        _rate("memory: look-ups", len(keys) / reading_s),
        Figure(name="memory: share found", values=[found / len(keys)], at_least=1),
        Figure(name="memory: a hit, a poll's texts again and again", values=[hit_us], unit="µs"),
    ]


# ------------------------------------------------------------------------------------------------- SQLite


async def _sqlite(directory: Path, size: Size) -> list[Figure]:
    path = directory / "cache.db"
    async with _opened(path, size) as backend:
        figures = await _backend(backend, size)
    figures += [
        Figure(name="sqlite: file", values=[path.stat().st_size / size.entries], unit="bytes/entry"),
        await _opening("sqlite: opening", path, size),
    ]
    for name, log in (("as a rule", ORDINARY), ("as long as it may become", LONGEST)):
        figures.append(
            await _opening_after_kill(f"sqlite: opening after kill -9, log {name}", path, size, log)
        )
    return figures


@asynccontextmanager
async def _opened(path: Path, size: Size) -> AsyncIterator[SQLiteCache]:
    backend = SQLiteCache(path, max_entries=size.entries, max_bytes=MAX_BYTES, clock=time.time)
    try:
        await backend.open()
        yield backend
    finally:
        await backend.close()


async def _opening(name: str, path: Path, size: Size) -> Figure:
    """From nothing to the first poll's answers."""
    took_ms = []
    for round_ in range(OPENINGS):
        keys = _some_keys(size, POLL_KEYS, seed=round_)
        began = time.perf_counter()
        async with _opened(path, size) as backend:
            took_ms.append((time.perf_counter() - began) * 1000)
            await backend.get_many(keys)
    return Figure(name=name, values=took_ms, unit="ms", at_most=OPEN_AT_MOST_MS)


async def _opening_after_kill(name: str, path: Path, size: Size, log: str) -> Figure:
    """The same after a process was killed in the middle of its writes, as often."""
    took_ms = []
    for _ in range(OPENINGS):
        await asyncio.to_thread(_killed_while_writing, path, size, log)
        began = time.perf_counter()
        async with _opened(path, size):
            took_ms.append((time.perf_counter() - began) * 1000)
    return Figure(name=name, values=took_ms, unit="ms", at_most=OPEN_AT_MOST_MS)


def _killed_while_writing(path: Path, size: Size, log: str) -> None:
    command = [sys.executable, "-m", "benchmarks.cache", str(path), str(size.entries), log]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(KILLED_AFTER):
            process.stdout.readline()
        process.kill()


async def _write_for_ever(path: Path, size: Size, log: str) -> None:
    """Write new entries and tell of each write, until killed. Where the log is to become long, a reader
    keeps it from being cut back; the writer stops at its bound."""
    async with _opened(path, size) as backend:
        if log == LONGEST:
            reader = sqlite3.connect(path, isolation_level=None)
            reader.execute("BEGIN")
            reader.execute(schema.READ, (b"",)).fetchone()
        first = time.time_ns()  # no number that was used before
        while True:
            with suppress(CacheFault):
                await backend.put_many(entries(range(first, first + WRITE_BATCH)))
            first += WRITE_BATCH
            print(first, flush=True)


# ------------------------------------------------------------------------------------------- any backend


async def _redis(url: str, size: Size) -> list[Figure]:
    backend = RedisCache(SecretStr(url), key_prefix="stream-classifier:")
    await backend.open()
    try:
        return await _backend(backend, size)
    finally:
        await backend.close()


async def _backend(backend: Backend, size: Size) -> list[Figure]:
    """Fill it, then write to it and read from it as the service does."""
    began = time.perf_counter()
    for first in range(0, size.entries, WRITE_BATCH):
        await backend.put_many(entries(range(first, min(first + WRITE_BATCH, size.entries))))
    filling_s = time.perf_counter() - began
    beat = Beat()
    beating = asyncio.create_task(beat.run())
    cpu_s = [time.process_time()]
    reads_s, found = await _reads(backend, size)
    cpu_s.append(time.process_time())
    writes_s = await _writes(backend, size)
    cpu_s.append(time.process_time())
    beating.cancel()
    hit_us = _hit_us(await backend.get_many(_some_keys(size, POLL_KEYS)), backend)
    name = backend.name
    return [
        _rate(f"{name}: writes, while it was filled", size.entries / filling_s),
        _rate(f"{name}: writes", WRITES * WRITE_BATCH / sum(writes_s)),
        _rate(f"{name}: look-ups", LOOK_UPS * POLL_KEYS / sum(reads_s)),
        _cpu(f"{name}: CPU of ours a look-up", (cpu_s[1] - cpu_s[0]) / (LOOK_UPS * POLL_KEYS)),
        _cpu(f"{name}: CPU of ours an entry written", (cpu_s[2] - cpu_s[1]) / (WRITES * WRITE_BATCH)),
        Figure(name=f"{name}: share found", values=[found / (LOOK_UPS * POLL_KEYS)], at_least=1),
        _ms(f"{name}: a poll's look-up ({POLL_KEYS} keys), median", percentile(reads_s, 0.5)),
        _ms(f"{name}: a poll's look-up, 99th percentile", percentile(reads_s, 0.99), LOOK_UP_AT_MOST_MS),
        _ms(f"{name}: a batch's write ({WRITE_BATCH} entries), median", percentile(writes_s, 0.5)),
        _ms(f"{name}: a batch's write, 99th percentile", percentile(writes_s, 0.99)),
        _ms(f"{name}: loop late, 99th percentile", percentile(beat.late_s, 0.99), STALL_AT_MOST_MS),
        _ms(f"{name}: loop late, longest", max(beat.late_s)),
        Figure(name=f"{name}: a hit in the memory before it", values=[hit_us], unit="µs"),
    ]


async def _reads(backend: Backend, size: Size) -> tuple[list[float], int]:
    took_s, found = [], 0
    for number in range(LOOK_UPS):
        keys = _some_keys(size, POLL_KEYS, seed=number)
        began = time.perf_counter()
        found += len(await backend.get_many(keys))
        took_s.append(time.perf_counter() - began)
    return took_s, found


async def _writes(backend: Backend, size: Size) -> list[float]:
    """Entries that are there are written anew: the number stays, and pages all over the file are touched."""
    rng, took_s = Random(0), []
    for _ in range(WRITES):
        anew = entries([rng.randrange(size.entries) for _ in range(WRITE_BATCH)])
        began = time.perf_counter()
        await backend.put_many(anew)
        took_s.append(time.perf_counter() - began)
    return took_s


def _hit_us(known: Mapping[bytes, Known], backend: Backend | None) -> float:
    """A ticket's look-up on the hot path, where this process has seen its text: the backend is not asked."""
    front = MemoryFront(POLL_KEYS, MAX_BYTES, time.time)
    cache = Cache(front, backend, ttl_s=TTL_S, timeout_s=1, tally=Tally(), clock=time.time)
    for key, found in known.items():
        front.put(key, found)
    began = time.perf_counter()
    for key in [*known] * LOOK_UPS:
        cache.peek(key)
    return (time.perf_counter() - began) / (LOOK_UPS * len(known)) * 1e6


def _some_keys(size: Size, count: int, seed: int = 0) -> list[bytes]:
    """Keys that are there, at random."""
    return [key_of(number) for number in Random(seed).sample(range(size.entries), count)]


def _rate(name: str, value: float) -> Figure:
    return Figure(name=name, values=[value], unit="entries/s")


def _cpu(name: str, seconds: float) -> Figure:
    return Figure(name=name, values=[seconds * 1e6], unit="µs")


def _ms(name: str, seconds: float, at_most: float | None = None) -> Figure:
    return Figure(name=name, values=[seconds * 1000], unit="ms", at_most=at_most)


if __name__ == "__main__":
    asyncio.run(_write_for_ever(Path(sys.argv[1]), Size(entries=int(sys.argv[2])), sys.argv[3]))
