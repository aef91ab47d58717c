"""The cache as the rest sees it, before a backend that can be slow, fail and come back."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from stream_classifier.cache import Cache, CacheFault, MemoryFront
from stream_classifier.cache.cache import MAX_PENDING, REST_S, WRITE_BATCH
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.known import Known
from stream_classifier.core.measures import CACHE_FAULTS
from stream_classifier.core.tally import Tally

NOW = 1000.0


@dataclass(slots=True)
class FakeBackend:
    """A backend in a dict, which fails and hangs on demand and tells when it has written."""

    name: str = "fake"
    kept: dict[bytes, Known] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)
    failing: bool = False
    reads: int = 0
    closed: bool = False
    unusable: OperatorFault | None = None
    hold: asyncio.Event | None = None
    tried: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        if self.unusable:
            raise self.unusable

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        self.reads += 1
        await self._serve()
        return {key: self.kept[key] for key in keys if key in self.kept}

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        await self._serve()
        self.kept.update(entries)
        self.batches.append(len(entries))

    async def close(self) -> None:
        self.closed = True

    async def _serve(self) -> None:
        self.tried.set()
        if self.hold:
            await self.hold.wait()
        if self.failing:
            raise CacheFault("disk I/O error")


def known(label: str = "bug", *, written_at: float = NOW, expires_at: float = NOW + 100) -> Known:
    return Known(
        labels=(label,),
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        written_at=written_at,
        expires_at=expires_at,
    )


def entries(count: int, first: int = 0) -> dict[bytes, Known]:
    return {number.to_bytes(32): known() for number in range(first, first + count)}


KEY = (1).to_bytes(32)


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def cache(backend: FakeBackend, tally: Tally) -> Cache:
    return made(backend, tally)


def made(backend: FakeBackend | None, tally: Tally | None = None) -> Cache:
    front = MemoryFront(100_000, 1 << 30, lambda: NOW)
    return Cache(front, backend, ttl_s=100, timeout_s=0.05, tally=tally or Tally(), clock=lambda: NOW)


async def test_what_is_stored_can_be_peeked_at_once(cache: Cache) -> None:
    async with cache:
        cache.store({KEY: (entry := known())})
        assert cache.peek(KEY) is entry


async def test_without_a_backend_the_front_is_the_cache() -> None:
    async with made(None) as cache:
        cache.store({KEY: known()})
        assert cache.backend == "memory"
        assert await cache.fetch([KEY]) == {}
        assert cache.peek(KEY) is not None


async def test_leaving_writes_what_still_waits(cache: Cache, backend: FakeBackend) -> None:
    async with cache:
        cache.store(entries(3 * WRITE_BATCH))
    assert len(backend.kept) == 3 * WRITE_BATCH
    assert backend.closed


async def test_leaving_by_an_error_writes_what_still_waits(cache: Cache, backend: FakeBackend) -> None:
    async def work() -> None:
        async with cache:
            cache.store({KEY: known()})
            raise LookupError

    with pytest.raises(LookupError):
        await work()
    assert KEY in backend.kept


async def test_writes_gather_into_batches(cache: Cache, backend: FakeBackend) -> None:
    async with cache:
        for number in range(2 * WRITE_BATCH):
            cache.store(entries(1, first=number))
    assert backend.batches == [WRITE_BATCH, WRITE_BATCH]


async def test_the_newest_of_a_key_is_what_is_written(cache: Cache, backend: FakeBackend) -> None:
    backend.hold = asyncio.Event()
    async with cache:
        cache.store({KEY: known("first")})
        await backend.tried.wait()
        cache.store({KEY: known("second")})
        backend.hold.set()
    assert backend.kept[KEY].labels == ("second",)


async def test_what_waits_is_bounded_and_the_oldest_goes(cache: Cache, backend: FakeBackend) -> None:
    backend.failing = True
    async with cache:
        cache.store(entries(MAX_PENDING))
        cache.store(entries(5, first=MAX_PENDING))
        assert cache.dropped == 5
        backend.failing = False
    assert min(backend.kept) == (5).to_bytes(32)


async def test_fetched_entries_are_in_the_front_afterwards(cache: Cache, backend: FakeBackend) -> None:
    backend.kept[KEY] = known()
    async with cache:
        assert await cache.fetch([KEY, bytes(32)]) == {KEY: known()}
        assert cache.peek(KEY) is not None


async def test_a_slow_backend_counts_as_knowing_nothing(
    cache: Cache, backend: FakeBackend, tally: Tally
) -> None:
    backend.kept[KEY] = known()
    backend.hold = asyncio.Event()
    async with cache:
        assert await cache.fetch([KEY]) == {}
    assert tally.count(CACHE_FAULTS, "fake") == 1


async def test_a_failing_backend_counts_as_knowing_nothing_and_is_left_alone(
    cache: Cache, backend: FakeBackend, tally: Tally
) -> None:
    backend.failing = True
    async with cache:
        assert await cache.fetch([KEY]) == {}
        assert await cache.fetch([KEY]) == {}
    assert backend.reads == 1
    assert tally.count(CACHE_FAULTS, "fake") == 1


async def test_a_backend_that_is_back_gets_what_has_waited(cache: Cache, backend: FakeBackend) -> None:
    loop = asyncio.get_running_loop()
    backend.failing = True
    async with cache:
        cache.store({KEY: known()})
        await backend.tried.wait()
        began, backend.failing = loop.time(), False
        backend.tried.clear()
        await backend.tried.wait()
        assert loop.time() - began == pytest.approx(REST_S, abs=1)
    assert KEY in backend.kept


async def test_a_backend_that_fails_to_the_end_holds_nobody_up(cache: Cache, backend: FakeBackend) -> None:
    loop = asyncio.get_running_loop()
    backend.failing = True
    async with cache:
        cache.store(entries(3))
        began = loop.time()
    assert loop.time() - began < 1
    assert cache.dropped == 3


async def test_a_backend_that_hangs_at_the_end_is_given_up(cache: Cache, backend: FakeBackend) -> None:
    backend.hold = asyncio.Event()
    async with cache:
        cache.store(entries(3))
    assert cache.dropped == 3
    assert backend.closed


async def test_a_backend_that_a_person_must_mend_is_said_at_the_start(backend: FakeBackend) -> None:
    backend.unusable = OperatorFault("cache.path: Name a file in a directory that exists.")
    with pytest.raises(OperatorFault, match="Name a file"):
        async with made(backend):
            pass
    assert backend.closed


async def test_a_shortened_ttl_holds_for_entries_written_under_the_longer_one(
    cache: Cache, backend: FakeBackend
) -> None:
    backend.kept[KEY] = known(written_at=NOW - 101, expires_at=NOW + 1000)
    async with cache:
        assert await cache.fetch([KEY]) == {}


async def test_an_entry_from_a_clock_ahead_of_ours_lives_no_longer_than_the_ttl(
    cache: Cache, backend: FakeBackend
) -> None:
    backend.kept[KEY] = known(written_at=NOW + 1e6, expires_at=NOW + 2e6)
    async with cache:
        found = await cache.fetch([KEY])
    assert found[KEY].expires_at == NOW + 100
