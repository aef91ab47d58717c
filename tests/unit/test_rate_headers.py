"""Rate limits in response headers, in every spelling that is known."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import RateHeaders
from stream_classifier.core.rate_headers import parse_duration, read_rate_headers

NOW = 1_700_000_000.0
NAMES = st.sampled_from(
    [
        "retry-after",
        "Retry-After-Ms",
        "x-ratelimit-limit-requests",
        "x-ratelimit-remaining-tokens",
        "X-RateLimit-Reset",
        "x-ratelimit-reset-tokens",
        "x-ratelimit-limit-req-minute",
    ]
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360),
        ("1s", 1),
        ("20ms", 0.02),
        ("8.71s", 8.71),
        ("1h2m3s", 3723),
        ("1d", 86400),
        ("150µs", 0.00015),
        ("17", 17),
        ("0.5", 0.5),
        ("0s", 0),
        (" 2M59.56S ", 179.56),
    ],
)
def test_a_duration_is_read_in_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "-1", "-1s", "nan", "inf", "1e999", "9" * 400, "soon", "1x", "s", "1s later", "٣s", "1m-3s"]
)
def test_what_is_no_duration_is_ignored(text: str) -> None:
    assert parse_duration(text) is None


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(h: int, m: int, s: int, ms: int) -> None:
    assert parse_duration(f"{h}h{m}m{s}s{ms}ms") == pytest.approx(h * 3600 + m * 60 + s + ms / 1000)


def test_openai_s_headers() -> None:
    headers = {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-remaining-tokens": "159976",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert read_rate_headers(headers, NOW) == RateHeaders(
        limit_requests=5000,
        limit_tokens=160000,
        remaining_requests=4999,
        remaining_tokens=159976,
        reset_requests_s=0.012,
        reset_tokens_s=360,
    )


def test_mistral_s_headers() -> None:
    headers = {
        "x-ratelimit-limit-tokens-minute": "5000000",
        "x-ratelimit-remaining-tokens-minute": "4999911",
        "x-ratelimit-limit-req-minute": "720",
        "x-ratelimit-remaining-req-minute": "717",
    }
    assert read_rate_headers(headers, NOW) == RateHeaders(
        limit_requests=720, limit_tokens=5000000, remaining_requests=717, remaining_tokens=4999911
    )


def test_azure_s_minus_one_is_as_if_it_had_said_nothing() -> None:
    headers = {"x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1"}
    assert read_rate_headers(headers, NOW) == RateHeaders()


def test_a_reset_as_a_point_in_time_becomes_a_wait() -> None:
    in_seconds = read_rate_headers({"x-ratelimit-reset": str(NOW + 30)}, NOW)
    in_milliseconds = read_rate_headers({"X-RateLimit-Reset": str(int((NOW + 30) * 1000))}, NOW)
    in_words = read_rate_headers({"x-ratelimit-reset-requests": "2023-11-14T22:13:50Z"}, NOW)
    assert in_seconds.reset_requests_s == in_milliseconds.reset_requests_s == in_words.reset_requests_s == 30


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "1.5"}, 1.5),
        ({"retry-after": "20ms"}, 0.02),
        ({"retry-after": format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True)}, 90),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "nan", "retry-after": "7"}, 7),
        ({"retry-after": "-7"}, None),
        ({"retry-after": format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True)}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "in a while"}, None),
        ({"retry-after": "86400"}, 86400),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert read_rate_headers(headers, NOW).retry_after_s == seconds


def test_a_limit_with_its_window_is_the_number_before_it() -> None:
    assert read_rate_headers({"x-ratelimit-limit": "100, 100;window=60"}, NOW).limit_requests == 100


@given(st.dictionaries(NAMES, st.text(max_size=80)), st.floats(0, 4e9))
def test_no_header_raises_or_gives_what_is_not_a_wait(headers: dict[str, str], now: float) -> None:
    rate = read_rate_headers(headers, now)
    values = (rate.limit_requests, rate.remaining_tokens, rate.reset_requests_s, rate.retry_after_s)
    assert all(value is None or 0 <= value < float("inf") for value in values)


@given(st.one_of(st.from_regex(r"\A[0-9.]{0,30}(ns|us|ms|s|m|h|d)?\Z"), st.text(max_size=300)))
def test_no_text_makes_a_duration_negative_or_raise(text: str) -> None:
    seconds = parse_duration(text)
    assert seconds is None or 0 <= seconds < float("inf")
