"""In an outage nothing is labelled and nothing lost, and work resumes by itself (promise 8)."""

import asyncio

import pytest

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from tests.unit.lane_fakes import (
    DOWN,
    LATENCY_S,
    MODEL,
    Call,
    failure,
    first,
    holding,
    label_of,
    sizes,
    ticket,
)
from tests.unit.lane_world import TEN, TEXTS, world

LIMITED = failure(Signal.RATE_LIMITED, status=429, retry_after_s=7)


@pytest.mark.parametrize("outage", [DOWN, failure(Signal.TIMEOUT), failure(Signal.UNREACHABLE)])
async def test_in_an_outage_nothing_is_labelled_and_work_resumes_by_itself(outage: Outcome) -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: outage if call.began - w.began < 600 else None
        w.read(*map(ticket, TEXTS))
        await asyncio.sleep(600)
        assert w.outbox.sent == []
        events = await w.events(10)
        assert {event["label"] for event in events} <= {label_of(text) for text in TEXTS}
        assert max(w.left_at.values()) < 600 + 30 + 3 * LATENCY_S


async def test_an_outage_uses_up_no_attempts() -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: DOWN if call.began - w.began < 600 else None
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["attempts"] for event in events} == {1}


async def test_after_an_outage_a_batch_has_its_two_retries_again() -> None:
    no_quota = failure(Signal.QUOTA, status=402)
    async with world(**TEN) as w:
        told = iter([DOWN, DOWN, no_quota, DOWN, DOWN])
        w.bulk.script = lambda call: None if call.probe else next(told, None)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert [call.probe for call in w.bulk.calls].count(True) == 1  # the one that ended the outage
        assert sizes(w.bulk.asked) == 6 * [10]


async def test_what_was_taken_for_poison_before_an_outage_is_not_after_it() -> None:
    no_quota = failure(Signal.QUOTA, status=402)
    async with world(**TEN) as w:
        told = iter([DOWN, DOWN, DOWN, no_quota, no_quota, DOWN, DOWN])
        w.bulk.script = lambda call: None if call.probe else next(told, None)
        w.read(*map(ticket, TEXTS))
        await w.events(10)
        assert sizes(w.bulk.asked) == 3 * [10] + 6 * [5]


async def test_in_an_outage_fewer_than_ten_calls_a_minute_are_made() -> None:
    async with world(llm={"concurrency": 8}) as w:
        w.bulk.script = lambda call: DOWN
        w.read(*(ticket(f"text {i}") for i in range(300)))
        await asyncio.sleep(3600)
        began = [call.began - w.began for call in w.bulk.calls]
        assert max(sum(60 * m <= at < 60 * (m + 1) for at in began) for m in range(1, 60)) < 10


async def test_calls_that_fail_together_do_not_put_the_first_probe_off() -> None:
    async with world(llm={"concurrency": 8}) as w:
        w.bulk.script = first(8, failure(Signal.QUOTA, status=429))
        w.read(*(ticket(f"text {i}") for i in range(24)))
        await w.events(24)
        assert [call.began - w.began for call in w.bulk.calls if call.probe] == [LATENCY_S + 1]


@pytest.mark.parametrize("signal", [Signal.QUOTA, Signal.KEY_REFUSED, Signal.MODEL_UNKNOWN])
async def test_what_no_retry_mends_pauses_bulk_at_the_first_call(signal: Signal) -> None:
    async with world(llm={"concurrency": 1}) as w:
        w.bulk.script = lambda call: failure(signal) if call.began - w.began < 300 else None
        w.read(*(ticket(f"text {i}") for i in range(30)))
        events = await w.events(30)
        assert len([call for call in w.bulk.asked if call.began - w.began < 300]) == 1
        assert {event["attempts"] for event in events} == {1}


async def test_a_request_that_is_refused_with_the_constant_record_is_an_outage() -> None:
    async with world(**TEN) as w:
        w.bulk.script = lambda call: failure(Signal.BAD_REQUEST) if call.began - w.began < 300 else None
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert len([call for call in w.bulk.asked if call.began - w.began < 300]) == 1
        assert {event["attempts"] for event in events} == {1}


async def test_a_request_that_is_refused_for_one_text_is_split_until_that_text_stands_alone() -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding("text 4", failure(Signal.BAD_REQUEST, status=400))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert [e["ticket_id"] for e in events if e["status"] == "needs_review"] == ["id of text 4"]
        assert len(w.bulk.calls) <= 1 + 11


async def test_an_error_within_a_200_is_no_success() -> None:
    async with world(llm={"concurrency": 1}) as w:
        w.bulk.script = lambda call: failure(Signal.QUOTA, status=200)
        w.read(*(ticket(f"text {i}") for i in range(3)))
        await asyncio.sleep(2)
        assert w.pipeline.gate.breaker(MODEL).open


async def test_a_limited_probe_neither_ends_an_outage_nor_begins_one() -> None:
    async with world(**TEN) as w:

        def script(call: Call) -> Outcome | None:
            if call.probe:
                return LIMITED
            return DOWN if len(w.bulk.asked) <= 3 else None

        w.bulk.script = script
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {event["attempts"] for event in events} == {1}
        assert not w.pipeline.gate.breaker(MODEL).open


async def test_a_text_that_nobody_waits_for_is_not_called_again() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = first(1, DOWN)
        w.read(ticket("one"))
        await asyncio.sleep(LATENCY_S / 2)
        w.partition.open = False
        await asyncio.sleep(60)
        assert len(w.bulk.calls) == 1
        assert len(w.pipeline.flights) == 0


