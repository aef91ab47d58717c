"""Records that come back to this process: what was asked and answered for them serves, and costs nothing."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest

from stream_classifier.core.answer import Lane, Reason
from stream_classifier.core.call import Signal
from stream_classifier.core.journey import Decision
from stream_classifier.core.ledger import Ledger
from stream_classifier.pipeline.returns import KEPT_MAX, Returns
from tests.unit.lane_fakes import (
    LATENCY_S,
    MODEL,
    Call,
    Record,
    ScriptedProvider,
    content,
    failure,
    holding,
    label_of,
    reply,
    ticket,
)
from tests.unit.lane_world import World, assignment, waiting, world

ALONE: dict[str, Any] = {"batch": {"max_tickets": 1}}
REFUSED = failure(Signal.REFUSED, status=400)
UNKNOWN = failure(Signal.MODEL_UNKNOWN, status=404)


async def come_back(w: World) -> None:
    """The partition is taken away in the middle of the calls, and given back after their end."""
    await asyncio.sleep(LATENCY_S / 2)
    w.rebalance()
    await asyncio.sleep(LATENCY_S)
    assert w.outbox.sent == []
    w.poll()


async def test_a_verdict_that_came_while_its_partition_was_away_serves_when_the_record_is_back() -> None:
    async with world(**ALONE) as w:
        w.bulk.script = holding("same", REFUSED)
        w.read(ticket("same"))
        await come_back(w)
        [event] = await w.events(1)
        assert (event["reason"], event["tokens_in"], event["cost_usd"]) == ("refused", 0, 0.0)
        assert len(w.bulk.calls) == 1


def unsure_of(text: str, provider: ScriptedProvider) -> None:
    def script(call: Call) -> Any:
        return reply(call, change={text: "?"})

    provider.script = script


async def test_an_answer_that_says_unsure_is_not_asked_for_again() -> None:
    async with world(**ALONE) as w:
        unsure_of("same", w.bulk)
        w.read(ticket("same"))
        await come_back(w)
        [event] = await w.events(1)
        assert (event["reason"], event["batch_size"]) == ("unsure", 1)
        assert len(w.bulk.calls) == 1


@pytest.mark.parametrize(("back", "decided_by"), [(False, "cache"), (True, "shared")])
async def test_a_fallback_models_answer_is_not_paid_for_again(back: bool, decided_by: str) -> None:
    """From the cache while the first model is out, and where it is back for the record that returns."""
    async with world(**ALONE, llm={"fallback_models": ["other"]}) as w:
        w.bulk.script = lambda call: UNKNOWN if call.model == MODEL else None
        w.bulk.latency_s = lambda _: LATENCY_S / 3
        w.read(ticket("same"))
        await asyncio.sleep(LATENCY_S / 2)
        w.rebalance()
        await asyncio.sleep(LATENCY_S)
        if back:
            w.pipeline.gate.breaker(MODEL).success()
        w.poll()
        [event] = await w.events(1)
        assert (event["label"], event["model"]) == (label_of("same"), "other")
        assert (event["decided_by"], event["tokens_in"]) == (decided_by, 0)
        assert [call.model for call in w.bulk.asked] == [MODEL, "other"]


async def test_a_verdict_that_waits_for_its_turn_outlives_the_rebalance() -> None:
    async with world(**ALONE) as w:
        w.bulk.script = holding("later", REFUSED)
        w.bulk.latency_s = lambda call: 10.0 if "earlier" in call.texts else LATENCY_S
        w.read(ticket("earlier", key=b"k"), ticket("later", key=b"k"))
        await asyncio.sleep(5)  # the later one is decided, and must not go first
        w.rebalance()
        w.poll()
        events = await w.events(2)
        assert [event["reason"] for event in events] == [None, "refused"]
        assert w.bulk.texts == ["earlier", "later"]
        assert w.accounted() == w.counted()


async def test_each_ticket_of_an_array_finds_its_own_verdict() -> None:
    async with world(**ALONE) as w:
        w.bulk.script = holding("no", REFUSED)
        w.read(Record(value=orjson.dumps([content("yes"), content("no"), content("no, too")])))
        w.bulk.latency_s = lambda _: LATENCY_S / 4
        await come_back(w)
        events = await w.events(3)
        assert [event["reason"] for event in events] == [None, "refused", "refused"]
        assert w.bulk.texts == ["no", "no, too", "yes"]


async def test_the_tokens_of_what_was_taken_away_are_overhead_and_counted_once() -> None:
    async with world(**ALONE) as w:
        unsure_of("same", w.bulk)
        w.read(ticket("same"), ticket("same"))
        await come_back(w)
        await w.events(2)
        assert w.accounted() == w.counted()


async def test_another_text_at_the_same_offset_is_asked() -> None:
    async with world(**ALONE) as w:
        w.bulk.script = holding("old", REFUSED)
        w.read(ticket("old"))
        await asyncio.sleep(LATENCY_S / 2)
        w.rebalance()
        await asyncio.sleep(LATENCY_S)
        w.topic = [replace(w.topic[0], value=ticket("new").value)]
        w.poll()
        [event] = await w.events(1)
        assert event["label"] == label_of("new")


async def test_a_ticket_that_both_lanes_asked_for_keeps_the_verified_answer() -> None:
    async with world(**ALONE) as w:
        w.bulk.script = holding("earlier", REFUSED)
        w.bulk.latency_s = lambda _: 3.0
        w.read(ticket("earlier", key=b"k"))
        await asyncio.sleep(1)  # it is in a bulk call by now
        w.read(ticket("later", key=b"k", urgent=True))
        w.rebalance()
        await asyncio.sleep(5)
        w.poll()
        events = await w.events(2)
        assert [event["label"] for event in events] == [label_of("earlier"), label_of("later")]
        assert len(w.bulk.calls) == len(w.urgent.calls) - 1 == 1


async def test_what_gathers_for_a_partition_that_went_away_is_let_go_when_the_next_begins() -> None:
    async with world() as w:
        w.bulk.script = lambda _: failure(Signal.KEY_REFUSED, status=401)
        for number in range(10):  # rebalances, in an outage of hours
            w.read(*(ticket(f"{number} {text}") for text in range(50)))
            await asyncio.sleep(60)
            w.partition.open = False
            w.partition = assignment(Ledger(start=len(w.topic)))
        assert w.pipeline.flights.waiting(Lane.BULK) < 60  # one backlog, and what had been called already


@pytest.mark.parametrize("kept", [KEPT_MAX, KEPT_MAX + 5])
def test_no_more_is_kept_than_the_last_ones(kept: int) -> None:
    returns = Returns()
    for offset in range(kept):
        returns.keep(waiting(offset=offset), Decision(labels=(None,), reason=Reason.REFUSED))
    found = [offset for offset in range(kept) if returns.decided(waiting(offset=offset))]
    assert found == list(range(kept - KEPT_MAX, kept))
