"""A fallback model's answer: kept under a key of its own, and read only while the first model is out."""

import asyncio
from typing import Any

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from tests.patience import until
from tests.unit.lane_fakes import MODEL, Call, failure, ticket
from tests.unit.lane_world import World, world
from tests.unit.test_look_ups import LOOK_UP_S, SlowBackend

FALLBACK = "gpt-4o"
ONE_A_CALL: dict[str, Any] = {
    "llm": {"model": MODEL, "fallback_models": [FALLBACK], "concurrency": 2},
    "batch": {"max_tickets": 1},
}


def out(call: Call) -> Outcome | None:
    """The first model is out, the fallback answers."""
    return failure(Signal.KEY_REFUSED, status=401) if call.model == MODEL else None


def asked(w: World) -> list[str]:
    return [call.model for call in w.bulk.asked + w.urgent.asked]


async def answered_by_the_fallback(w: World, text: str) -> None:
    w.bulk.script = w.urgent.script = out
    before = len(w.outbox.sent)
    w.read(ticket(text))
    events = await w.events(before + 1)
    assert events[-1]["model"] == FALLBACK


async def until_it_is_back(w: World) -> None:
    """The first model is in order again, and the breaker has noticed it."""
    w.bulk.script = w.urgent.script = lambda _: None
    await until(lambda: not w.pipeline.gate.breaker(MODEL).open)


async def test_while_the_first_model_is_out_a_fallback_s_answer_serves_the_next_ticket_at_once() -> None:
    async with world(**ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "same")
        calls = len(asked(w))
        w.read(ticket("same"))
        event = w.outbox.sent[-1].event  # there is no wait between
        assert (event["decided_by"], event["model"], event["cost_usd"]) == ("cache", FALLBACK, 0)
        assert len(asked(w)) == calls


async def test_an_urgent_ticket_takes_it_too() -> None:
    async with world(**ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "same")
        w.read(ticket("same", urgent=True))
        assert w.outbox.sent[-1].event["model"] == FALLBACK


async def test_once_the_first_model_is_back_it_is_asked_itself() -> None:
    async with world(**ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "same")
        await until_it_is_back(w)
        w.read(ticket("same"))
        events = await w.events(2)
        assert (events[1]["decided_by"], events[1]["model"]) == ("llm", MODEL)


async def test_in_the_next_outage_it_serves_again_and_never_before_the_first_model_s_own() -> None:
    async with world(**ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "both")
        await answered_by_the_fallback(w, "fallback's only")
        await until_it_is_back(w)
        w.read(ticket("both"))
        await w.events(3)
        await answered_by_the_fallback(w, "another")
        w.read(ticket("both"), ticket("fallback's only"))
        events = [sent.event for sent in w.outbox.sent[-2:]]
        assert [(e["decided_by"], e["model"]) for e in events] == [("cache", MODEL), ("cache", FALLBACK)]


async def test_a_fallback_s_answer_is_looked_up_in_the_backend_only_while_the_first_model_is_out() -> None:
    backend = SlowBackend()
    async with world(backend=backend, **ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "same")
        await asyncio.sleep(1)  # by now it is written
    async with world(backend=backend, **ONE_A_CALL) as w:  # another process
        w.read(ticket("same"))
        [event] = await w.events(1)
        assert event["model"] == MODEL
    backend.kept = {key: known for key, known in backend.kept.items() if known.model == FALLBACK}
    async with world(backend=backend, **ONE_A_CALL) as w:
        await answered_by_the_fallback(w, "another")
        left = w.left_at[0]
        w.read(ticket("same"))
        events = await w.events(2)
        assert (events[1]["decided_by"], events[1]["model"]) == ("cache", FALLBACK)
        assert w.left_at[1] == left + LOOK_UP_S


async def test_a_fallback_s_answer_to_half_of_a_text_is_not_kept() -> None:
    async with world(**ONE_A_CALL) as w:
        too_long = failure(Signal.OVERFLOW, status=400)

        def script(call: Call) -> Outcome | None:
            return out(call) or (too_long if "…" not in call.texts[0] else None)

        w.bulk.script = script
        w.read(ticket("long " * 100))
        await w.events(1)
        assert w.outbox.sent[0].event["truncated"]
        w.read(ticket("long " * 100))
        events = await w.events(2)
        assert events[1]["decided_by"] == "llm"


async def test_the_first_model_s_state_is_not_looked_at_for_a_ticket_that_the_cache_knows() -> None:
    looked: list[Lane] = []
    async with world(**ONE_A_CALL) as w:

        def look(lane: Lane) -> bool:
            looked.append(lane)
            return False

        w.pipeline.arrivals.first_model_out = look
        w.read(ticket("same"))
        await w.events(1)
        looked.clear()
        w.read(ticket("same"))
        assert w.outbox.sent[-1].event["decided_by"] == "cache"
        assert looked == []
