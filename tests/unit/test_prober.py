"""The constant record: a new model is introduced with it, an open breaker probed, and a fault told by it."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.gate import Gate, Stopped
from stream_classifier.lanes.prober import Prober
from tests.unit.lane_fakes import (
    DOWN,
    LATENCY_S,
    MODEL,
    Call,
    Script,
    ScriptedProvider,
    failure,
    reply,
    ticket,
)
from tests.unit.lane_world import World, world
from tests.unit.test_calls import caller

LIMITED = failure(Signal.RATE_LIMITED, status=429, retry_after_s=20)
REFUSED = failure(Signal.FORMAT_REFUSED, status=400)
NO_KEY = failure(Signal.KEY_REFUSED, status=401)
EMPTY = failure(Signal.MALFORMED, status=200)
PROSE = Outcome(signal=Signal.ANSWERED, content="It is a bug, I think.", status=200)
HOUR_S = 3600.0


def began(w: World, provider: ScriptedProvider) -> list[tuple[float, bool]]:
    """When each of its calls began, and whether it was the constant record."""
    return [(call.began - w.began, call.probe) for call in provider.calls]


def at_first(number: int, outcome: Outcome) -> Script:
    """The constant record comes to this so many times; all else is answered."""
    told = iter([outcome] * number)
    return lambda call: next(told, None) if call.probe else None


# ------------------------------------------------------------------------------------- introduction


async def test_a_model_is_introduced_before_tickets_are_risked_on_it() -> None:
    async with world(introduced=False) as w:
        w.read(ticket("one", urgent=True), ticket("two"), ticket("three"), ticket("four"))
        await w.events(4)
        assert began(w, w.urgent) == [(0.0, True), (LATENCY_S, False)]
        assert began(w, w.bulk) == [(LATENCY_S, False)]


async def test_the_introduction_begins_with_the_lanes_so_that_the_first_urgent_ticket_finds_it_done() -> None:
    async with world(introduced=False) as w:
        await asyncio.sleep(LATENCY_S)
        w.read(ticket("one", urgent=True))
        await w.events(1)
        assert w.left_at == {0: 2 * LATENCY_S}


async def test_where_no_call_may_be_made_any_more_the_introduction_ends_without_one() -> None:
    def none_any_more(_call: Call) -> Outcome:
        raise Stopped

    async with world(introduced=False) as w:
        w.bulk.script = w.urgent.script = none_any_more
        await asyncio.sleep(HOUR_S)
        assert not w.pipeline.gate.breaker(MODEL).introduced
        w.pipeline.lanes.stop()


async def test_two_models_are_introduced_side_by_side_and_each_once() -> None:
    async with world(introduced=False, llm={"model": MODEL, "urgent_model": "gpt-4o"}) as w:
        await asyncio.sleep(HOUR_S)
        assert began(w, w.bulk) == began(w, w.urgent) == [(0.0, True)]
        assert (w.bulk.calls[0].model, w.urgent.calls[0].model) == (MODEL, "gpt-4o")


@pytest.mark.parametrize("refusals", [0, 1, 4])
async def test_a_new_endpoint_costs_a_made_up_call_for_each_refusal_and_one_more(refusals: int) -> None:
    async with world(introduced=False) as w:
        w.urgent.script = at_first(refusals, REFUSED)
        with structlog.testing.capture_logs() as lines:
            w.read(ticket("one"), ticket("two"), ticket("three"))
            events = await w.events(3)
        assert w.tally.count(measures.CALLS, "probe") == len(w.urgent.calls) == refusals + 1
        assert len(w.bulk.asked) == 1
        assert {event["attempts"] for event in events} == {1}
        [told] = [line for line in lines if line["event"] == "model_introduced"]
        assert (told["model"], told["calls"]) == (MODEL, refusals + 1)


async def test_an_introduction_that_meets_an_outage_opens_the_breaker_and_takes_no_attempt() -> None:
    async with world(introduced=False) as w:
        w.bulk.script = w.urgent.script = lambda call: DOWN if call.began - w.began < 60 else None
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await asyncio.sleep(2 * LATENCY_S)
        assert w.pipeline.gate.breaker(MODEL).reason is Signal.SERVER_ERROR
        events = await w.events(3)
        assert {event["attempts"] for event in events} == {1}
        assert len(w.bulk.asked) == 1
        assert len(w.urgent.calls) == 1  # then the breaker's probes, which may take bulk's longer time


async def test_a_rate_limit_on_the_introduction_is_waited_out_and_is_no_outage() -> None:
    async with world(introduced=False) as w:
        w.urgent.script = at_first(1, LIMITED)
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await w.events(3)
        assert began(w, w.urgent) == [(0.0, True), (LATENCY_S + 20, True)]
        assert w.tally.count(measures.PAUSES, "limit") == 2  # of both lanes
        assert w.pipeline.gate.breaker(MODEL).openings == 0


async def test_a_rate_limit_that_does_not_say_how_long_is_waited_out_longer_each_time() -> None:
    async with world(introduced=False) as w:
        w.urgent.script = at_first(4, failure(Signal.RATE_LIMITED, status=429))
        await asyncio.sleep(HOUR_S)
        waits = [b.began - a.began - LATENCY_S for a, b in pairwise(w.urgent.calls)]
        assert waits == [1.0, 2.0, 4.0, 8.0]


async def test_a_fallback_model_is_introduced_when_it_is_first_needed() -> None:
    async with world(introduced=False, llm={"model": MODEL, "fallback_models": ["second"]}) as w:
        await asyncio.sleep(10)
        assert [call.model for call in w.urgent.calls] == [MODEL]
        w.bulk.script = lambda call: NO_KEY if call.model == MODEL else None
        w.read(ticket("one"), ticket("two"), ticket("three"))
        events = await w.events(3)
        assert {event["model"] for event in events} == {"second"}
        probed = [(call.model, call.probe) for call in w.urgent.calls[1:]]
        assert probed == [("second", True)]


async def test_after_an_outage_a_model_is_not_introduced_again() -> None:
    async with world(introduced=False) as w:
        await asyncio.sleep(10)
        w.bulk.script = lambda call: NO_KEY if len(w.bulk.calls) < 3 else None
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await w.events(3)
        assert len(w.urgent.calls) == 1


@pytest.mark.parametrize("said", [EMPTY, PROSE], ids=["empty", "prose"])
async def test_a_model_that_never_holds_to_the_form_is_an_outage_before_any_ticket_is_asked(
    said: Outcome,
) -> None:
    async with world(introduced=False) as w:
        w.bulk.script = w.urgent.script = lambda _: said
        with structlog.testing.capture_logs() as lines:
            w.read(ticket("one"), ticket("two"), ticket("three"), ticket("four", urgent=True))
            await asyncio.sleep(HOUR_S)
        assert w.bulk.asked == w.urgent.asked == []
        assert [sent.event["reason"] for sent in w.outbox.sent] == ["deadline"]
        [told] = [line for line in lines if line["event"] == "provider_paused"]
        assert (told["reason"], told["log_level"]) == ("malformed", "error")
        assert "llm.model" in told["remedy"]


@pytest.mark.parametrize("said", ["?", "a label of its own"])
async def test_a_constant_record_that_fits_no_label_is_answered_in_form_all_the_same(said: str) -> None:
    async with world(introduced=False) as w:
        w.urgent.script = lambda call: reply(call, change=dict.fromkeys(call.texts, said))
        await asyncio.sleep(2 * LATENCY_S)
        assert w.pipeline.gate.breaker(MODEL).takes_calls


async def test_the_introduction_is_overhead_that_no_ticket_pays() -> None:
    async with world(introduced=False) as w:
        w.read(ticket("one"), ticket("two", urgent=True))
        await w.events(2)
        assert w.accounted() == w.counted()


# ------------------------------------------------------------------------- an open breaker, a fault


def a_prober(provider: ScriptedProvider, *, introduced: bool = True) -> Prober:
    gate = Gate(tally=Tally(), now=asyncio.get_running_loop().time)
    if introduced:
        for model in ("m", "other"):
            gate.breaker(model).success()
    asking = dict.fromkeys(Lane, caller(provider))
    return Prober(gate=gate, callers=asking, models={lane: ["m"] for lane in Lane})


async def test_a_model_whose_breaker_is_open_is_probed_until_it_answers() -> None:
    provider = ScriptedProvider(script=at_first(3, NO_KEY), latency_s=lambda _: 0.0)
    prober = a_prober(provider)
    opened = prober.gate.now()
    prober.gate.heard("m", NO_KEY)
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(HOUR_S)
    running.cancel()
    assert [call.began - opened for call in provider.calls] == [1.0, 3.0, 7.0, 15.0]


async def test_a_probe_that_hangs_holds_up_no_other_model_s() -> None:
    provider = ScriptedProvider(latency_s=lambda call: HOUR_S if call.model == "m" else 0.0)
    prober = a_prober(provider)
    opened = prober.gate.now()
    for model in ("m", "other"):
        prober.gate.heard(model, NO_KEY)
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(10)
    running.cancel()
    assert [call.began - opened for call in provider.calls] == [1.0, 1.0]
    assert not prober.gate.breaker("other").open


async def test_a_limited_probe_puts_the_next_one_off_for_as_long_as_it_says() -> None:
    provider = ScriptedProvider(script=at_first(1, LIMITED), latency_s=lambda _: 0.0)
    prober = a_prober(provider)
    opened = prober.gate.now()
    prober.gate.heard("m", NO_KEY)
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(HOUR_S)
    running.cancel()
    assert [call.began - opened for call in provider.calls] == [1.0, 21.0]


async def all_that_ask(prober: Prober, number: int, after_s: float = 0.0) -> list[bool]:
    async def ask() -> bool:
        await asyncio.sleep(after_s)
        return await prober.passes("m", Lane.BULK)

    return await asyncio.gather(*(ask() for _ in range(number)))


async def test_a_probe_serves_all_that_asked_before_it_began() -> None:
    provider = ScriptedProvider()
    prober = a_prober(provider)
    assert await all_that_ask(prober, 20) == [True] * 20
    assert len(provider.calls) == 2  # the first had begun when the others asked


async def test_a_probe_that_began_before_the_fault_proves_nothing() -> None:
    provider = ScriptedProvider(script=lambda _: DOWN if len(provider.calls) > 1 else None)
    prober = a_prober(provider)
    before, after = await asyncio.gather(all_that_ask(prober, 1), all_that_ask(prober, 1, LATENCY_S / 2))
    assert (before, after) == ([True], [False])


@pytest.mark.parametrize(("said", "passes"), [(None, True), (NO_KEY, False)])
async def test_while_its_breaker_is_open_the_breaker_s_own_probe_tells(
    said: Outcome | None, passes: bool
) -> None:
    provider = ScriptedProvider(script=lambda _: said)
    prober = a_prober(provider)
    prober.gate.heard("m", NO_KEY)
    running = asyncio.create_task(prober.run())
    opened = prober.gate.now()
    assert await all_that_ask(prober, 5) == [passes] * 5
    assert prober.gate.now() - opened == 1.0 + LATENCY_S
    running.cancel()
    assert len(provider.calls) == 1


def reserved_nothing(prober: Prober) -> bool:
    limiter = prober.gate.limiter("m")
    return limiter.wait_s(Lane.BULK, prober.callers[Lane.BULK].probe_size(), prober.gate.now()) == 0


ENDS: dict[str, Callable[[Call], Outcome | None]] = {
    "answered": lambda _: None,
    "down": lambda _: DOWN,
    "limited": lambda _: LIMITED,
    "refused": lambda _: REFUSED,
}


@pytest.mark.parametrize("script", ENDS.values(), ids=ENDS)
async def test_a_cancellation_at_any_moment_leaves_nothing_of_a_probe(script: Script) -> None:
    for eighths in range(24):
        provider = ScriptedProvider(script=script)
        prober = a_prober(provider, introduced=False)
        before = asyncio.all_tasks()
        running = asyncio.create_task(prober.run())
        waiting = asyncio.create_task(prober.passes("m", Lane.BULK))
        await asyncio.sleep(eighths / 8)
        for task in (running, waiting):
            task.cancel()
        await asyncio.wait([running, waiting])
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        assert (provider.under_way, prober._cared_for) == (0, set())
        assert not prober._turns["m"].locked()
        await asyncio.sleep(60)
        assert reserved_nothing(prober)


async def test_after_a_stop_no_model_is_introduced_and_none_probed() -> None:
    provider = ScriptedProvider()
    prober = a_prober(provider, introduced=False)
    prober.gate.stop()
    await prober.run()
    assert provider.calls == []
