"""Replicas that share a store: what one is asking, the others wait for, and never for long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from stream_classifier.cache.breaker import REST_S
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Signal
from stream_classifier.core.leases import LEASE_S, POLL_S
from tests.unit.lane_fakes import LATENCY_S, failure, holding, ticket
from tests.unit.lane_world import World, world
from tests.unit.shared_store import ROUND_TRIP_S, SharedStore

PATIENCE_S = 60.0  # llm.timeout_s
AT_ONCE: dict[str, Any] = {"batch": {"max_tickets": 1}}
LONG_S = 3 * PATIENCE_S
LATE_S = 0.25  # a look-up may take 1/16


@asynccontextmanager
async def worlds(number: int, store: SharedStore, **settings: Any) -> AsyncIterator[list[World]]:
    """So many replicas."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(world(backend=store.replica(), **(settings or AT_ONCE)))
            for _ in range(number)
        ]


def asked(*replicas: World) -> list[str]:
    """Every text that was asked, by whomever."""
    return sorted(text for w in replicas for text in [*w.bulk.texts, *w.urgent.texts])


async def test_the_same_text_at_many_replicas_is_asked_once() -> None:
    async with worlds(4, SharedStore()) as replicas:
        for w in replicas:
            w.read(*(ticket(f"text {i}") for i in range(10)), *(ticket(f"text {i}") for i in range(10)))
        for w in replicas:
            events = await w.events(20)
            assert {event["status"] for event in events} == {"labelled"}
        assert asked(*replicas) == sorted(f"text {i}" for i in range(10))


async def test_what_the_store_knows_counts_as_a_hit_of_the_backend() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.read(ticket("same"))
        await one.events(1)
        await asyncio.sleep(LONG_S)
        other.read(ticket("same"))
        await other.events(1)
        other.read(ticket("same"))
        counted = [{row[1]: n for row, n in w.tally.counters[measures.CACHE].items()} for w in (one, other)]
        assert counted == [{"miss": 1}, {"backend_hit": 1, "hit": 1}]


async def test_who_waits_has_the_answer_soon_after_it_is_there() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.read(ticket("same"))
        await asyncio.sleep(LATENCY_S / 2)
        other.read(ticket("same"))
        await asyncio.gather(one.events(1), other.events(1))
        assert [sent.event["decided_by"] for w in (one, other) for sent in w.outbox.sent] == ["llm", "cache"]
        assert other.left_at[0] <= one.left_at[0] + POLL_S + 3 * ROUND_TRIP_S
        assert other.tally.count(measures.LEASE_WAITS, "answer") == 1


async def test_all_that_waits_is_looked_up_in_one_round_trip() -> None:
    store = SharedStore()
    async with worlds(2, store, batch={"max_tickets": 20}) as (one, other):
        one.read(*(ticket(f"text {i}") for i in range(20)))
        await asyncio.sleep(ROUND_TRIP_S * 2)
        other.read(*(ticket(f"text {i}") for i in range(20)))
        await other.events(20)
        assert set(store.claims) == {20}
        assert len(store.claims) <= 2 + (LATENCY_S + 1) / POLL_S


async def test_a_ticket_that_comes_while_its_text_waits_waits_with_it() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        one.read(ticket("same"))
        await asyncio.sleep(ROUND_TRIP_S * 2)
        other.read(ticket("same"))
        await asyncio.sleep(POLL_S / 2)
        other.read(ticket("same"), ticket("same"))
        await other.events(3)
        assert set(store.claims) == {1}
        assert asked(one, other) == ["same"]


async def test_a_replica_that_dies_delays_the_others_by_its_name_s_life_at_most() -> None:
    async with worlds(3, SharedStore()) as (dying, *others):
        dying.bulk.latency_s = lambda _: LONG_S
        dying.read(ticket("same"))
        await asyncio.sleep(7.5)  # long enough for its name to have been renewed
        for w in others:
            w.read(ticket("same"))
        await asyncio.sleep(1)
        died_at = asyncio.get_running_loop().time()
        await dying.end()
        await asyncio.gather(*(w.events(1) for w in others))
        for w in others:
            assert w.outbox.sent[0].at - died_at <= LEASE_S + POLL_S + 4 * ROUND_TRIP_S + LATENCY_S + POLL_S
        assert asked(*others) == ["same"]


async def test_a_lease_is_kept_for_as_long_as_its_text_is_asked() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.bulk.latency_s = lambda _: 3 * LEASE_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same"))
        await other.events(1)
        assert asked(one, other) == ["same"]


async def test_nobody_waits_longer_than_a_call_may_take() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.bulk.latency_s = lambda _: LONG_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same"))
        await other.events(1)
        took_s = other.left_at[0] - 1
        assert PATIENCE_S <= took_s <= PATIENCE_S + POLL_S + 2 * ROUND_TRIP_S + LATENCY_S
        assert other.tally.count(measures.LEASE_WAITS, "patience") == 1