async def test_a_text_that_was_dropped_is_asked_anew_for_a_later_ticket() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = first(1, DOWN)
        w.read(ticket("one"))
        await asyncio.sleep(LATENCY_S / 2)
        w.partition.open = False
        await asyncio.sleep(60)
        w.rebalance()
        w.poll()
        [event] = await w.events(1)
        assert (event["decided_by"], event["attempts"]) == ("llm", 1)


async def test_an_urgent_text_that_comes_back_as_its_wait_is_let_go_is_asked() -> None:
    async with world() as w:
        w.pipeline.gate.pause(Lane.URGENT, 5.0)
        w.read(ticket("one", urgent=True))
        await asyncio.sleep(1)  # it waits at the gate
        w.rebalance()
        w.poll()
        [event] = await w.events(1)
        assert event["label"] == label_of("one")
        assert len(w.urgent.calls) == 1


# ------------------------------------------------------------------------------- out of form, and back


PROSE = Outcome(signal=Signal.ANSWERED, content="I should say that it is a bug.", status=200)
EMPTY = failure(Signal.MALFORMED, status=200)


@pytest.mark.parametrize("said", [PROSE, EMPTY], ids=["prose", "empty"])
@pytest.mark.parametrize("max_attempts", [1, 2, 5])
async def test_a_model_that_ceases_to_hold_to_the_form_is_an_outage_and_gives_nobody_up(
    said: Outcome, max_attempts: int
) -> None:
    async with world(**TEN, llm={"model": MODEL, "concurrency": 4, "max_attempts": max_attempts}) as w:
        w.bulk.script = lambda call: said if call.began - w.began < 600 else None
        w.read(*(ticket(f"text {i}") for i in range(60)))
        await asyncio.sleep(600)
        assert w.outbox.sent == []
        assert w.pipeline.gate.breaker(MODEL).reason is Signal.MALFORMED
        events = await w.events(60)
        assert {event["status"] for event in events} == {"labelled"}
        assert {event["attempts"] for event in events} == {1}


async def test_in_such_an_outage_fewer_than_ten_calls_a_minute_are_made() -> None:
    async with world(llm={"model": MODEL, "concurrency": 8}) as w:
        w.bulk.script = lambda _: PROSE
        w.read(*(ticket(f"text {i}") for i in range(300)))
        await asyncio.sleep(3600)
        began = [call.began - w.began for call in w.bulk.calls]
        assert max(sum(60 * m <= at < 60 * (m + 1) for at in began) for m in range(1, 60)) < 10


async def test_calls_out_of_form_that_were_under_way_do_not_end_such_an_outage() -> None:
    async with world(llm={"model": MODEL, "concurrency": 8}) as w:
        w.bulk.script = lambda _: PROSE
        w.bulk.latency_s = lambda call: LATENCY_S if call.probe or len(w.bulk.calls) < 8 else 7 * LATENCY_S
        w.read(*(ticket(f"text {i}") for i in range(60)))
        await asyncio.sleep(60)
        gate = w.pipeline.gate
        assert (gate.breaker(MODEL).openings, gate.breaker(MODEL).open) == (1, True)


async def test_a_text_that_alone_is_answered_out_of_form_is_given_up_while_the_model_is_in_order() -> None:
    async with world(**TEN) as w:
        w.bulk.script = holding("text 4", PROSE)
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert [(e["ticket_id"], e["reason"]) for e in events if e["label"] is None] == [
            ("id of text 4", "unanswered")
        ]
        assert w.pipeline.gate.breaker(MODEL).openings == 0


async def test_what_failed_just_before_the_breaker_opened_gets_its_attempt_back() -> None:
    async with world(llm={"model": MODEL, "concurrency": 8}) as w:
        w.bulk.script = first(8, DOWN)
        w.read(*(ticket(f"text {i}") for i in range(24)))
        events = await w.events(24)
        assert w.pipeline.gate.breaker(MODEL).openings == 1
        assert {event["attempts"] for event in events} == {1}


async def test_what_failed_before_an_outage_and_was_answered_since_keeps_its_attempts() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        told = iter([DOWN, None, failure(Signal.QUOTA, status=402)])
        w.bulk.script = lambda call: None if call.probe else next(told, None)
        for text in ("one", "two"):
            w.read(ticket(text))
            await w.events(len(w.topic))
        assert [sent.event["attempts"] for sent in w.outbox.sent] == [2, 1]


async def test_texts_that_open_the_breaker_for_one_another_are_found_to_be_the_cause_all_the_same() -> None:
    """The constant record passes each time, so it is no outage, however often the breaker opens."""
    async with world(batch={"max_tickets": 1}, llm={"model": MODEL, "concurrency": 16}) as w:
        w.bulk.script = holding("poison", DOWN)
        w.read(*(ticket(f"poison {i}") for i in range(48)))
        events = await w.events(48)
        assert {event["reason"] for event in events} == {"unanswered"}
        assert {event["attempts"] for event in events} == {5}


async def test_after_connections_that_were_never_made_nobody_is_given_up() -> None:
    async with world(**TEN) as w:
        w.bulk.script = first(4, failure(Signal.UNREACHABLE))
        w.read(*map(ticket, TEXTS))
        events = await w.events(10)
        assert {(event["status"], event["attempts"]) for event in events} == {("labelled", 1)}
