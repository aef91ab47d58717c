"""docs/sizing.md stands as its formulas say, and the formulas are sound."""
# ruff: noqa: RUF001 - the page's formulas have signs of their own

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sizing, sizing_tables
from benchmarks.sizing import STREAMS, Stream, call_s, input_tokens, output_tokens
from stream_classifier.core.finished_map import encode
from tests.unit.manifests import service_pod

PAGE = (Path(__file__).parents[2] / "docs" / "sizing.md").read_text("utf-8")

SMALL, MIDDLE, LARGE = STREAMS
HURRIED = replace(SMALL, max_wait_s=2.0)
LARGE_CACHE_GB = replace(LARGE, ttl_s=sizing.DAY_S).entries * sizing.REDIS_ENTRY_BYTES / 1e9
ALONE_TO_BATCHED = replace(MIDDLE, urgent=1.0).usd_a_day / replace(MIDDLE, urgent=0.0).usd_a_day
URGENT_A_POD = LARGE.urgent_calls_at_once / LARGE.pods

SOME_STREAMS = st.builds(
    Stream,
    rate=st.floats(0.01, 20_000),
    max_tickets=st.integers(1, 90),
    max_wait_s=st.floats(0.1, 30),
    repeats=st.floats(0, 0.99),
    urgent=st.floats(0, 1),
)


@pytest.mark.parametrize("table", [sizing_tables.examples, sizing_tables.by_repeats, sizing_tables.by_urgent])
def test_a_table_on_the_page_is_what_its_formulas_give(table: Callable[[], str]) -> None:
    assert table() in PAGE


@pytest.mark.parametrize(
    "said",
    [
        f"{sizing.CALL_TOKENS:.0f} + *n* × ({sizing.RECORD_TOKENS:.0f} + the text's) of input",
        f"{sizing.REPLY_TOKENS:.0f} + {sizing.ANSWER_TOKENS:.0f} *n* of output",
        f"{sizing.KNOWN_CPU_US:.0f} µs a known ticket of 1 KiB",
        f"{sizing.ASKED_CPU_US:.0f} µs one that is asked and {sizing.CALL_CPU_US:,.0f} µs a call",
        f"exactly-once {sizing.EXACTLY_ONCE_CPU_US - sizing.KNOWN_CPU_US:.1f} µs a ticket",
        f"calls side by side ÷ {sizing.CALLS_A_POD}",
        f"{sizing.MAP_RUNS:,} ÷ (repeats × (1 − repeats))",
        f"{sizing.IDLE_MIB} MiB + {sizing.TICKET_KIB} KiB × tickets in flight",
        f"{sizing.REDIS_ENTRY_BYTES} bytes × asked a second",
        f"events of {sizing.EVENT_BYTES} bytes",
        f"a call has {HURRIED.tickets_a_call:.1f} tickets, and the day costs USD {HURRIED.usd_a_day:.2f}",
        f"it would be {LARGE_CACHE_GB:.0f} GB",
        f"{ALONE_TO_BATCHED:.1f} times what one in a full batch costs",
        f"no faster than {round(MIDDLE.partition_rate, -2):,.0f} tickets a second",
        f"that is {URGENT_A_POD:.0f} side by side in each of {LARGE.pods} pods",
        f"its text {sizing.TEXT_TOKENS:.0f} tokens",
        f"first token comes after {sizing.FIRST_TOKEN_S} s, then {sizing.OUTPUT_TOKENS_PER_S:.0f} tokens a",
    ],
)
def test_a_rule_on_the_page_has_the_figure_that_is_counted_with(said: str) -> None:
    assert said in " ".join(PAGE.split())


@given(SOME_STREAMS)
def test_calls_side_by_side_are_calls_a_second_times_seconds_a_call(stream: Stream) -> None:
    bulk = replace(stream, urgent=0.0)
    assert bulk.calls_at_once == pytest.approx(bulk.calls * bulk.call_s)
    urgent = replace(stream, urgent=1.0)
    assert urgent.urgent_calls_at_once == pytest.approx(urgent.calls * call_s(1))


@given(SOME_STREAMS)
def test_every_pod_has_as_many_partitions_as_any_other_and_at_least_two(stream: Stream) -> None:
    assert stream.partitions % stream.pods == 0
    assert stream.partitions >= 2 * stream.pods


@given(SOME_STREAMS)
def test_no_partition_has_more_tickets_than_it_can_follow(stream: Stream) -> None:
    assert stream.peak / stream.partitions <= stream.partition_rate * (1 + 1e-9)


@given(SOME_STREAMS)
def test_the_pods_of_a_stream_have_the_cores_and_the_calls_that_its_peak_takes(stream: Stream) -> None:
    assert stream.pods * sizing.CORE_SHARE >= stream.cores - 1e-9
    assert stream.pods * stream.cpu_m >= 1000 * stream.cores - 1e-6
    assert stream.pods * stream.concurrency >= 2 * stream.calls_at_once - 1e-6


@given(SOME_STREAMS, st.floats(0, 1))
def test_fewer_repeats_never_cost_less(stream: Stream, share: float) -> None:
    assert replace(stream, repeats=stream.repeats * share).usd_a_day >= stream.usd_a_day * (1 - 1e-9)


@given(st.floats(1, 90), st.floats(1, 90))
def test_a_ticket_in_a_larger_call_takes_fewer_tokens(one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert input_tokens(large) <= input_tokens(small)
    assert output_tokens(large) <= output_tokens(small)


def test_what_a_partition_can_follow_fits_into_its_commit() -> None:
    stream, rng = LARGE, random.Random(7)
    tickets = round(stream.partition_rate * stream.answered_s)
    runs = _runs(rng.random() < stream.repeats for _ in range(round(tickets * 0.95)))
    assert encode("tickets", 0, 0, runs)[1]
    many = _runs(rng.random() < stream.repeats for _ in range(round(tickets * 1.1)))
    assert not encode("tickets", 0, 0, many)[1]


def test_the_pods_of_the_examples_fit_what_is_deployed() -> None:
    requests = service_pod()["containers"][0]["resources"]["requests"]
    assert requests["cpu"] == f"{sizing.LEAST_CPU_M}m"
    assert max(stream.memory_mib for stream in STREAMS) <= int(requests["memory"].removesuffix("Mi"))


def _runs(finished: Iterable[bool]) -> list[tuple[int, int]]:
    """Where runs of finished tickets begin and end, the end not in them."""
    runs, place = [], 1
    for done, group in groupby(finished):
        length = len(list(group))
        if done:
            runs.append((place, place + length))
        place += length
    return runs
