"""How reading takes turns with all else in the loop."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.kafka.turns import IDLE_TURN_S, LARGEST, POLL_S, SMALLEST, Turns


class Clock:
    """Seconds that pass only where somebody works."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


async def work(clock: Clock, steps: int, step_s: float) -> int:
    """So many turns of the loop, each of them so long; the number of those that were had."""
    had = 0
    try:
        for _ in range(steps):
            clock.now_s += step_s
            had += 1
            await asyncio.sleep(0)
    except asyncio.CancelledError:
        pass
    return had


async def had_in_one_turn(steps: int, step_s: float, took_s: float) -> int:
    clock = Clock()
    other = asyncio.create_task(work(clock, steps, step_s))
    await Turns(clock).others(100, took_s)
    other.cancel()
    return await other


async def test_others_go_on_until_they_have_nothing_to_do() -> None:
    assert await had_in_one_turn(steps=12, step_s=2 * IDLE_TURN_S, took_s=1.0) == 12


async def test_others_who_never_end_have_as_long_as_the_poll_took() -> None:
    assert await had_in_one_turn(steps=10_000, step_s=0.001, took_s=0.01) == pytest.approx(10, abs=1)


async def test_a_poll_that_brought_nothing_lets_the_loop_turn_once_and_changes_nothing() -> None:
    turns = Turns(Clock(), records=100)
    await turns.others(0, 0.0)
    assert turns.records == 100


@given(each_s=st.floats(1e-6, 1e-2))
def test_polls_become_as_large_as_is_worked_through_in_the_time_for_one(each_s: float) -> None:
    turns = Turns(Clock())
    for _ in range(20):
        turns._learn(turns.records, turns.records * each_s)
    assert SMALLEST <= turns.records <= LARGEST
    if SMALLEST < turns.records < LARGEST:
        assert turns.records * each_s == pytest.approx(POLL_S, rel=0.1)


def test_one_slow_poll_makes_the_next_smaller_by_half_at_the_most() -> None:
    turns = Turns(Clock())
    turns._learn(LARGEST, 10.0)
    assert turns.records >= LARGEST // 2
