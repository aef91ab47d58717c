import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from stream_classifier.core import measures
from stream_classifier.core.tally import Tally
from stream_classifier.observe.summary import Snapshot, Summary, summarise, take

COUNTS = st.integers(0, 10**9)


@pytest.fixture
def tally() -> Tally:
    tally = Tally()
    tally.add(measures.RECORDS, n=12)
    tally.add(measures.EVENTS, "bulk", "labelled", "llm", "", n=6)
    tally.add(measures.EVENTS, "bulk", "labelled", "cache", "", n=3)
    tally.add(measures.EVENTS, "bulk", "needs_review", "", "unsure", n=1)
    tally.add(measures.EVENTS, "urgent", "labelled", "shared", "", n=1)
    tally.add(measures.DEAD_LETTERS, "not_json", n=1)
    tally.add(measures.CALLS, "bulk", "gpt-4o-mini", "answered", n=2)
    tally.add(measures.COST, "gpt-4o-mini", n=0.01)
    tally.add(measures.SINGLE_COST, n=0.04)
    tally.add(measures.SINGLE_CACHED_COST, n=0.025)
    return tally


def since_start(tally: Tally) -> Mapping[str, Any]:
    return summarise(Snapshot(), take(tally))


def test_the_counts_are_those_of_the_tally(tally: Tally) -> None:
    line = since_start(tally)
    assert (line["records_in"], line["events_out"], line["dead_letters"]) == (12, 11, 1)
    assert (line["cache_hits"], line["shared"], line["needs_review"], line["calls"]) == (3, 1, 1, 2)


def test_saved_is_measured_against_one_call_a_ticket(tally: Tally) -> None:
    assert (since_start(tally)["cost_usd"], since_start(tally)["saved_usd"]) == (0.01, 0.03)


def test_saved_is_measured_against_the_same_with_a_prefix_cache_too(tally: Tally) -> None:
    assert since_start(tally)["saved_cached_usd"] == 0.015


def test_what_was_saved_adds_up_over_the_lines(tally: Tally) -> None:
    first = take(tally)
    tally.add(measures.COST, "gpt-4o-mini", n=0.01)
    tally.add(measures.SINGLE_CACHED_COST, n=0.05)
    line = summarise(first, take(tally))
    assert (line["cost_usd"], line["saved_usd"], line["saved_cached_usd"]) == (0.01, -0.01, 0.04)


def test_without_a_known_price_the_amounts_are_null_and_not_zero() -> None:
    tally = Tally()
    tally.add(measures.CALLS, "bulk", "llama", "answered")
    line = since_start(tally)
    assert (line["cost_usd"], line["saved_usd"], line["saved_cached_usd"]) == (None, None, None)


def test_the_state_of_the_moment_comes_from_the_gauges(tally: Tally) -> None:
    tally.gauge(measures.IN_FLIGHT, lambda: {(): 5})
    tally.gauge(measures.OLDEST, lambda: {("0",): 1.26, ("1",): 7.04})
    tally.gauge(measures.LAG, lambda: {("0",): 10, ("1",): 20})
    line = since_start(tally)
    assert (line["in_flight"], line["oldest_s"], line["lag"]) == (5, 7.0, 30)


def test_the_reasons_of_breakers_and_paused_partitions_stand_side_by_side(tally: Tally) -> None:
    tally.gauge(measures.BREAKER_OPEN, lambda: {("a", "quota"): 1, ("b", "quota"): 1, ("c", "outage"): 0})
    tally.gauge(measures.PARTITIONS_PAUSED, lambda: {("in_flight",): 2, ("map",): 0})
    assert since_start(tally)["paused"] == ["in_flight", "quota"]


@given(first=COUNTS, second=COUNTS, third=COUNTS)
def test_lines_add_up_to_the_whole(first: int, second: int, third: int) -> None:
    a = Snapshot(records=first, calls=first)
    b = Snapshot(records=first + second, calls=first + second)
    c = Snapshot(records=first + second + third, calls=first + second + third)
    for field in ("records_in", "calls"):
        whole, parts = summarise(a, c), (summarise(a, b), summarise(b, c))
        assert dict(whole)[field] == dict(parts[0])[field] + dict(parts[1])[field]  # type: ignore[operator]


def test_each_line_covers_the_time_since_the_one_before(tally: Tally) -> None:
    now = 100.0
    summary = Summary(tally, lambda: now)
    with capture_logs() as lines:
        now = 130.0
        summary.report()
        tally.add(measures.RECORDS, n=4)
        now = 160.5
        summary.report()
    assert [(line["period_s"], line["records_in"]) for line in lines] == [(30.0, 12), (30.5, 4)]


async def test_a_line_comes_every_interval_until_cancelled(tally: Tally) -> None:
    loop = asyncio.get_running_loop()
    summary = Summary(tally, loop.time)
    with capture_logs() as lines, suppress(TimeoutError):
        async with asyncio.timeout(3600 + 10):
            await summary.report_every(30.0)
    assert len(lines) == 120
    assert {line["period_s"] for line in lines} == {30.0}
