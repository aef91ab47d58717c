"""Leases in a real Redis: who has which, for how long, and what becomes of them when somebody dies."""

import asyncio
import time

import pytest

from stream_classifier.cache import CacheFault
from stream_classifier.core.leases import LEASE_S
from tests.brokers.redis import Redis
from tests.conftest import StartRedis
from tests.journey.test_cache_redis import Ours, entries, key
from tests.patience import until


@pytest.fixture
def ours(redis: Redis) -> Ours:
    return Ours(redis.url)


async def test_a_text_is_leased_by_the_first_who_claims_it(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        assert (await one.claim("one", [key(1), key(2)])).leased == {key(1), key(2)}
        claims = await other.claim("other", [key(2), key(3)])
        assert (claims.elsewhere, claims.leased) == ({key(2)}, {key(3)})


async def test_of_many_who_claim_at_once_each_text_has_one_holder(ours: Ours) -> None:
    async with ours.opened() as redis:
        keys = [key(n) for n in range(200)]
        all_claims = await asyncio.gather(*(redis.claim(f"replica {n}", keys) for n in range(10)))
    assert sorted(leased for claims in all_claims for leased in claims.leased) == keys


async def test_a_claim_tells_what_is_known_and_leases_nothing_of_it(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.put_many(entries(1))
        for each in (one, other):
            claims = await each.claim("me", [key(0)])
            assert (set(claims.known), claims.elsewhere, claims.leased) == ({key(0)}, set(), set())


async def test_what_one_has_leased_it_may_claim_again(ours: Ours) -> None:
    async with ours.opened() as one:
        await one.claim("one", [key(1)])
        assert (await one.claim("one", [key(1)])).leased == {key(1)}


async def test_what_is_given_back_is_free_at_once(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(1)])
        await one.give_back("one", {key(1): False})
        assert (await other.claim("other", [key(1)])).leased == {key(1)}


async def test_another_s_lease_cannot_be_given_back(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(1)])
        await other.give_back("other", {key(1): False})
        assert (await other.claim("other", [key(1)])).elsewhere == {key(1)}


async def test_what_was_asked_in_vain_is_for_a_moment_asked_by_all_without_a_lease(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(1)])
        await one.give_back("one", {key(1): True})
        claims = await other.claim("other", [key(1)])
        assert (claims.elsewhere, claims.leased) == (set(), set())

        async def leased_again() -> bool:
            return key(1) in (await other.claim("other", [key(1)])).leased

        await until(leased_again)


async def test_the_leases_of_one_who_dies_are_free_when_its_name_has_lapsed(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(n) for n in range(1000)])
        claimed_at = time.monotonic()

        async def free() -> bool:
            return not (await other.claim("other", [key(n) for n in range(1000)])).elsewhere

        await until(free)
        assert LEASE_S - 0.5 <= time.monotonic() - claimed_at <= LEASE_S + 1


async def test_one_renewal_keeps_all_leases(ours: Ours) -> None:
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(n) for n in range(1000)])
        for _ in range(3):
            await asyncio.sleep(LEASE_S / 2)
            await one.renew("one")
        assert len((await other.claim("other", [key(n) for n in range(1000)])).elsewhere) == 1000


async def test_whoever_leaves_in_good_order_frees_all_it_has_leased(ours: Ours) -> None:
    async with ours.opened() as other:
        async with ours.opened() as one:
            await one.claim("one", [key(n) for n in range(10)])
        assert len((await other.claim("other", [key(n) for n in range(10)])).leased) == 10


async def test_a_redis_that_lost_all_has_lost_the_leases_and_takes_new_ones(start_redis: StartRedis) -> None:
    redis = await asyncio.to_thread(start_redis)
    ours = Ours(redis.url)
    async with ours.opened() as one, ours.opened() as other:
        await one.claim("one", [key(1)])
        await asyncio.to_thread(redis.process.kill)
        with pytest.raises(CacheFault):
            await one.renew("one")
        await asyncio.to_thread(redis.start)
        assert (await other.claim("other", [key(1)])).leased == {key(1)}
        assert (await one.claim("one", [key(1)])).elsewhere == {key(1)}
