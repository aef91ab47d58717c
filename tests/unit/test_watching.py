"""What the probes and the gauges say of the running parts."""

import asyncio

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.observe.summary import take
from stream_classifier.service.watching import POLL_STALE_S, UNACKNOWLEDGED_S
from tests.unit.kafka_fakes import deliver, tp
from tests.unit.lane_fakes import MODEL
from tests.unit.watch_world import STALL_S, World

ANSWERED = Outcome(signal=Signal.ANSWERED, usage=Usage(tokens_in=100, tokens_out=10))


async def test_before_the_group_it_is_alive_and_not_ready() -> None:
    world = World()
    assert world.health.liveness().ok
    assert not world.health.readiness().ok


async def test_with_its_partitions_open_it_is_ready() -> None:
    world = World()
    session = world.join()
    assert not world.health.readiness().ok
    session.assignment.open({})
    assert world.health.readiness().ok


async def test_while_it_stops_it_is_alive_and_not_ready() -> None:
    world = World()
    world.work().stop()
    await asyncio.sleep(POLL_STALE_S + 1)
    assert world.health.liveness().ok
    assert not world.health.readiness().ok


async def test_a_poller_that_is_silent_is_not_alive() -> None:
    world = World()
    world.work()
    await asyncio.sleep(POLL_STALE_S)
    assert world.health.liveness().ok
    await asyncio.sleep(1)
    [reason] = world.health.liveness().reasons
    assert "31 s ago" in reason


async def test_a_poll_that_waits_for_the_group_is_alive_however_long_it_waits() -> None:
    world = World()
    session = world.work()
    await session.assignment.on_partitions_revoked({tp(0)})
    await asyncio.sleep(10 * POLL_STALE_S)
    assert world.health.liveness().ok


async def test_a_partition_with_work_that_stands_still_is_not_alive() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    await world.look_for(STALL_S + 5)
    [reason] = world.health.liveness().reasons
    assert "Partitions with work stand still: 0" in reason


async def test_a_broker_that_does_not_acknowledge_excuses_it() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    world.sender.gate.clear()
    running = asyncio.create_task(world.outbox.run())
    world.outbox.publish(world.partition, 0, None, b"{}", [])
    await world.look_for(STALL_S + UNACKNOWLEDGED_S)
    assert world.health.liveness().ok
    running.cancel()


async def test_a_pause_by_a_limit_excuses_it() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    world.pipeline.gate.pause(Lane.BULK, 2 * STALL_S)
    await world.look_for(STALL_S + 5)
    assert world.health.liveness().ok


async def test_bulk_s_spent_budget_excuses_it_and_is_shown() -> None:
    world = World(llm={"budget_usd_per_day": 1e-9})
    world.work()
    deliver(world.partition, 0)
    assert world.gauge(measures.BUDGET_USED) == {("bulk",): 0}
    world.pipeline.gate.spending.charge(Lane.BULK, MODEL, ANSWERED)
    await world.look_for(STALL_S + 5)
    assert world.health.liveness().ok
    assert world.gauge(measures.BUDGET_USED)[("bulk",)] > 1
    assert take(world.tally).paused == ("budget",)


async def test_urgent_s_spent_budget_does_not_excuse_it() -> None:
    world = World(urgent={"budget_usd_per_day": 1e-9})
    world.work()
    deliver(world.partition, 0)
    world.pipeline.gate.spending.charge(Lane.URGENT, MODEL, ANSWERED)
    await world.look_for(STALL_S + 5)
    assert not world.health.liveness().ok


async def test_the_gauges_tell_what_is_owned_held_and_behind() -> None:
    world = World()
    session = world.work()
    deliver(world.partition, 0, 1, 2)
    world.partition.ledger.done([0])
    world.consumer.ends[tp(0)] = 10
    await session.commits.commit()
    assert world.gauge(measures.PARTITIONS_OWNED) == {(): 1}
    assert world.gauge(measures.IN_FLIGHT) == {(): 2}
    assert world.gauge(measures.POSITION) == {("0",): 1}
    assert world.gauge(measures.LAG) == {("0",): 9}


async def test_the_gauges_of_a_service_without_a_session_are_empty() -> None:
    world = World()
    assert world.gauge(measures.PARTITIONS_OWNED) == {(): 0}
    assert [world.gauge(m) for m in (measures.LAG, measures.POSITION, measures.OLDEST)] == [{}, {}, {}]
