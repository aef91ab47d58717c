"""What a call waits for: breakers, pauses, the end of the process."""

import asyncio

import pytest

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from stream_classifier.core.charging import Size
from stream_classifier.core.limits import Bucket, Limiter
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.gate import Gate, Stopped, limited_s

ANSWERED = Outcome(signal=Signal.ANSWERED, status=200)
NO_KEY = Outcome(signal=Signal.KEY_REFUSED, status=401)
OUT_OF_FORM = Outcome(signal=Signal.MALFORMED, status=200)
DOWN = Outcome(signal=Signal.SERVER_ERROR, status=503)


MODELS = ("m", "first", "second", "open", "closed")


def a_gate() -> Gate:
    """A gate that knows all models."""
    gate = Gate(tally=Tally(), now=asyncio.get_running_loop().time)
    for model in MODELS:
        gate.breaker(model).success()
    return gate


SMALL = Size(prompt=100, budget=50, reply=10)


async def passed_at(gate: Gate, lane: Lane, *models: str) -> float:
    """How long this lane had to wait, in seconds."""
    began = gate.now()
    await gate.passed(lane, models or ("m",), SMALL)
    return gate.now() - began


async def test_an_open_gate_lets_through_without_a_wait() -> None:
    assert await passed_at(a_gate(), Lane.BULK) == 0


async def test_a_pause_holds_its_lane_so_long() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 9.0)
    assert await passed_at(gate, Lane.BULK) == 9.0


async def test_a_pause_of_bulk_does_not_hold_urgent() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 9.0)
    assert await passed_at(gate, Lane.URGENT) == 0.0


async def test_a_pause_of_urgent_holds_bulk_with_it() -> None:
    gate = a_gate()
    gate.pause(Lane.URGENT, 9.0)
    assert await passed_at(gate, Lane.BULK) == 9.0


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 9.0)
    gate.pause(Lane.BULK, 3.0)
    assert await passed_at(gate, Lane.BULK) == 9.0


async def test_a_pause_that_grows_is_waited_out_to_its_end() -> None:
    gate = a_gate()
    gate.pause(Lane.BULK, 3.0)
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(passed_at(gate, Lane.BULK))
        await asyncio.sleep(1)
        gate.pause(Lane.BULK, 9.0)
    assert waits.result() == 10.0


async def test_the_first_model_whose_breaker_is_closed_is_called() -> None:
    gate = a_gate()
    gate.heard("first", NO_KEY)
    permit = gate.admit(Lane.BULK, ["first", "second"], SMALL)
    assert permit is not None
    assert permit.model == "second"


async def test_a_new_model_holds_calls_until_it_is_introduced() -> None:
    gate = a_gate()
    async with asyncio.TaskGroup() as tasks:
        waits = [tasks.create_task(passed_at(gate, lane, "new")) for lane in Lane]
        await asyncio.sleep(3)
        assert gate.judge_probe("new", ANSWERED)
    assert [wait.result() for wait in waits] == [3.0, 3.0]


async def test_a_new_model_is_waited_for_though_a_fallback_could_be_called() -> None:
    gate = a_gate()
    assert gate.admit(Lane.BULK, ["new", "second"], SMALL) is None


async def test_a_new_model_that_is_down_leaves_the_call_to_the_fallback() -> None:
    gate = a_gate()
    assert not gate.judge_probe("new", DOWN)
    permit = gate.admit(Lane.BULK, ["new", "second"], SMALL)
    assert permit is not None
    assert permit.model == "second"


async def test_a_fallback_is_new_when_it_is_first_needed() -> None:
    gate = a_gate()
    gate.admit(Lane.BULK, ["m", "new"], SMALL)
    assert "new" not in gate.breakers
    gate.heard("m", NO_KEY)
    assert gate.admit(Lane.BULK, ["m", "new"], SMALL) is None
    assert gate.not_taking_calls() == {"m", "new"}


async def test_a_constant_record_that_is_answered_out_of_form_is_an_outage() -> None:
    gate = a_gate()
    assert not gate.judge_probe("m", OUT_OF_FORM)
    assert gate.breaker("m").reason is Signal.MALFORMED
    assert gate.tally.count(measures.PAUSES, "malformed") == 1


async def test_tickets_that_are_answered_out_of_form_neither_open_a_breaker_nor_close_it() -> None:
    gate = a_gate()
    for model in ("open", "closed"):
        gate.heard("open", NO_KEY)
        for _ in range(100):
            gate.heard(model, OUT_OF_FORM)
    assert (gate.breaker("open").open, gate.breaker("closed").open) == (True, False)


@pytest.mark.parametrize("signal", [Signal.LENGTH, Signal.REFUSED, Signal.OVERFLOW])
async def test_a_late_reply_that_is_no_answer_does_not_close_a_breaker(signal: Signal) -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    gate.heard("m", Outcome(signal=signal, status=200))
    assert gate.breaker("m").open


