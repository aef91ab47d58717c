"""Attempts are given back for an outage of the model that took them, and for nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import Breaker
from stream_classifier.core.call import Signal
from stream_classifier.core.doubts import Doubts
from stream_classifier.core.journey import Ask

NOW = 1_000.0


def an_ask() -> Ask:
    return Ask(key=b"k", lane=Lane.BULK, utf8=b"text", tokens=1, asked_at=NOW)


def fail(ask: Ask, model: str, breaker: Breaker, *, flaws: int = 0) -> None:
    """A call to the model fails, as a lane counts it."""
    ask.attempts += 1
    ask.flaws += flaws
    ask.doubts = ask.doubts or Doubts()
    ask.doubts.add(model, breaker, attempts=1, flaws=flaws)


def suffered(ask: Ask, model: str, breaker: Breaker) -> bool:
    return ask.doubts is not None and ask.doubts.suffered(model, breaker)


def test_what_failed_before_the_breaker_opened_is_given_back() -> None:
    ask, breaker = an_ask(), Breaker()
    fail(ask, "m", breaker, flaws=1)
    breaker.failure(Signal.QUOTA, NOW)
    assert suffered(ask, "m", breaker)
    ask.give_back("m")
    assert (ask.attempts, ask.flaws) == (0, 0)
    assert not suffered(ask, "m", breaker)


def test_what_was_under_way_when_the_breaker_opened_is_given_back() -> None:
    ask, breaker = an_ask(), Breaker()
    breaker.failure(Signal.QUOTA, NOW)
    fail(ask, "m", breaker)
    assert suffered(ask, "m", breaker)


def test_what_failed_after_an_outage_is_not_given_back_for_it() -> None:
    ask, breaker = an_ask(), Breaker()
    breaker.failure(Signal.QUOTA, NOW)
    breaker.success()
    fail(ask, "m", breaker)
    assert not suffered(ask, "m", breaker)


def test_an_outage_of_another_model_gives_nothing_back() -> None:
    ask, down, other = an_ask(), Breaker(), Breaker()
    fail(ask, "other", other)
    down.failure(Signal.QUOTA, NOW)
    assert not suffered(ask, "m", down)
    assert not suffered(ask, "other", other)
    ask.give_back("m")
    assert ask.attempts == 1


@given(st.lists(st.sampled_from(["fail", "open", "close", "look"]), max_size=60))
def test_however_they_follow_each_other_only_failures_before_or_in_an_outage_are_given_back(
    steps: list[str],
) -> None:
    """Against the plain history: a failure is given back when it is looked at after an opening that came
    later, or that had not ended when it came."""
    ask, breaker = an_ask(), Breaker()
    standing: list[int] = []  # for each failure that still counts, the openings that were over when it came
    for step in steps:
        if step == "fail":
            standing.append(breaker.openings - breaker.open)
            fail(ask, "m", breaker)
        elif step == "open":
            breaker.failure(Signal.QUOTA, NOW)
        elif step == "close":
            breaker.success()
        elif suffered(ask, "m", breaker):
            assert breaker.openings > standing[0]
            ask.give_back("m")
            standing = []
        else:
            assert all(breaker.openings <= over for over in standing)
        assert ask.attempts == len(standing)
