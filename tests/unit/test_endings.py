"""However a call ends, nothing is left of it: cancelled at any place, or stopped (promise 10)."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import pytest

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.lanes.batch import Batch
from stream_classifier.lanes.prober import TASK
from tests.unit.lane_fakes import DOWN, LATENCY_S, Call, Script, failure, first, ticket
from tests.unit.lane_world import World, world

HOUR_S = 3600.0
SLOTS = {Lane.BULK: 2, Lane.URGENT: 2}

# --------------------------------------------------------------------------------------- cancelling


@dataclass(frozen=True, slots=True)
class Moment:
    """A place where a cancellation can land: what the provider does, and when it is reached."""

    script: Script
    after_s: float
    latency_s: float = LATENCY_S
    introduced: bool = True


LIMIT = failure(Signal.RATE_LIMITED, status=429, retry_after_s=60)
MOMENTS = {
    "a call": Moment(lambda _: None, 0.5),
    "an introduction": Moment(lambda _: None, 0.5, introduced=False),
    "a limit on the introduction": Moment(lambda _: LIMIT, 5.0, introduced=False),
    "a task that has not begun": Moment(lambda _: None, 0.0),
    "a slot": Moment(lambda _: None, 0.5, 100.0),
    "a backoff": Moment(lambda _: DOWN, 1.1),
    "a limit": Moment(lambda _: LIMIT, 5.0),
    "an outage": Moment(lambda _: failure(Signal.QUOTA), 5.0),
    "a probe": Moment(lambda call: None if call.probe else DOWN, 4.5),
    "parts side by side": Moment(lambda call: failure(Signal.REFUSED) if len(call.texts) > 1 else None, 1.5),
    "company for a batch": Moment(lambda _: None, 3.5),
}


def load(w: World) -> None:
    """More than there are slots for, in both lanes; the last batch is not full."""
    w.read(*(ticket(f"text {i}", key=b"%d" % (i % 4)) for i in range(16)))
    w.read(*(ticket(f"urgent {i}", key=b"u", urgent=True) for i in range(4)))


async def cancel_lanes(w: World) -> None:
    lanes = [w.running.pop("bulk"), w.running.pop("urgent")]
    for task in lanes:
        task.cancel()
    await asyncio.wait(lanes)


def let_go(w: World) -> None:
    """Only texts that no batch was formed for may be left."""
    not_begun = len(w.pipeline.lanes.bulk.gathering) + w.pipeline.lanes.urgent._arrived.qsize()
    assert w.free_slots == SLOTS
    assert len(w.pipeline.flights) == not_begun
    others = {task for task in asyncio.all_tasks() if not task.get_name().startswith(TASK)}
    assert others == {asyncio.current_task(), *w.running.values()}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
async def test_a_cancellation_while_waiting_for_this_leaks_nothing(moment: Moment) -> None:
    async with world(introduced=moment.introduced) as w:
        w.bulk.script = w.urgent.script = moment.script
        w.bulk.latency_s = w.urgent.latency_s = lambda _: moment.latency_s
        load(w)
        await asyncio.sleep(moment.after_s)
        await cancel_lanes(w)
        let_go(w)


@pytest.mark.parametrize("after_s", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
async def test_a_cancellation_at_any_step_of_the_loop_leaks_nothing(after_s: float) -> None:
    for steps in range(20):
        async with world() as w:
            w.bulk.script, w.urgent.script = first(4, DOWN), first(2, LIMIT)
            load(w)
            await asyncio.sleep(after_s)
            for _ in range(steps):
                await asyncio.sleep(0)
            await cancel_lanes(w)
            let_go(w)


async def test_a_batch_whose_task_never_began_gives_back_its_slot_and_its_texts() -> None:
    async with world() as w:
        answering = w.pipeline.lanes.bulk.answering
        w.read(ticket("one"))
        gathering = w.pipeline.lanes.bulk.gathering
        batch = Batch(gathering.upcoming(w.began))
        gathering.discard(batch.asks[0])
        await answering.admit(batch, answering.caller.size(batch.asks))
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                answering.start(batch, group)
                raise RuntimeError("the group ends before the task's first step")
        let_go(w)


async def test_what_a_cancellation_left_can_be_asked_again() -> None:
    async with world() as w:
        load(w)
        await asyncio.sleep(LATENCY_S / 2)
        await cancel_lanes(w)
        w.running["bulk"] = asyncio.create_task(w.pipeline.lanes.bulk.run())
        w.running["urgent"] = asyncio.create_task(w.pipeline.lanes.urgent.run())
        w.rebalance()
        w.poll()
        await w.events(20)
        assert sorted(w.order) == list(range(20))


# ------------------------------------------------------------------------------------------ stopping


async def stopped_after(w: World) -> float:
    """Stop the lanes; how long they took to end."""
    began = asyncio.get_running_loop().time()
    w.pipeline.lanes.stop()
    await asyncio.wait([w.running["bulk"], w.running["urgent"]])
    return asyncio.get_running_loop().time() - began


async def test_at_a_stop_calls_under_way_end_and_their_answers_are_served() -> None:
    async with world() as w:
        load(w)
        await asyncio.sleep(LATENCY_S / 4)
        assert await stopped_after(w) == LATENCY_S * 3 / 4
        answered = sum(len(call.texts) for call in w.bulk.calls + w.urgent.calls)
        assert len(w.outbox.sent) == answered == 2 * 3 + 2
        assert w.free_slots == SLOTS


async def test_after_a_stop_no_call_is_begun() -> None:
    async with world() as w:
        load(w)
        await asyncio.sleep(LATENCY_S / 4)
        await stopped_after(w)
        w.read(ticket("late"), ticket("late and urgent", urgent=True))
        await asyncio.sleep(HOUR_S)
        assert (len(w.bulk.calls), len(w.urgent.calls)) == (2, 2)


@pytest.mark.parametrize(
    "moment", ["an introduction", "a backoff", "a limit", "an outage", "company for a batch"]
)
async def test_a_stop_ends_this_wait_at_once(moment: str) -> None:
    async with world(introduced=MOMENTS[moment].introduced) as w:
        w.bulk.script = MOMENTS[moment].script
        w.read(*(ticket(f"text {i}") for i in range(3)))
        await asyncio.sleep(MOMENTS[moment].after_s)
        assert await stopped_after(w) == 0.0


async def test_after_a_stop_the_constant_record_is_not_asked_either() -> None:
    async with world() as w:
        w.bulk.script = lambda _: DOWN
        w.read(*(ticket(f"text {i}") for i in range(6)))
        await asyncio.sleep(60)
        probes = len(w.bulk.calls)
        await stopped_after(w)
        await asyncio.sleep(HOUR_S)
        assert len(w.bulk.calls) == probes


async def test_a_batch_that_fails_after_the_stop_has_the_constant_record_asked_no_more() -> None:
    async with world() as w:

        def script(_call: Call) -> Outcome:
            if len(w.bulk.calls) == 3:
                w.pipeline.lanes.stop()
            return DOWN

        w.bulk.script = script
        w.read(*(ticket(f"text {i}") for i in range(3)))
        await asyncio.sleep(60)
        assert [call.probe for call in w.bulk.calls] == [False, False, False]


async def test_a_batch_that_fails_after_the_stop_is_left_to_kafka() -> None:
    async with world() as w:
        w.bulk.script = lambda _: DOWN
        w.read(*(ticket(f"text {i}") for i in range(3)))
        await asyncio.sleep(LATENCY_S / 2)
        assert await stopped_after(w) == LATENCY_S / 2
        assert (w.outbox.sent, len(w.bulk.calls), w.partition.ledger.position) == ([], 1, 0)