async def test_a_probe_takes_its_part_of_the_limits_at_once_and_none_of_urgent_s_stock() -> None:
    gate = a_gate()
    gate.new_limiter = lambda: Limiter(requests=Bucket(60), tokens=Bucket(6000), stock=1)
    gate.limiter("m").reserve(Lane.BULK, SMALL, gate.now())
    permit = gate.permit_probe("m", SMALL)
    assert gate.limiter("m").wait_s(Lane.BULK, SMALL, gate.now()) > 1.9
    assert gate.limiter("m").wait_s(Lane.URGENT, SMALL, gate.now()) == 0
    permit.give_back()
    await asyncio.sleep(60)
    assert gate.limiter("m").wait_s(Lane.BULK, SMALL, gate.now()) == 0


async def test_where_all_breakers_are_open_the_first_to_close_is_waited_for() -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(passed_at(gate, Lane.URGENT))
        await asyncio.sleep(100)
        gate.heard("m", ANSWERED)
    assert waits.result() == 100.0


async def test_a_pause_and_an_outage_are_both_waited_out() -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    gate.pause(Lane.BULK, 5.0)
    async with asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(passed_at(gate, Lane.BULK))
        await asyncio.sleep(100)
        gate.heard("m", ANSWERED)
    assert waits.result() == 100.0


@pytest.mark.parametrize("signal", [Signal.RATE_LIMITED, Signal.FORMAT_REFUSED])
async def test_a_probe_that_shows_nothing_leaves_the_breaker_as_it_is(signal: Signal) -> None:
    gate = a_gate()
    gate.heard("open", NO_KEY)
    for model in ("open", "closed"):
        assert not gate.judge_probe(model, Outcome(signal=signal))
    assert (gate.breaker("open").open, gate.breaker("closed").open) == (True, False)


async def test_a_late_failure_of_an_ordinary_call_does_not_put_the_next_probe_off() -> None:
    gate = a_gate()
    gate.heard("m", NO_KEY)
    due_at = gate.breaker("m").probe_at
    await asyncio.sleep(60)
    gate.heard("m", NO_KEY)
    assert gate.breaker("m").probe_at == due_at


async def test_an_outage_is_counted_once_by_its_reason() -> None:
    gate = a_gate()
    for _ in range(5):
        gate.heard("m", NO_KEY)
    assert gate.tally.count(measures.PAUSES, "key_refused") == 1


async def test_a_rest_lasts_as_long_as_it_should_whatever_else_changes() -> None:
    gate = a_gate()
    began = gate.now()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(gate.rest(10.0))
        await asyncio.sleep(1)
        gate.heard("m", NO_KEY)
        gate.heard("m", ANSWERED)
    assert gate.now() - began == 10.0


async def test_a_stop_ends_every_wait_at_once() -> None:
    gate = a_gate()
    began = gate.now()
    gate.pause(Lane.BULK, 1000.0)
    gate.heard("open", NO_KEY)
    async with asyncio.TaskGroup() as tasks:
        waits = [
            tasks.create_task(_stopped(wait))
            for wait in (
                gate.passed(Lane.BULK, ["m"], SMALL),
                gate.passed(Lane.URGENT, ["open"], SMALL),
                gate.rest(1000),
            )
        ]
        await asyncio.sleep(1)
        gate.stop()
    assert [wait.result() for wait in waits] == 3 * [True]
    assert gate.now() - began == 1.0


async def test_after_a_stop_nothing_is_let_through() -> None:
    gate = a_gate()
    gate.stop()
    with pytest.raises(Stopped):
        gate.admit(Lane.URGENT, ["m"], SMALL)


async def _stopped(wait: object) -> bool:
    try:
        await wait  # type: ignore[misc]
    except Stopped:
        return True
    return False


@pytest.mark.parametrize(
    ("rate", "wait_s"),
    [
        (RateHeaders(), None),
        (RateHeaders(retry_after_s=3, remaining_tokens=0, reset_tokens_s=9), 3),
        (RateHeaders(remaining_tokens=0, reset_tokens_s=9, remaining_requests=1, reset_requests_s=60), 9),
        (RateHeaders(remaining_tokens=0, reset_tokens_s=9, remaining_requests=0, reset_requests_s=60), 60),
        (RateHeaders(remaining_tokens=5, reset_tokens_s=9), None),
        (RateHeaders(remaining_tokens=0), None),
    ],
)
def test_a_429_says_how_long_to_wait_by_retry_after_else_by_what_is_used_up(
    rate: RateHeaders, wait_s: float | None
) -> None:
    assert limited_s(rate) == wait_s
