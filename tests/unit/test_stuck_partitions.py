"""Liveness by progress, with the real lanes at work: red for a partition that stands still with work and
without a reason, and only then."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Signal
from stream_classifier.core.measures import PARTITIONS_PAUSED
from stream_classifier.kafka.session import Session
from tests.unit.kafka_fakes import record, tp
from tests.unit.lane_fakes import DOWN, Call, Record, failure, ticket
from tests.unit.test_unread import Known
from tests.unit.watch_world import STALL_S, World

HANGS_S = 1e9  # a client that has lost its time limit
LONG_S = 3 * STALL_S
MEMORY: dict[str, Any] = {"cache": {"backend": "memory"}}


def hanging_on(text: str, otherwise_s: float = 1.0) -> Callable[[Call], float]:
    """A provider that never comes back to a call with this text."""
    return lambda call: HANGS_S if text in call.texts else otherwise_s


def many(name: str, count: int) -> list[Record]:
    return [ticket(f"{name} {number}") for number in range(count)]


def rest_at(session: Session, unread: ConsumerRecord[Any, Any]) -> None:
    """Partition 0 rests before this record, whose schema is not known."""
    session.unread.reader = Known(unread.offset)
    partition = session.assignment.partitions[tp(0)]
    assert session.unread.ready(tp(0), partition, [unread]) == 0


async def alive_for(world: World, seconds: float) -> bool:
    """Whether each look found it alive."""
    for _ in range(round(seconds)):
        await world.look_for(1)
        if not world.health.liveness().ok:
            return False
    return True


# ------------------------------------------------------------------------------------------- red


async def test_a_ticket_that_is_never_answered_turns_its_partition_red_and_no_other() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running():
        world.read(world.other, ticket("lost"))
        await asyncio.sleep(5)  # its call has begun
        for number in range(70):
            world.read(world.partition, *many(f"flowing {number}", 3))
            await world.look_for(10)
        [reason] = world.health.liveness().reasons
        assert "Partitions with work stand still: 1 (for " in reason
        assert not world.partition.ledger.unfinished


async def test_it_is_red_only_after_the_limit() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running():
        world.read(world.partition, ticket("lost"))
        assert await alive_for(world, STALL_S)
        assert not await alive_for(world, 10)


async def test_a_lane_that_has_stopped_turns_those_who_stand_in_its_line_red() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = lambda _: HANGS_S
    async with world.running():
        world.read(world.partition, *many("first", 30))
        await asyncio.sleep(1)
        world.read(world.other, ticket("behind them"))
        await world.look_for(STALL_S + 10)
        [reason] = world.health.liveness().reasons
        assert "0 (for" in reason
        assert "1 (for" in reason


async def test_a_full_map_is_no_excuse_for_a_head_that_never_finishes() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running() as session:
        world.read(world.partition, ticket("lost"))
        await asyncio.sleep(5)
        session.commits.full_maps.add(tp(0))
        assert not await alive_for(world, LONG_S)


async def test_a_schema_that_is_not_known_is_no_excuse_for_a_ticket_that_was_read_before_it() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running() as session:
        world.read(world.partition, ticket("lost"))
        await asyncio.sleep(5)
        rest_at(session, record(1))
        assert not await alive_for(world, LONG_S)


# ----------------------------------------------------------------------------------------- green


async def test_an_idle_partition_stays_green() -> None:
    world = World(**MEMORY)
    async with world.running():
        world.read(world.partition, ticket("one"))
        assert await alive_for(world, LONG_S)


async def test_a_partition_that_stands_behind_anothers_backlog_stays_green_and_is_served_in_its_turn() -> (
    None
):
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = lambda _: 60.0
    async with world.running():
        world.read(world.partition, *many("backlog", 300))  # two calls of three a minute: 50 minutes
        await asyncio.sleep(1)
        world.read(world.other, ticket("behind it"))
        assert await alive_for(world, 49 * 60)
        assert world.other.ledger.unfinished
        assert await alive_for(world, 5 * 60)
        assert not world.other.ledger.unfinished


async def test_a_partition_whose_turn_came_and_went_is_red_though_the_line_moves_on() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = hanging_on("lost", 60.0)
    async with world.running():
        world.read(world.partition, *many("before", 3))
        world.read(world.other, ticket("lost"))
        await asyncio.sleep(1)
        world.read(world.partition, *many("backlog", 100))
        assert not await alive_for(world, LONG_S)
        [reason] = world.health.liveness().reasons
        assert "still: 1 (for" in reason


async def test_a_slow_head_behind_which_others_finish_stays_green_until_it_is_done() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = lambda call: STALL_S / 2 if "slow" in call.texts else 1.0
    async with world.running():
        world.read(world.partition, ticket("slow"))
        assert await alive_for(world, STALL_S / 4)
        world.read(world.partition, *many("quick", 6))
        assert await alive_for(world, STALL_S)
        assert not world.partition.ledger.unfinished


OUTAGES = {
    "down": DOWN,
    "quota": failure(Signal.QUOTA, status=429),
    "key refused": failure(Signal.KEY_REFUSED, status=401),
    "hangs up to its time limit": failure(Signal.TIMEOUT),
}


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_keeps_it_green_and_it_goes_on_by_itself(outage: str) -> None:
    world = World(**MEMORY)
    provider = world.providers[Lane.BULK]
    provider.script = lambda _: OUTAGES[outage]
    async with world.running():
        world.read(world.partition, *many("waiting", 9))
        assert await alive_for(world, LONG_S)
        assert len(world.partition.ledger.unfinished) == 9
        provider.script = lambda _: None
        assert await alive_for(world, 60)
        assert not world.partition.ledger.unfinished


async def test_a_limit_keeps_it_green() -> None:
    world = World(**MEMORY)
    limited = failure(Signal.RATE_LIMITED, status=429, retry_after_s=2 * STALL_S)
    world.providers[Lane.BULK].script = lambda call: limited if len(call.texts) > 1 else None
    async with world.running():
        world.read(world.partition, *many("waiting", 9))
        assert await alive_for(world, LONG_S)


async def test_bounds_that_are_full_keep_it_green_while_the_slow_provider_answers() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = lambda _: 100.0
    async with world.running() as session:
        world.read(world.partition, *many("waiting", 30))
        session.backpressure.update(30, 0)
        assert session.backpressure.full
        assert await alive_for(world, 4 * 100)


async def test_a_full_map_keeps_it_green_while_its_head_is_in_a_call() -> None:
    world = World(**MEMORY)
    world.providers[Lane.BULK].latency_s = lambda _: STALL_S / 2
    async with world.running() as session:
        world.read(world.partition, ticket("slow"))
        session.commits.full_maps.add(tp(0))
        assert await alive_for(world, STALL_S)
        assert not world.partition.ledger.unfinished


async def test_a_schema_that_is_not_known_yet_keeps_it_green_and_is_told_as_the_pause() -> None:
    world = World(**MEMORY)
    async with world.running() as session:
        world.read(world.partition, *many("before", 3))
        rest_at(session, record(3))
        assert await alive_for(world, LONG_S)
        assert world.gauge(PARTITIONS_PAUSED)[("schema",)] == 1
        assert world.health.readiness().ok


async def test_a_spent_budget_keeps_it_green_until_the_next_day() -> None:
    world = World(**MEMORY, llm={"budget_usd_per_day": 0.000001})
    async with world.running():
        world.read(world.partition, *many("dear", 30))
        assert await alive_for(world, LONG_S)
        assert world.partition.ledger.unfinished


async def test_a_broker_that_is_away_keeps_it_green() -> None:
    world = World(**MEMORY)
    world.sender.gate.clear()
    async with world.running():
        world.read(world.partition, *many("answered", 3))
        assert await alive_for(world, LONG_S)
        assert len(world.partition.ledger.unfinished) == 3
