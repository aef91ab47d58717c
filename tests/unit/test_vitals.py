"""What is measured of a process: its start in steps, its traffic, and what it holds at rest."""

from collections import Counter
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.start import STEPS, steps_ms
from benchmarks.traffic import KNOWN_TEXTS, SHARES, Mix
from benchmarks.vitals import Rest, least

HELD = Rest(
    tasks=42,
    futures=60,
    sockets=8,
    files=7,
    reserved_calls=0,
    reserved_tokens=0,
    in_flight=0,
    waiting=0,
    calls=0,
)


@given(st.lists(st.floats(0.001, 60), min_size=len(STEPS), max_size=len(STEPS)))
def test_the_steps_of_a_start_are_all_of_it(lengths_s: list[float]) -> None:
    moments = [1_000.0 + sum(lengths_s[: number + 1]) for number in range(len(lengths_s))]
    steps = steps_ms(1_000.0, dict(zip(STEPS, moments, strict=True)))
    assert list(steps.values()) == pytest.approx([length * 1000 for length in lengths_s], abs=1e-3)


def test_what_comes_and_goes_by_itself_is_not_held_at_rest() -> None:
    assert least([replace(HELD, tasks=43), replace(HELD, sockets=9), replace(HELD, futures=61)]) == HELD


def test_the_traffic_has_each_kind_in_its_share() -> None:
    mix = Mix()
    values = [mix.next()[1] for _ in range(200_000)]
    assert values.count(None) == mix.tombstones > 0
    kinds = Counter("urgent" if b'"urgent"' in value else "other" for value in values if value)
    assert kinds["urgent"] / len(values) == pytest.approx(SHARES["urgent"], rel=0.5)
    texts = Counter(orjson.loads(value).get("subject") for value in values if value and value != b"{")
    new = sum(count == 1 for count in texts.values())
    assert new / len(values) == pytest.approx(SHARES["new"] + SHARES["urgent"], rel=0.2)
    assert mix.made == len(values)


def test_known_texts_alone_are_each_ticket_another_and_no_other_text() -> None:
    mix = Mix(known_only=True)
    tickets = [orjson.loads(value) for _, value in (mix.next() for _ in range(3 * KNOWN_TEXTS)) if value]
    assert len({ticket["ticket_id"] for ticket in tickets}) == 3 * KNOWN_TEXTS
    assert set(Counter(ticket["subject"] for ticket in tickets).values()) == {3}
