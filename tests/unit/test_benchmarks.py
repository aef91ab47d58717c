"""The benchmarks' arithmetic: what they conclude from what they have measured."""

from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Figure, Findings, percentile
from benchmarks.goodput import figures_of, usual_latency_s
from benchmarks.hot_path import TICKET_BYTES, Round, made_ticket
from benchmarks.limits_log import FROM_S, REQUESTS, TOKENS, UNTIL_S, use_of
from benchmarks.outcome import Event, Outcome
from benchmarks.report import table
from benchmarks.schedule import fewest_calls, greedy_s

TIMES = st.lists(st.floats(0.001, 10), min_size=1, max_size=60)


@given(TIMES, st.integers(1, 12))
def test_no_schedule_beats_the_longest_call_or_an_even_share_of_all(times: list[float], places: int) -> None:
    ideal_s = greedy_s(times, places)
    assert ideal_s >= max(times) - 1e-9
    assert ideal_s >= sum(times) / places - 1e-9


@given(TIMES, st.integers(1, 12))
def test_a_place_idles_no_longer_than_the_longest_call_at_the_end(times: list[float], places: int) -> None:
    assert greedy_s(times, places) <= sum(times) / places + max(times) + 1e-9


@given(TIMES)
def test_with_one_place_calls_follow_one_another(times: list[float]) -> None:
    assert greedy_s(times, 1) == pytest.approx(sum(times))


def test_the_next_call_begins_where_a_place_is_free_first() -> None:
    assert greedy_s([3, 1, 1, 1], 2) == 3


def test_calls_without_a_place_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one place"):
        greedy_s([1.0], 0)


@pytest.mark.parametrize(("texts", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (6000, 600)])
def test_the_fewest_calls_are_full_batches_and_one_for_the_rest(texts: int, calls: int) -> None:
    assert fewest_calls(texts, 10) == calls


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_occurred_and_that_its_share_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_the_hundredth_percentile_is_the_largest_value() -> None:
    assert percentile([3, 1, 2], 1.0) == 3


def test_nothing_has_no_percentile() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        percentile([], 0.5)


def test_what_is_required_holds_of_the_median_over_the_rounds() -> None:
    assert Figure(name="ratio", values=[0.5, 1.3, 9], at_least=1.2).holds
    assert not Figure(name="ratio", values=[0.5, 1.1, 9], at_least=1.2).holds
    assert Figure(name="lost", values=[0], at_most=0).holds


def test_a_figure_of_which_nothing_is_required_fails_nothing() -> None:
    figure = Figure(name="rate", values=[1.0])
    assert figure.holds is None
    assert Findings(title="", figures=[figure]).hold


def test_the_table_says_which_requirement_is_not_held() -> None:
    lines = table(Findings(title="Lost tickets", figures=[Figure(name="lost", values=[2], at_most=0)]))
    assert lines.startswith("Lost tickets\n")
    assert lines.endswith("≤ 0: NOT HELD")


def test_rates_and_processor_time_are_a_ticket() -> None:
    done = Round(seconds=2.0, cpu_s=1.0, tickets=100_000)
    assert (done.rate, done.cpu_us) == (50_000, 10)


@given(st.integers(0, 999_999_999), st.integers(0, 999_999))
def test_tickets_on_the_hot_path_have_one_size(number: int, text: int) -> None:
    assert len(made_ticket(number, text)[1]) == TICKET_BYTES


def test_tickets_with_the_same_text_are_different_tickets() -> None:
    first, second = (orjson.loads(made_ticket(number, 7)[1]) for number in (1, 2))
    assert first["body"] == second["body"]
    assert first["ticket_id"] != second["ticket_id"]


def _event(event_id: str, digest: str = "n1:a", reason: str | None = None) -> Event:
    return Event(event_id, digest, "labelled" if reason is None else "needs_review", reason, "bulk", 0.0)


def _outcome(sent: int, *events: Event, dead_letters: int = 0) -> Outcome:
    return Outcome(
        sent=sent,
        events=events,
        dead_letters=dead_letters,
        seconds=1.0,
        cpu_s=0.5,
        calls=[],
        cost_usd=0.2,
        single_cost_usd=1.0,
        single_cached_cost_usd=0.5,
    )


