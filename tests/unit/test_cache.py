"""The cache as the rest sees it, before a backend that can be slow, fail and come back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from stream_classifier.cache import Cache, CacheFault, MemoryFront
from stream_classifier.cache.breaker import REST_S
from stream_classifier.cache.cache import FETCH_KEYS, RECALL_S
from stream_classifier.cache.spend import DAYS_KEPT, DayAndLane, DaySpend, Spends
from stream_classifier.cache.writer import MAX_PENDING, WRITE_BATCH
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
    written: list[str] = field(default_factory=list)
    spend_kept: Spends = field(default_factory=dict)
    recall: Callable[[], Awaitable[object]] | None = None  # what comes before the spend can be read
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
        self.written.append("entries")
        self.batches.append(len(entries))

    async def spent(self) -> Spends:
        if self.recall:
            await self.recall()
        return dict(self.spend_kept)

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None:
        await self._serve()
        self.written.append("spend")
        for key, usd in spends.items():
            self.spend_kept[key] = self.spend_kept.get(key, 0.0) + usd

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


def hold_the_loop(loop: asyncio.AbstractEventLoop, for_s: float) -> None:
    """As work does that takes so long: the clock of tests stands still while something runs."""
    loop._selector.now_s += for_s  # type: ignore[attr-defined]


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


async def test_an_answer_that_came_while_the_loop_was_held_is_not_too_late(
    cache: Cache, backend: FakeBackend
) -> None:
    loop = asyncio.get_running_loop()
    backend.kept, backend.hold = {KEY: known()}, asyncio.Event()
    async with cache:
        loop.call_later(0.06, backend.hold.set)  # after the limit, and in the very turn that comes too late
        loop.call_later(0.04, hold_the_loop, loop, 0.1)
        assert KEY in await cache.fetch([KEY])


async def test_an_answer_that_is_late_by_itself_is_not_waited_for(cache: Cache, backend: FakeBackend) -> None:
    backend.kept, backend.hold = {KEY: known()}, asyncio.Event()
    async with cache:
        asyncio.get_running_loop().call_later(0.06, backend.hold.set)
        assert await cache.fetch([KEY]) == {}


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


async def test_many_keys_are_looked_up_in_pieces(cache: Cache, backend: FakeBackend) -> None:
    backend.kept = entries(3 * FETCH_KEYS + 1)
    async with cache:
        assert await cache.fetch(list(backend.kept)) == backend.kept
    assert backend.reads == 4


async def test_the_first_piece_that_is_too_slow_is_the_last(cache: Cache, backend: FakeBackend) -> None:
    backend.kept, backend.hold = entries(3 * FETCH_KEYS), asyncio.Event()
    loop = asyncio.get_running_loop()
    async with cache:
        began = loop.time()
        assert await cache.fetch(list(backend.kept)) == {}
        assert loop.time() - began == pytest.approx(0.05)
        backend.hold.set()
    assert backend.reads == 1


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


# -------------------------------------------------------------------------------------------------- spend


async def test_what_is_spent_is_known_at_once_and_in_the_backend_afterwards(
    cache: Cache, backend: FakeBackend
) -> None:
    async with cache:
        cache.spend(7, "bulk", 0.5)
        cache.spend(7, "bulk", 0.25)
        cache.spend(7, "urgent", 0.125)
        assert cache.spent(7, "bulk") == 0.75
    assert backend.spend_kept == {(7, "bulk"): 0.75, (7, "urgent"): 0.125}


async def test_what_was_spent_before_a_restart_is_known(cache: Cache, backend: FakeBackend) -> None:
    backend.spend_kept = {(7, "bulk"): 0.5}
    async with cache:
        cache.spend(7, "bulk", 0.25)
        assert cache.spent(7, "bulk") == 0.75
        assert cache.spent(8, "bulk") == 0
    assert backend.spend_kept == {(7, "bulk"): 0.75}


async def test_without_a_backend_the_spend_is_known_until_the_end() -> None:
    async with made(None) as cache:
        cache.spend(7, "bulk", 0.5)
        assert cache.spent(7, "bulk") == 0.5


async def test_spend_waits_for_a_failing_backend_and_is_added_once(
    cache: Cache, backend: FakeBackend
) -> None:
    backend.failing = True
    with capture_logs() as logs:
        async with cache:
            cache.spend(7, "bulk", 0.5)
            await backend.tried.wait()
            cache.spend(7, "bulk", 0.25)
            await asyncio.sleep(REST_S / 2)
            backend.failing = False
            await asyncio.sleep(REST_S)
            assert backend.spend_kept == {(7, "bulk"): 0.75}
    assert [line["event"] for line in logs] == ["cache_backend_failed", "cache_backend_back"]


async def test_spend_is_written_before_the_entries_that_wait(cache: Cache, backend: FakeBackend) -> None:
    async with cache:
        cache.store(entries(2 * WRITE_BATCH))
        cache.spend(7, "bulk", 0.5)
    assert backend.written == ["spend", "entries", "entries"]


async def test_spend_that_could_not_be_kept_to_the_end_is_told(cache: Cache, backend: FakeBackend) -> None:
    backend.hold = asyncio.Event()
    with capture_logs() as logs:
        async with cache:
            cache.spend(7, "bulk", 0.5)
    assert [line["usd"] for line in logs if line["event"] == "spend_not_kept"] == [0.5]


async def test_a_spend_that_cannot_be_read_begins_at_nothing_and_is_told(
    cache: Cache, backend: FakeBackend
) -> None:
    async def fail() -> None:
        raise CacheFault("disk I/O error")

    backend.spend_kept, backend.recall = {(7, "bulk"): 0.5}, fail
    with capture_logs() as logs:
        async with cache:
            assert cache.spent(7, "bulk") == 0
    assert [line["event"] for line in logs] == ["cache_backend_failed"]


async def test_a_backend_that_hangs_over_the_spend_holds_the_start_up_only_so_long(
    cache: Cache, backend: FakeBackend
) -> None:
    loop = asyncio.get_running_loop()
    began, backend.recall = loop.time(), asyncio.Event().wait
    async with cache:
        assert loop.time() - began == RECALL_S


def test_days_that_are_long_over_are_forgotten() -> None:
    spend = DaySpend()
    for day in range(100):
        spend.add(day, "bulk", 0.5)
    assert sorted(spend.kept) == [(day, "bulk") for day in range(100 - DAYS_KEPT, 100)]
    assert spend.unwritten == spend.kept


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
