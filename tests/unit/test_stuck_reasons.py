"""What explains that a partition stands still, and what does not: each reason both ways."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from stream_classifier.cache.spend import DayAndLane, Spends
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal, Usage
from stream_classifier.core.known import Known
from stream_classifier.kafka.outbox import Outbox
from stream_classifier.pipeline.look_ups import LookUps
from tests.unit.lane_fakes import MODEL, failure, reply, ticket
from tests.unit.test_stuck_partitions import HANGS_S, LONG_S, MEMORY, alive_for, hanging_on, many
from tests.unit.watch_world import STALL_S, World

URGENT_MODEL = "gpt-4o"
OUT = failure(Signal.KEY_REFUSED, status=401)


async def is_red(world: World) -> bool:
    """Whether it is after the time that any stuck partition needs, having been green at first."""
    assert await alive_for(world, STALL_S / 2)
    return not await alive_for(world, STALL_S)


# ------------------------------------------------------------------------------------------- outages


async def two_models(**llm: Any) -> World:
    return World(**MEMORY, llm={"urgent_model": URGENT_MODEL, **llm})


async def test_an_outage_of_urgent_s_model_does_not_excuse_a_bulk_ticket_that_is_never_answered() -> None:
    world = await two_models()
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    world.providers[Lane.URGENT].script = lambda _: OUT
    async with world.running():
        world.read(world.partition, ticket("lost"))
        world.read(world.other, ticket("urgent", urgent=True))
        assert await is_red(world)
        [reason] = world.health.liveness().reasons
        assert "still: 0 (for" in reason
        assert world.pipeline.gate.breakers[URGENT_MODEL].open


async def test_it_excuses_what_was_promoted_with_an_urgent_ticket_and_waits_for_that_model() -> None:
    world = await two_models()
    world.providers[Lane.URGENT].script = lambda _: OUT
    async with world.running():
        world.read(world.partition, ticket("before", key=b"k"), ticket("urgent", key=b"k", urgent=True))
        assert await alive_for(world, LONG_S)
        assert world.partition.ledger.unfinished


async def test_an_outage_of_the_first_model_does_not_excuse_while_a_fallback_answers() -> None:
    world = World(**MEMORY, llm={"fallback_models": [URGENT_MODEL]})
    provider = world.providers[Lane.BULK]
    provider.script = lambda call: OUT if call.model == MODEL else reply(call)
    provider.latency_s = hanging_on("lost")
    async with world.running():
        world.read(world.other, *many("answered", 3))
        await world.look_for(60)
        assert world.pipeline.gate.breakers[MODEL].open
        assert not world.other.ledger.unfinished
        world.read(world.partition, ticket("lost"))
        assert await is_red(world)


async def test_an_outage_of_all_models_excuses() -> None:
    world = World(**MEMORY, llm={"fallback_models": [URGENT_MODEL]})
    world.providers[Lane.BULK].script = lambda _: OUT
    async with world.running():
        world.read(world.partition, *many("waiting", 9))
        assert await alive_for(world, LONG_S)
        assert world.partition.ledger.unfinished


# -------------------------------------------------------------------------------------------- limits


async def test_a_limit_that_is_waited_for_excuses_for_as_long_as_it_lasts() -> None:
    world = World(**MEMORY, llm={"requests_per_minute": 1, "concurrency": 1})
    world.pipeline.gate.set_share(0.05)  # a call in twenty minutes
    async with world.running():
        world.read(world.partition, *(ticket(f"waiting {n}", tenant=str(n)) for n in range(60)))
        assert await alive_for(world, LONG_S)
        assert len(world.partition.ledger.unfinished) > 30


async def test_a_line_that_moves_at_its_limit_s_pace_does_not_excuse_a_ticket_whose_turn_came_and_went() -> (
    None
):
    world = World(**MEMORY, llm={"requests_per_minute": 6, "concurrency": 2})
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running():
        world.read(world.other, ticket("lost"))
        await asyncio.sleep(5)
        world.read(world.partition, *many("backlog", 600))
        assert await is_red(world)
        [reason] = world.health.liveness().reasons
        assert "still: 1 (for" in reason


async def test_urgent_s_spent_budget_excuses_what_was_promoted_into_its_lane() -> None:
    world = World(**MEMORY, urgent={"budget_usd_per_day": 1e-9})
    answered = Outcome(signal=Signal.ANSWERED, usage=Usage(tokens_in=100, tokens_out=10))
    async with world.running():
        world.pipeline.gate.spending.charge(Lane.URGENT, MODEL, answered)
        world.read(world.partition, ticket("before", key=b"k"), ticket("urgent", key=b"k", urgent=True))
        assert await alive_for(world, LONG_S)


# --------------------------------------------------------------------------------------------- cache


class HangingBackend:
    """A backend whose thread never comes back."""

    name = "sqlite"

    async def open(self) -> None:
        pass

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        await asyncio.sleep(HANGS_S)
        return {}

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        await asyncio.sleep(HANGS_S)

    async def spent(self) -> Spends:
        return {}

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None:
        await asyncio.sleep(HANGS_S)

    async def close(self) -> None:
        pass


async def test_a_cache_thread_that_is_stuck_holds_nothing_up() -> None:
    world = World(backend=HangingBackend())
    async with world.running():
        for number in range(5):
            world.read(world.partition, *many(f"round {number}", 3))
            assert await alive_for(world, 20)
        assert not world.partition.ledger.unfinished


async def test_a_look_up_that_never_ends_turns_its_partition_red() -> None:
    world = World(backend=HangingBackend())

    async def never(_keys: Sequence[bytes]) -> Mapping[bytes, Known]:
        await asyncio.sleep(HANGS_S)
        return {}

    look_ups = world.pipeline.look_ups[Lane.BULK]
    assert isinstance(look_ups, LookUps)
    look_ups.fetch = never
    async with world.running():
        world.read(world.partition, ticket("lost"))
        assert await is_red(world)


# ------------------------------------------------------------------------------------------- publishing


async def test_publishing_that_is_held_for_the_group_excuses_and_goes_on_by_itself() -> None:
    world = World(**MEMORY)
    heard = asyncio.Event()
    assert isinstance(world.outbox, Outbox)
    world.outbox.in_touch = heard.is_set
    async with world.running():
        world.read(world.partition, *many("answered", 3))
        assert await alive_for(world, LONG_S)
        assert len(world.partition.ledger.unfinished) == 3
        heard.set()
        await asyncio.sleep(5)
        assert not world.partition.ledger.unfinished


async def test_with_exactly_once_a_transaction_that_hangs_excuses_and_is_committed_in_the_end() -> None:
    world = World(**MEMORY)
    coordinator = world.use_transactions()
    async with world.running():
        coordinator.gate.clear()
        world.read(world.partition, *many("answered", 3))
        assert await alive_for(world, LONG_S)
        assert len(world.partition.ledger.unfinished) == 3
        coordinator.gate.set()
        await asyncio.sleep(5)
        assert not world.partition.ledger.unfinished
        world.close()


@pytest.mark.parametrize("others", [0, 6])
async def test_with_exactly_once_a_ticket_that_is_never_answered_is_red_be_it_that_others_are_published(
    others: int,
) -> None:
    world = World(**MEMORY)
    world.use_transactions()
    world.providers[Lane.BULK].latency_s = hanging_on("lost")
    async with world.running():
        world.read(world.partition, ticket("lost"))
        await asyncio.sleep(5)
        if others:
            world.read(world.partition, *many("published", others))
        assert await is_red(world)
        assert len(world.partition.ledger.unfinished) == 1
        world.close()