def test_an_event_that_comes_again_is_counted_as_twice_and_hides_no_loss() -> None:
    outcome = _outcome(3, _event("t:0:0"), _event("t:0:0"), _event("t:0:1"))
    assert (outcome.lost, outcome.twice) == (1, 1)


def test_a_dead_letter_is_not_lost() -> None:
    outcome = _outcome(2, _event("t:0:0"), dead_letters=1)
    assert (outcome.lost, outcome.twice) == (0, 0)


def test_texts_are_counted_once_and_only_those_that_need_a_call() -> None:
    outcome = _outcome(3, _event("0"), _event("1"), _event("2", "n1:empty", "no_text"))
    assert outcome.texts == 1


def test_the_time_is_held_against_the_greedy_schedule_of_the_same_calls() -> None:
    call = {"start_s": 5.0, "end_s": 5.25, "records": 10, "tokens_in": 900, "tokens_out": 70}
    outcome = replace(_outcome(2, _event("0"), _event("1", "n1:b")), calls=[call] * 6)
    figures = {figure.name: figure.middle for figure in figures_of([outcome], concurrency=2)}
    assert figures["time of the ideal schedule"] == 0.75
    assert figures["time to the ideal"] == pytest.approx(1 / 0.75)
    assert figures["calls a place"] == 3
    assert figures["calls to the fewest possible"] == 6
    assert figures["CPU of the service a called text"] == pytest.approx(0.5e6 / 60)


def test_an_event_is_kept_as_far_as_it_is_counted() -> None:
    value = {
        "event_id": "t:0:7",
        "text_digest": "n1:a",
        "status": "labelled",
        "reason": None,
        "lane": "urgent",
        "labelled_at": "1970-01-01T00:01:00.500Z",
        "label": "bug",
    }
    assert Event.of(orjson.dumps(value)) == Event("t:0:7", "n1:a", "labelled", None, "urgent", 60.5)


def test_more_calls_at_once_take_at_least_as_long_each() -> None:
    latencies_s = [usual_latency_s(concurrency) for concurrency in range(1, 300)]
    assert latencies_s == sorted(latencies_s)


def _calls(number: int, tokens: int, *, status: int = 200, from_s: float = FROM_S) -> list[dict[str, float]]:
    """So many calls, evenly over the time from `from_s` on; the clock of the log began at 1,000."""
    step_s = (UNTIL_S - from_s) / number
    return [
        {"start_s": 1000 + from_s + n * step_s, "status": status, "tokens_counted": tokens}
        for n in range(number)
    ]


def test_limits_that_are_used_up_are_used_wholly() -> None:
    use = use_of(_calls(2 * REQUESTS, TOKENS // REQUESTS), 1000)
    assert (use.requests, use.tokens, use.refused) == pytest.approx((1.0, 1.0, 0.0))


def test_the_scarcer_limit_is_the_one_of_which_more_is_used() -> None:
    use = use_of(_calls(REQUESTS, TOKENS // REQUESTS * 2), 1000)
    assert (use.scarcer, use.other) == pytest.approx((1.0, 0.5))


def test_what_was_refused_used_nothing_and_counts_as_refused() -> None:
    use = use_of([*_calls(30, 500), *_calls(10, 0, status=429)], 1000)
    assert (use.calls, use.refused) == (40, 0.25)
    assert use.requests == pytest.approx(30 / (2 * REQUESTS))


def test_calls_before_the_window_use_nothing_of_it_and_may_be_refused_all_the_same() -> None:
    early = [{"start_s": 1000 + FROM_S / 2, "status": 429, "tokens_counted": 0}]
    late = [{"start_s": 1000 + UNTIL_S, "status": 200, "tokens_counted": 10**6}]
    before = [{"start_s": 999.0, "status": 429, "tokens_counted": 0}]
    use = use_of([*before, *early, *_calls(9, 500), *late], 1000)
    assert (use.calls, use.refused) == (10, 0.1)
    assert use.tokens == pytest.approx(9 * 500 / (2 * TOKENS))


def test_without_a_call_there_is_no_use() -> None:
    with pytest.raises(ValueError, match="nothing was called"):
        use_of([], 1000)
