"""The breaker opens and closes by its rules, and while it is open almost nothing is asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.breaker import (
    AT_ONCE,
    FAILURES,
    FAILURES_IN_A_ROW,
    PROBE_WAIT_FIRST_S,
    PROBE_WAIT_MAX_S,
    WINDOW,
    Breaker,
)
from stream_classifier.core.call import Signal

NOW = 1_000.0
LATER = sorted(FAILURES - AT_ONCE)


def opened(now: float = NOW) -> Breaker:
    breaker = Breaker()
    assert breaker.failure(Signal.QUOTA, now)
    return breaker


def probes(breaker: Breaker, until: float, call_s: float = 0.0) -> list[float]:
    """When probes are sent that all fail, `call_s` after they were sent."""
    sent = []
    while breaker.probe_at < until:
        sent.append(breaker.probe_at)
        breaker.failure(Signal.SERVER_ERROR, breaker.probe_at + call_s)
    return sent


# ----------------------------------------------------------------------------------------------- it opens


@pytest.mark.parametrize("signal", sorted(AT_ONCE))
def test_what_no_retry_mends_opens_it_at_once(signal: Signal) -> None:
    breaker = Breaker()
    assert breaker.failure(signal, NOW)
    assert (breaker.open, breaker.reason, breaker.opened_at) == (True, signal, NOW)


@pytest.mark.parametrize("signal", LATER)
def test_other_failures_open_it_when_there_are_enough_in_a_row(signal: Signal) -> None:
    breaker = Breaker()
    told = [breaker.failure(signal, NOW) for _ in range(FAILURES_IN_A_ROW)]
    assert told == [False] * (FAILURES_IN_A_ROW - 1) + [True]


@pytest.mark.parametrize("signal", LATER)
def test_a_failure_that_the_constant_record_shares_opens_it_at_once(signal: Signal) -> None:
    assert Breaker().failure(signal, NOW, outage=True)


def test_an_answer_between_failures_begins_the_row_anew() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW - 1):
        breaker.failure(Signal.TIMEOUT, NOW)
    breaker.success()
    assert not any(breaker.failure(Signal.TIMEOUT, NOW) for _ in range(FAILURES_IN_A_ROW - 1))


def test_half_of_the_last_calls_failing_opens_it_though_answers_lie_between() -> None:
    breaker = Breaker()
    told = []
    for _ in range(WINDOW // 2):
        breaker.success()
        told.append(breaker.failure(Signal.RESET, NOW))
    assert told == [False] * (WINDOW // 2 - 1) + [True]


def test_fewer_than_half_of_the_last_calls_failing_leaves_it_closed_for_ever() -> None:
    breaker = Breaker()
    for _ in range(100):
        for _ in range(WINDOW // 2 + 1):
            breaker.success()
        assert not any(
            breaker.failure(Signal.RESET, NOW) for _ in range(min(WINDOW // 2, FAILURES_IN_A_ROW) - 1)
        )


def test_it_says_only_once_that_it_opened() -> None:
    assert not opened().failure(Signal.SERVER_ERROR, NOW, outage=True)


def test_the_reason_is_that_of_the_failure_that_opened_it() -> None:
    breaker = opened()
    breaker.failure(Signal.SERVER_ERROR, NOW + 100)
    assert breaker.reason is Signal.QUOTA


# ------------------------------------------------------------------------------------ it is introduced


def test_a_new_model_takes_no_calls_until_the_constant_record_has_passed() -> None:
    breaker = Breaker()
    assert (breaker.takes_calls, breaker.untried) == (False, True)
    assert not breaker.success()  # that closed no outage
    assert (breaker.takes_calls, breaker.untried) == (True, False)


def test_the_constant_record_of_a_new_model_is_due_at_once() -> None:
    assert Breaker().probe_at <= 0


def test_a_new_model_that_fails_is_down_like_any_other() -> None:
    breaker = Breaker()
    assert breaker.failure(Signal.SERVER_ERROR, NOW, outage=True)
    assert (breaker.untried, breaker.introduced, breaker.probe_at) == (False, False, NOW + PROBE_WAIT_FIRST_S)


def test_an_outage_does_not_make_a_model_new_again() -> None:
    breaker = Breaker()
    breaker.success()
    breaker.failure(Signal.QUOTA, NOW)
    breaker.success()
    assert breaker.takes_calls


def test_what_says_how_long_to_wait_is_waited_for_so_long_at_the_least() -> None:
    breaker = Breaker()
    waits = []
    for at_least_s in (0.0, 0.0, 20.0, 0.0):
        breaker.put_off(NOW, at_least_s)
        waits.append(breaker.probe_at - NOW)
    assert waits == [1.0, 2.0, 20.0, 8.0]


# -------------------------------------------------------------------------------------- it is confirmed


@pytest.mark.parametrize("signal", sorted(AT_ONCE))
def test_what_no_retry_mends_is_an_outage_for_certain(signal: Signal) -> None:
    breaker = Breaker()
    breaker.failure(signal, NOW)
    assert breaker.confirmed


def test_a_number_of_failures_is_no_certain_outage_before_the_constant_record_fails_too() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failure(Signal.TIMEOUT, NOW)
    assert (breaker.open, breaker.confirmed) == (True, False)
    breaker.failure(Signal.TIMEOUT, NOW)  # of a call that was under way
    assert not breaker.confirmed
    breaker.failure(Signal.TIMEOUT, NOW, outage=True)
    assert breaker.confirmed


def test_each_opening_is_certain_or_not_by_itself() -> None:
    breaker = opened()
    breaker.success()
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failure(Signal.TIMEOUT, NOW)
    assert (breaker.openings, breaker.ended, breaker.confirmed) == (2, 1, False)


# ---------------------------------------------------------------------------------------------- it closes


def test_one_answer_closes_it_and_says_so_once() -> None:
    breaker = opened()
    assert [breaker.success(), breaker.success(), breaker.open] == [True, False, False]


def test_after_closing_old_failures_count_no_more() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_IN_A_ROW):
        breaker.failure(Signal.SERVER_ERROR, NOW)
    breaker.success()
    assert not any(breaker.failure(Signal.SERVER_ERROR, NOW) for _ in range(FAILURES_IN_A_ROW - 1))


def test_after_closing_the_last_calls_are_counted_anew() -> None:
    breaker = Breaker()
    for _ in range(WINDOW):
        breaker.success()
        breaker.failure(Signal.RESET, NOW)
    assert breaker.success()
    assert not breaker.failure(Signal.RESET, NOW)


def test_after_closing_the_next_outage_is_probed_quickly_again() -> None:
    breaker = opened()
    probes(breaker, NOW + 300)
    breaker.success()
    breaker.failure(Signal.QUOTA, NOW + 300)
    assert breaker.probe_at == NOW + 300 + PROBE_WAIT_FIRST_S


# ----------------------------------------------------------------------------------------- while it is open


def test_each_probe_waits_twice_as_long_as_the_one_before_up_to_the_longest_wait() -> None:
    sent = [at - NOW for at in probes(opened(), NOW + 130)]
    assert sent == [1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0, 121.0]


def test_calls_that_were_under_way_when_it_opened_put_nothing_off() -> None:
    breaker = opened()
    for _ in range(16):
        breaker.failure(Signal.QUOTA, NOW + 0.5)
    assert breaker.probe_at == NOW + PROBE_WAIT_FIRST_S


def test_a_long_outage_is_noticed_to_be_over_within_the_longest_wait() -> None:
    breaker = opened()
    sent = probes(breaker, NOW + 3_600)
    assert breaker.probe_at - sent[-1] <= PROBE_WAIT_MAX_S


@given(
    st.floats(0.0, 70.0),
    st.lists(st.tuples(st.floats(0.0, 300.0), st.sampled_from(sorted(FAILURES)), st.booleans()), max_size=60),
)
def test_fewer_than_ten_probes_a_minute_whatever_else_fails_meanwhile(
    call_s: float, others: list[tuple[float, Signal, bool]]
) -> None:
    breaker = opened()
    sent = []
    stragglers = sorted(others)
    while breaker.probe_at < NOW + 300:
        while stragglers and NOW + stragglers[0][0] < breaker.probe_at:
            after_s, signal, outage = stragglers.pop(0)
            breaker.failure(signal, NOW + after_s, outage=outage)
        sent.append(breaker.probe_at)
        breaker.failure(Signal.TIMEOUT, breaker.probe_at + call_s)
    assert all(sum(at <= other < at + 60 for other in sent) < 10 for at in sent)
