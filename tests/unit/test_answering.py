"""What is done about a call that fell short, from the call to the event (LLM.md's table of failures)."""

import asyncio
from itertools import pairwise

import pytest

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from tests.unit.lane_fakes import DOWN, LATENCY_S, MODEL, Call, failure, first, holding, sizes, ticket
from tests.unit.lane_world import TEN, TEXTS, world

LIMITED = failure(Signal.RATE_LIMITED, status=429, retry_after_s=7)


# ------------------------------------------------------------------------------------------- limits


async def test_after_a_429_the_whole_batch_waits_as_long_as_it_says() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, LIMITED)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert [call.began - w.began for call in w.bulk.calls] == [0, 8, 16]


async def test_a_429_never_splits_a_batch() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(20, LIMITED)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert set(sizes(w.bulk.calls)) == {10}


async def test_a_429_takes_no_attempt() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(20, LIMITED)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["attempts"] for event in events} == {1}


async def test_a_429_without_a_time_is_waited_out_longer_each_time() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(4, failure(Signal.RATE_LIMITED, status=429))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        began = [call.began for call in w.bulk.calls]
        waits = [b - a - LATENCY_S for a, b in pairwise(began)]
        for failures, wait_s in enumerate(waits):
            assert 2**failures / 2 <= wait_s <= 2**failures


async def test_a_429_that_names_the_reset_of_what_is_used_up_is_waited_out_so_long() -> None:
    rate = RateHeaders(remaining_requests=3, reset_requests_s=90, remaining_tokens=0, reset_tokens_s=12)
    async with world(**TEN) as w:
        w.bulk.script = first(1, Outcome(signal=Signal.RATE_LIMITED, status=429, rate=rate))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert w.bulk.calls[1].began - w.began == LATENCY_S + 12


# ------------------------------------------------------------------------------------ server's faults


async def test_after_a_5xx_the_whole_batch_is_asked_again_twice_with_backoff() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, DOWN)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert sizes(w.bulk.calls) == [10, 10, 10]
        assert {event["attempts"] for event in events} == {3}
        assert w.left_at[0] > 3 * LATENCY_S


@pytest.mark.parametrize("signal", [Signal.SERVER_ERROR, Signal.RESET, Signal.UNREACHABLE])
async def test_the_third_failure_asks_the_constant_record(signal: Signal) -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(3, failure(signal))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert [call.probe for call in w.bulk.calls[:4]] == [False, False, False, True]


async def test_after_a_timeout_the_batch_is_asked_once_more_then_the_constant_record() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, failure(Signal.TIMEOUT))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert [call.probe for call in w.bulk.calls[:3]] == [False, False, True]


async def test_where_the_constant_record_passes_the_batch_is_split_at_once() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(3, DOWN)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert sizes(w.bulk.asked) == [10, 10, 10, 5, 5]


async def test_a_connection_that_was_never_made_takes_no_attempt() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, failure(Signal.UNREACHABLE))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["attempts"] for event in events} == {1}


async def test_the_fallback_model_is_asked_before_the_constant_record() -> None:
    async with world(batch={"max_tickets": 10}, llm={"model": MODEL, "fallback_models": ["other"]}) as w:
        w.bulk.script = lambda call: DOWN if call.model == MODEL else None
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["model"] for event in events} == {"other"}
        assert [call.model for call in w.bulk.calls] == [MODEL, MODEL, MODEL, "other"]


async def test_where_the_fallback_takes_no_calls_the_first_model_is_tried_again() -> None:
    async with world(batch={"max_tickets": 10}, llm={"model": MODEL, "fallback_models": ["other"]}) as w:
        w.pipeline.gate.heard("other", failure(Signal.KEY_REFUSED, status=401))
        first_model = first(3, DOWN)
        refused = failure(Signal.KEY_REFUSED, status=401)
        w.bulk.script = lambda call: refused if call.model == "other" else first_model(call)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["model"] for event in events} == {MODEL}