async def test_what_was_asked_in_vain_is_asked_by_all_who_waited_side_by_side() -> None:
    refused = failure(Signal.REFUSED)
    async with worlds(4, SharedStore()) as replicas:
        for w in replicas:
            w.bulk.script = holding("same", refused)
        replicas[0].read(ticket("same"))
        await asyncio.sleep(LATENCY_S / 2)
        for w in replicas[1:]:
            w.read(ticket("same"))
        for w in replicas:
            [event] = await w.events(1)
            assert (event["status"], event["reason"]) == ("needs_review", "refused")
        first, *others = (w.outbox.sent[0].at for w in replicas)
        assert max(others) - first <= (first - replicas[0].began) + POLL_S + 3 * ROUND_TRIP_S


async def test_an_urgent_ticket_does_not_wait_for_another_replica_s_bulk() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.bulk.latency_s = lambda _: LONG_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same", urgent=True))
        await other.events(1)
        assert other.left_at[0] == 1 + ROUND_TRIP_S + LATENCY_S


async def test_an_urgent_answer_serves_the_bulk_tickets_that_wait_at_once() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        one.bulk.latency_s = lambda _: LONG_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same", urgent=True))
        await other.events(1)
        store.away = True  # what this replica knows itself needs no look there
        await other.events(2)
        assert other.left_at[0] <= other.left_at[1] + POLL_S + ROUND_TRIP_S
        assert other.bulk.calls == []


async def test_a_ticket_that_is_promoted_while_it_waits_is_asked_at_once_and_once() -> None:
    async with worlds(2, SharedStore()) as (one, other):
        one.bulk.latency_s = lambda _: 10.0
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same", key=b"k"))
        await asyncio.sleep(1)
        other.read(ticket("now", key=b"k", urgent=True))
        await other.events(2)
        assert other.left_at[1] == 2 + ROUND_TRIP_S + LATENCY_S
        await asyncio.sleep(30)
        assert (other.bulk.calls, len(other.pipeline.flights)) == ([], 0)


async def test_on_a_stop_what_is_not_called_yet_is_free_for_others() -> None:
    store = SharedStore()
    slow = {"batch": {"max_tickets": 1}, "llm": {"concurrency": 1}}
    async with worlds(2, store, **slow) as (stopping, other):
        stopping.bulk.latency_s = lambda _: LONG_S
        stopping.read(*(ticket(f"text {i}") for i in range(5)))
        await asyncio.sleep(1)
        other.read(*(ticket(f"text {i}") for i in range(5)))
        await asyncio.sleep(1)
        stopping.pipeline.lanes.stop()
        await other.events(4)
        assert max(other.left_at.values()) <= 2 + POLL_S + 4 * LATENCY_S + 1
        assert "text 0" not in asked(other)  # it is called, so it is waited for


async def test_a_replica_that_is_stopping_leases_nothing() -> None:
    store = SharedStore()
    async with worlds(2, store) as (stopping, other):
        other.bulk.latency_s = lambda _: 10.0
        other.read(ticket("same"))
        await asyncio.sleep(1)
        stopping.read(ticket("same"))
        await asyncio.sleep(1)
        stopping.pipeline.lanes.stop()
        claims = len(store.claims)
        await other.end()
        await asyncio.sleep(2 * LEASE_S)
        assert len(store.claims) == claims
        assert [key for key in store.leases if store.holder(key)] == []


async def test_what_was_leased_just_as_the_stop_began_is_free_for_others() -> None:
    store = SharedStore()
    async with worlds(1, store) as (stopping,):
        stopping.read(ticket("same"))
        await asyncio.sleep(ROUND_TRIP_S / 2)
        stopping.pipeline.lanes.stop()
        await asyncio.sleep(1)
        assert (store.leases, stopping.bulk.calls) == ({}, [])


async def test_what_was_leased_for_a_partition_that_went_away_is_free_for_others() -> None:
    store = SharedStore()
    async with worlds(1, store) as (w,):
        w.read(ticket("same"))
        await asyncio.sleep(ROUND_TRIP_S / 2)
        w.partition.open = False
        await asyncio.sleep(1)
        assert (store.leases, w.bulk.calls) == ({}, [])


async def test_nobody_looks_any_more_for_a_ticket_whose_partition_went_away() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        one.bulk.latency_s = lambda _: LONG_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same"))
        await asyncio.sleep(1)
        other.partition.open = False
        await asyncio.sleep(2 * POLL_S)
        claims = len(store.claims)
        await asyncio.sleep(10)
        assert len(store.claims) == claims


