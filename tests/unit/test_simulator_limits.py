"""The rate limits: their arithmetic and their headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.lab.simulator.limits import Bucket, RateLimiter, duration


def limiter(rpm: int | None = None, tpm: int | None = None, burst_s: float = 10.0) -> RateLimiter:
    return RateLimiter(rpm=rpm, tpm=tpm, burst_s=burst_s, now=0.0)


def admitted(limits: RateLimiter, *, calls: int, tokens: int = 1, now: float = 0.0) -> int:
    return sum(limits.admit(tokens, now) is None for _ in range(calls))


def test_a_minutes_worth_cannot_be_spent_at_once() -> None:
    assert admitted(limiter(rpm=600), calls=600) == 100


def test_the_stock_refills_continuously() -> None:
    limits = limiter(rpm=600)
    admitted(limits, calls=100)
    assert admitted(limits, calls=50, now=2.0) == 20


def test_retry_after_is_the_moment_at_which_the_call_is_let_in() -> None:
    limits = limiter(rpm=60, burst_s=1)
    assert limits.admit(1, 0.0) is None
    limited = limits.admit(1, 0.0)
    assert limited is not None
    assert limited.retry_after_s == pytest.approx(1.0)
    assert limits.admit(1, 1.0) is None


def test_a_call_that_is_turned_away_takes_a_request_too() -> None:
    limits = limiter(rpm=60, burst_s=1)
    limits.admit(1, 0.0)
    assert limits.admit(1, 0.9) is not None  # takes the 0.9 that had come back
    assert limits.admit(1, 1.0) is not None
    assert limits.admit(1, 2.0) is None


def test_a_call_larger_than_the_stock_is_let_in_when_the_stock_is_full_and_leaves_a_debt() -> None:
    limits = limiter(tpm=6000, burst_s=1)  # 100 a second
    assert limits.admit(1000, 0.0) is None
    limited = limits.admit(100, 0.0)
    assert limited is not None
    assert limited.kind == "tokens"
    assert limited.retry_after_s == pytest.approx(10.0)
    assert limits.admit(100, 10.0) is None


def test_a_call_larger_than_a_minutes_limit_is_turned_away_for_good() -> None:
    limited = limiter(tpm=1000).admit(1001, 0.0)
    assert limited is not None
    assert limited.retry_after_s is None


def test_without_limits_all_are_let_in_and_no_header_is_sent() -> None:
    limits = limiter()
    assert admitted(limits, calls=1000, tokens=10**6) == 1000
    assert limits.headers(0.0) == {}


def test_the_headers_say_the_limit_what_remains_and_when_it_is_full_again() -> None:
    limits = limiter(rpm=600, tpm=6000)
    limits.admit(250, 0.0)
    assert limits.headers(0.0) == {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "99",
        "x-ratelimit-reset-requests": "100ms",
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": "750",
        "x-ratelimit-reset-tokens": "2.5s",
    }


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0ms"), (0.02, "20ms"), (1, "1s"), (8.71, "8.71s"), (60, "1m0s"), (360, "6m0s"), (3603, "1h0m3s")],
)
def test_durations_are_written_as_openai_writes_them(seconds: float, written: str) -> None:
    assert duration(seconds) == written


@given(
    st.integers(1, 10_000),
    st.floats(0.1, 60),
    st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5000)), max_size=60),
)
def test_no_more_is_let_in_than_the_rate_and_one_burst_allow(
    per_minute: int, burst_s: float, asks: list[tuple[float, int]]
) -> None:
    bucket = Bucket(per_minute=per_minute, burst_s=burst_s, now=0.0)
    now, spent, last = 0.0, 0, 0
    for pause_s, units in asks:
        now += pause_s
        if bucket.wait_s(units, now) == 0:
            bucket.take(units, now)
            spent, last = spent + units, units
    assert spent - last <= bucket.capacity + bucket.rate_per_s * now + 1e-6


@given(st.integers(1, 10_000), st.floats(0.1, 60), st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_whoever_waits_as_long_as_told_is_let_in(per_minute: int, burst_s: float, asks: list[int]) -> None:
    bucket = Bucket(per_minute=per_minute, burst_s=burst_s, now=0.0)
    now = 0.0
    for units in asks:
        now += bucket.wait_s(units, now)
        assert bucket.wait_s(units, now) == 0
        bucket.take(units, now)
