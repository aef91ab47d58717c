"""What the gauges say of lanes, of the work left, and of what waits for the broker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from stream_classifier.core.work_left import KNOWN_AFTER_S
from stream_classifier.kafka.session import Session
from stream_classifier.lanes.under_way import UnderWay
from stream_classifier.service.watching import UNACKNOWLEDGED_S
from tests.unit.kafka_fakes import deliver, record, tp
from tests.unit.lane_fakes import failure, ticket
from tests.unit.lane_world import world
from tests.unit.test_unread import Known
from tests.unit.watch_world import World

LONG_S = KNOWN_AFTER_S + 30
MEMORY: dict[str, Any] = {"cache": {"backend": "memory"}}


@asynccontextmanager
async def at_work(**groups: Any) -> AsyncIterator[tuple[World, Session]]:
    """A replica with a hundred thousand records before it, of which more are read as others are done."""
    w = World(**MEMORY, **groups)
    async with w.running() as session:
        w.consumer.ends[tp(0)] = 100_000
        reading = asyncio.create_task(read_on(w))
        yield w, session
        reading.cancel()


async def read_on(w: World) -> None:
    number = 0
    while True:
        while len(w.partition.ledger.unfinished) < 100:
            number += 1
            w.read(w.partition, ticket(f"text {number}"))
        await asyncio.sleep(0.5)


def work_left_s(w: World) -> float | None:
    return w.gauge(measures.WORK_LEFT).get(())


async def test_before_any_work_it_is_not_known_and_there_is_no_row() -> None:
    w = World()
    w.work()
    deliver(w.partition, 0)
    w.watch.look()
    assert w.gauge(measures.WORK_LEFT) == {}


async def test_without_a_record_left_it_is_zero() -> None:
    w = World()
    w.work()
    w.watch.look()
    assert work_left_s(w) == 0


async def test_at_work_it_is_what_is_left_by_the_pace() -> None:
    async with at_work() as (w, _):
        await w.look_for(LONG_S)
        assert w.gauge(measures.RECORDS_LEFT)[()] == pytest.approx(100_000, rel=0.01)
        # Two calls of three texts at a time, a second each.
        assert work_left_s(w) == pytest.approx(100_000 / 6, rel=0.1)


async def test_what_is_done_beyond_the_commit_is_not_left() -> None:
    w = World()
    w.work()
    deliver(w.partition, 0, 1, 2, 3)
    w.partition.ledger.done([1, 2])
    w.consumer.ends[tp(0)] = 10
    assert w.gauge(measures.RECORDS_LEFT) == {(): 2 + 6}


async def test_an_outage_holds_its_value() -> None:
    async with at_work() as (w, _):
        await w.look_for(LONG_S)
        before = work_left_s(w)
        for provider in w.providers.values():
            provider.script = lambda _: failure(Signal.KEY_REFUSED, status=401)
        await w.look_for(5)
        w.consumer.ends[tp(0)] = 500_000
        await w.look_for(600)
        assert work_left_s(w) == pytest.approx(before, rel=0.05)


async def test_an_account_s_limit_holds_its_value() -> None:
    async with at_work(llm={"requests_per_minute": 6}) as (w, _):
        await w.look_for(LONG_S)
        assert work_left_s(w) is None  # held from the start: no pace was ever known


async def test_a_broker_that_takes_nothing_holds_its_value_and_is_told() -> None:
    async with at_work() as (w, _):
        await w.look_for(LONG_S)
        w.sender.gate.clear()
        await w.look_for(UNACKNOWLEDGED_S + 2)
        before = work_left_s(w)
        w.consumer.ends[tp(0)] = 500_000
        await w.look_for(60)
        assert work_left_s(w) == before
        assert w.gauge(measures.UNACKNOWLEDGED)[()] > 60
        w.sender.gate.set()


async def test_partitions_that_all_wait_for_a_schema_hold_its_value() -> None:
    async with at_work() as (w, session):
        await w.look_for(LONG_S)
        before = work_left_s(w)
        session.unread.reader = Known(0)
        for number, partition in enumerate((w.partition, w.other)):
            session.unread.ready(tp(number), partition, [record(0)])
        w.consumer.ends[tp(0)] = 500_000
        await w.look_for(60)
        assert work_left_s(w) == before


async def test_between_two_assignments_nothing_is_known_to_be_left_to_do() -> None:
    async with at_work() as (w, session):
        await w.look_for(LONG_S)
        before = work_left_s(w)
        await session.assignment.on_partitions_revoked({tp(0), tp(1)})
        await w.look_for(3)
        assert work_left_s(w) == before
        w.sender.gate.set()


async def test_texts_are_told_by_whether_they_wait_or_are_in_a_call() -> None:
    w = World(**MEMORY)
    async with w.running():
        w.read(w.partition, *(ticket(f"text {n}") for n in range(10)), ticket("now", urgent=True))
        await asyncio.sleep(0.5)
        assert w.gauge(measures.CALL_SLOTS) == {("bulk",): 2, ("urgent",): 2}
        assert w.gauge(measures.CALLS_UNDER_WAY) == {("bulk",): 2, ("urgent",): 1}
        assert w.gauge(measures.CALLED_TEXTS) == {("bulk",): 6, ("urgent",): 1}
        assert w.gauge(measures.WAITING) == {("bulk",): 4, ("urgent",): 0}
        await asyncio.sleep(10)
        assert w.gauge(measures.CALLS_UNDER_WAY) == {("bulk",): 0, ("urgent",): 0}
        assert w.gauge(measures.CALLED_TEXTS) == {("bulk",): 0, ("urgent",): 0}


async def test_what_calls_have_reserved_is_told_by_model_and_is_nothing_at_rest() -> None:
    w = World(**MEMORY)
    async with w.running():
        w.read(w.partition, *(ticket(f"text {n}") for n in range(10)), ticket("now", urgent=True))
        await asyncio.sleep(0.5)
        assert sum(w.gauge(measures.RESERVED_CALLS).values()) == 3
        assert sum(w.gauge(measures.RESERVED_TOKENS).values()) > 3 * 100
        await asyncio.sleep(10)
        assert set(w.gauge(measures.RESERVED_CALLS).values()) == {0}
        assert set(w.gauge(measures.RESERVED_TOKENS).values()) == {0}


async def test_a_partition_that_stands_still_is_told_before_it_counts_as_stuck() -> None:
    w = World()
    w.work()
    deliver(w.partition, 0)
    await w.look_for(100)
    assert w.gauge(measures.STILL)[("0",)] == pytest.approx(100, abs=2)


async def test_a_bulk_ticket_before_an_urgent_one_of_its_key_is_counted_as_promoted() -> None:
    async with world() as w:
        w.read(ticket("first", key=b"k"), ticket("second", key=b"k", urgent=True))
        await w.events(2)
        assert w.tally.count(measures.PROMOTED) == 1


async def test_a_call_that_was_cancelled_is_under_way_no_longer() -> None:
    async with world() as w:
        w.read(ticket("now", urgent=True))
        await asyncio.sleep(0.5)
        under_way = w.pipeline.lanes.urgent.answering.under_way
        assert under_way == UnderWay(calls=1, texts=1)
        await w.end()
        assert under_way == UnderWay(calls=0, texts=0)
