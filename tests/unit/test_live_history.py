"""The quarter of an hour behind the page's drawings."""

import asyncio
import math

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.tally import Tally
from stream_classifier.observe.live.history import KEPT_S, STEP_S, History


class Past:
    """A tally, and a clock that a test moves."""

    def __init__(self) -> None:
        self.tally, self.at = Tally(), 100.0
        self.history = History(self.tally, lambda: self.at)

    def step(self, tickets: int = 0, events: int = 0, latency_s: float = 0.4) -> None:
        if tickets:
            self.tally.add(measures.TICKETS, Lane.BULK, n=tickets)
        if events:
            self.tally.add(measures.EVENTS, Lane.BULK, "labelled", "llm", "", n=events)
            self.tally.observe(measures.LATENCY, latency_s, Lane.BULK, times=events)
        self.at += STEP_S
        self.history.take()


def test_a_period_says_what_came_and_left_a_second() -> None:
    past = Past()
    past.step(tickets=50, events=20)
    past.step(tickets=50, events=30)
    period = past.history.last(10)
    assert (period.came(Lane.BULK), period.left(Lane.BULK), period.left(Lane.URGENT)) == (10, 5, 0)


def test_a_period_reaches_no_further_back_than_asked() -> None:
    past = Past()
    past.step(tickets=1_000)
    for _ in range(12):
        past.step(tickets=5)
    assert past.history.last(60).came(Lane.BULK) == 1


def test_before_there_is_a_past_nothing_is_divided_by_zero() -> None:
    assert Past().history.last(60).left_all == 0


def test_no_more_is_kept_than_is_shown() -> None:
    past = Past()
    for _ in range(1_000):
        past.step(tickets=1)
    assert len(past.history.rates(lambda step: step.came(Lane.BULK))) == KEPT_S / STEP_S


def test_calls_are_told_by_outcome_and_probes_are_none() -> None:
    past = Past()
    past.tally.add(measures.CALLS, Lane.BULK, "m", "answered", n=3)
    past.tally.add(measures.CALLS, Lane.URGENT, "m", "answered", n=1)
    past.tally.add(measures.CALLS, Lane.URGENT, "m", "timeout", n=2)
    past.tally.add(measures.CALLS, "probe", "m", "server_error", n=9)
    assert past.history.last(60).calls == {"answered": 4, "timeout": 2}


def test_latencies_are_those_of_the_period() -> None:
    past = Past()
    past.step(events=1_000, latency_s=50)
    past.step(events=90, latency_s=0.4)
    past.step(events=10, latency_s=4)
    period = past.history.last(2 * STEP_S)
    assert (period.within_s(Lane.BULK, 0.5), period.within_s(Lane.BULK, 0.95)) == (0.5, 5)
    assert period.within_s(Lane.URGENT, 0.5) is None


def test_a_latency_beyond_all_bounds_is_said_to_be_so() -> None:
    past = Past()
    past.step(events=1, latency_s=10_000)
    assert past.history.last(60).within_s(Lane.BULK, 0.5) == math.inf


async def test_samples_are_taken_by_themselves() -> None:
    history = History(Tally(), asyncio.get_running_loop().time)
    running = asyncio.create_task(history.run())
    await asyncio.sleep(10 * STEP_S + 0.1)
    running.cancel()
    assert len(history.rates(lambda step: step.seconds)) == 10