async def test_what_gathers_for_a_partition_that_went_away_is_free_for_its_new_owner() -> None:
    patient = {"batch": {"max_tickets": 10, "max_wait_s": 30}}
    async with worlds(2, SharedStore(), **patient) as (old, new):
        old.read(ticket("same"))
        await asyncio.sleep(1)
        old.partition.open = False
        old.pipeline.arrivals.let_go()
        new.read(ticket("same"))
        await asyncio.sleep(1)
        assert new.pipeline.flights.waiting(Lane.BULK) == 1
        await new.events(1)


async def test_without_its_store_a_replica_asks_at_once() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        store.away = True
        one.read(ticket("same"))
        other.read(ticket("same"))
        await asyncio.gather(one.events(1), other.events(1))
        assert one.left_at[0] == other.left_at[0] == LATENCY_S


async def test_a_store_that_goes_away_holds_nobody_who_waits() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        one.bulk.latency_s = lambda _: LONG_S
        one.read(ticket("same"))
        await asyncio.sleep(1)
        other.read(ticket("same"))
        await asyncio.sleep(1)
        store.away = True
        await other.events(1)
        assert other.left_at[0] <= 2 + POLL_S + LATENCY_S + ROUND_TRIP_S


async def test_a_slow_store_holds_nobody_up_and_what_it_leased_too_late_is_given_back() -> None:
    store = SharedStore(round_trip_s=0.5)
    async with worlds(2, store) as (one, _):
        one.read(ticket("same"))
        await one.events(1)
        assert one.left_at[0] < LATENCY_S + 0.1
        await asyncio.sleep(10)
        assert store.leases == {}


async def test_a_lease_that_came_after_its_text_was_answered_is_given_back() -> None:
    store = SharedStore(round_trip_s=1.5 * LATENCY_S)
    async with worlds(1, store) as (w,):
        w.read(ticket("same"))
        await w.events(1)
        await asyncio.sleep(10)
        assert (store.leases, len(w.pipeline.flights)) == ({}, 0)


def test_a_store_that_failed_is_left_alone_for_longer_than_a_name_lasts() -> None:
    assert REST_S > LEASE_S


async def test_a_look_up_that_comes_too_late_still_serves_what_waits_for_its_call() -> None:
    store = SharedStore()
    async with worlds(2, store, batch={"max_tickets": 10, "max_wait_s": 2}) as (one, other):
        one.read(ticket("known"))
        await one.events(1)
        store.round_trip_s = LATE_S
        other.read(ticket("known"))
        await other.events(1)
        assert other.left_at[0] - one.left_at[0] <= LATE_S + 1 / 16
        assert (asked(other), len(other.pipeline.flights)) == ([], 0)


async def test_what_another_is_found_to_be_asking_too_late_is_waited_for_unless_it_is_called() -> None:
    store = SharedStore()
    async with worlds(2, store, batch={"max_tickets": 2, "max_wait_s": 2}) as (one, other):
        one.read(ticket("same"), ticket("called"))
        await asyncio.sleep(0.5)
        store.round_trip_s = LATE_S
        other.read(ticket("same"))
        await asyncio.sleep(LATE_S - 0.05)
        store.round_trip_s = ROUND_TRIP_S
        await other.events(1)
        assert asked(one, other) == ["called", "same"]
        store.round_trip_s = LATE_S
        one.read(ticket("new"), ticket("other"))
        await asyncio.sleep(0.5)
        other.read(ticket("new"), ticket("other"))
        await other.events(3)
        assert asked(one, other) == ["called", "new", "new", "other", "other", "same"]


async def test_leases_that_were_taken_before_the_store_went_away_are_never_held_again() -> None:
    store = SharedStore()
    async with worlds(2, store) as (one, other):
        one.bulk.latency_s = lambda _: 20.0
        one.read(ticket("same"))
        await asyncio.sleep(1)
        store.away = True
        await asyncio.sleep(3)
        store.away = False
        other.read(ticket("same"))
        await other.events(1)
        assert other.left_at[0] <= 4 + LEASE_S + POLL_S + LATENCY_S + 1


@pytest.mark.parametrize("seed", range(5))
async def test_when_all_is_over_no_lease_and_nobody_who_waits_is_left(seed: int) -> None:
    store = SharedStore()
    async with worlds(3, store, batch={"max_tickets": 4, "max_wait_s": 0.5}) as replicas:
        for i, w in enumerate(replicas * 4):
            w.bulk.script = holding("text 3", failure(Signal.REFUSED))
            w.read(
                *(
                    ticket(f"text {(n * (seed + 1) + i) % 11}", urgent=(n + i + seed) % 7 == 0)
                    for n in range(9)
                )
            )
            await asyncio.sleep(0.3)
        for w in replicas:
            await w.events(36)
        await asyncio.sleep(2 * LEASE_S)
        assert [key for key in store.leases if store.holder(key)] == []
        for w in replicas:
            assert w.pipeline.leases is not None
            assert (len(w.pipeline.leases.holder), len(w.pipeline.flights)) == (0, 0)