async def test_a_fallbacks_answer_is_not_kept_under_the_first_models_key() -> None:
    async with world(batch={"max_tickets": 1}, llm={"model": MODEL, "fallback_models": ["other"]}) as w:
        w.bulk.script = first(3, DOWN)
        w.read(ticket("one"))
        await w.events(1)
        w.read(ticket("one"))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == ["llm", "llm"]


async def test_after_an_outage_of_the_fallback_the_first_model_is_asked_again() -> None:
    async with world(batch={"max_tickets": 10}, llm={"model": MODEL, "fallback_models": ["other"]}) as w:
        w.bulk.script = lambda call: DOWN if call.model == "other" or len(w.bulk.asked) <= 3 else None
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["model"] for event in events} == {MODEL}


# ------------------------------------------------------------------------------------------- poison


async def test_batch_mates_of_a_poison_text_are_answered() -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding("text 3", DOWN)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        answered = {event["ticket_id"] for event in events if event["status"] == "labelled"}
        assert answered == {f"id of {text}" for text in TEXTS if text != "text 3"}


@pytest.mark.parametrize("signal", [Signal.SERVER_ERROR, Signal.TIMEOUT])
@pytest.mark.parametrize("poison", ["text 0", "text 6"])
async def test_one_poison_text_in_ten_costs_at_most_eleven_calls_more(poison: str, signal: Signal) -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding(poison, failure(signal))
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert len(w.bulk.calls) <= 1 + 11


async def test_a_poison_text_needs_review_when_its_attempts_are_used_up() -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding("text 3", DOWN)
        w.read(*map(ticket, TEXTS))
        [review] = [event for event in await w.events(10) if event["status"] == "needs_review"]
        assert (review["reason"], review["attempts"], review["decided_by"]) == ("unanswered", 5, None)


@pytest.mark.parametrize("max_attempts", [1, 2, 3, 5, 20])
async def test_a_lone_poison_text_is_asked_as_often_as_it_may_be(max_attempts: int) -> None:
    async with world(batch={"max_tickets": 1}, llm={"max_attempts": max_attempts}) as w:
        w.bulk.script = holding("poison", DOWN)
        w.read(ticket("poison"))
        [event] = await w.events(1)
        assert event["attempts"] == len(w.bulk.asked) == max_attempts


async def test_an_outage_that_begins_while_poison_is_looked_for_gives_nobody_up() -> None:
    async with world(**TEN) as w:

        def script(call: Call) -> Outcome | None:
            """The constant record passes once; then all is down for five minutes."""
            down = 0 <= call.began - w.began < 300
            return None if not down or (call.probe and len(w.bulk.calls) < 5) else DOWN

        w.bulk.script = script
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["status"] for event in events} == {"labelled"}


async def test_many_poison_batches_at_once_are_told_from_an_outage() -> None:
    async with world(batch={"max_tickets": 3}, llm={"concurrency": 8}) as w:
        w.bulk.script = holding("poison", DOWN)
        w.read(*(ticket(f"{'poison' if i % 3 == 0 else 'text'} {i}") for i in range(24)))
        events = await w.events(24)
        assert sum(event["status"] == "labelled" for event in events) == 16


# ----------------------------------------------------------------------------------------- and also


async def test_what_an_endpoint_can_do_without_is_left_out_at_once_and_takes_no_attempt() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(2, failure(Signal.FORMAT_REFUSED, status=400))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert set(w.left_at.values()) == {3 * LATENCY_S}
        assert {event["attempts"] for event in events} == {1}


async def test_what_was_done_is_counted_by_model_outcome_and_remedy() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(3, DOWN)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        done = {
            remedy: w.tally.count(measures.REMEDIES, MODEL, "server_error", remedy)
            for remedy in ("again", "probe")
        }
        assert done == {"again": 2, "probe": 1}


async def test_a_batch_that_waits_at_the_gate_holds_no_slot() -> None:
    async with world(llm={"concurrency": 2}) as w:
        w.bulk.script = lambda call: failure(Signal.QUOTA, status=402)
        w.read(*(ticket(f"text {i}") for i in range(30)))
        await asyncio.sleep(5.5)
        assert w.free_slots == {Lane.BULK: 2, Lane.URGENT: 2}
