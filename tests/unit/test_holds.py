"""How long a lane was held, and by what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.core.charging import Size
from stream_classifier.core.limits import Bucket, Limiter
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.gate import Gate
from tests.unit.watch_world import World

SMALL = Size(prompt=100, budget=50, reply=10)
NO_KEY = Outcome(signal=Signal.KEY_REFUSED, status=401)


def a_gate(requests_per_minute: float | None = None) -> Gate:
    def limiter() -> Limiter:
        return Limiter(requests=Bucket(requests_per_minute), tokens=Bucket(), stock=0)

    gate = Gate(tally=Tally(), now=asyncio.get_running_loop().time, new_limiter=limiter)
    gate.breaker("m").success()
    return gate


def held(gate: Gate) -> dict[tuple[str, ...], float]:
    rows = gate.tally.counters.get(measures.LANE_HELD, {})
    return {row: round(seconds, 3) for row, seconds in rows.items()}


@asynccontextmanager
async def waiting(gate: Gate, lane: Lane = Lane.BULK) -> AsyncIterator[None]:
    """Somebody waits at the gate for the length of the block."""
    task = asyncio.create_task(gate.passed(lane, ["m"], SMALL))
    await asyncio.sleep(0)
    yield
    task.cancel()


async def test_a_lane_that_may_call_is_not_held() -> None:
    gate = a_gate()
    await gate.passed(Lane.BULK, ["m"], SMALL)
    assert held(gate) == {}


async def test_a_refusal_by_the_provider_holds_by_limit() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 9.0)
    await gate.passed(Lane.BULK, ["m"], SMALL)
    assert held(gate) == {("bulk", "limit"): 9.0}


async def test_what_we_know_of_the_limits_holds_by_rate() -> None:
    gate = a_gate(requests_per_minute=60)
    for _ in range(3):
        await gate.passed(Lane.BULK, ["m"], SMALL)
        assert gate.admit(Lane.BULK, ["m"], SMALL)
    assert held(gate)[("bulk", "rate")] > 1.9


async def test_an_outage_is_counted_while_it_lasts() -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    async with waiting(gate):
        await asyncio.sleep(60)
        gate.holds.look()
        assert held(gate) == {("bulk", "outage"): 60.0}
        await asyncio.sleep(5)
        gate.holds.look()
        assert held(gate) == {("bulk", "outage"): 65.0}


async def test_who_goes_away_is_held_no_longer() -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    async with waiting(gate):
        await asyncio.sleep(2)
    await asyncio.sleep(100)
    gate.holds.look()
    assert held(gate) == {("bulk", "outage"): 2.0}


async def test_lanes_are_held_apart() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 9.0)
    async with waiting(gate, Lane.URGENT):
        await gate.passed(Lane.BULK, ["m"], SMALL)
    assert held(gate) == {("bulk", "limit"): 9.0}


async def test_a_spent_budget_holds_by_budget() -> None:
    world = World(llm={"budget_usd_per_day": 1e-9})
    gate = world.pipeline.gate
    gate.breaker("m").success()
    [model] = {model for models in world.pipeline.prober.models.values() for model in models}
    spent = Outcome(signal=Signal.ANSWERED, usage=Usage(tokens_in=100, tokens_out=10))
    gate.spending.charge(Lane.BULK, model, spent)
    async with waiting(gate):
        await asyncio.sleep(3)
        gate.holds.look()
        assert held(gate) == {("bulk", "budget"): 3.0}
