"""What a provider's response headers say about the account's limits.

Rules:

* Header names are compared without case. Where several spellings are present, the first in our order
  that can be read wins. OpenAI, Azure and Groq write `x-ratelimit-remaining-requests`, Mistral
  `-req-minute`, Cerebras `-tokens-minute`, OpenRouter `x-ratelimit-remaining` without saying of what
  (it counts requests). Limits that a name declares to be a day's are left out: ours are a minute's.
* `retry-after-ms` beats `retry-after`, because it is the finer one.
* A duration comes as Go prints it (`6m0s`, `8.71s`, `20ms`), as bare seconds, as a date, or as a unix
  time in seconds or milliseconds.
* What is negative, not finite or not a number is as if it were not there. Azure says -1 for "unknown",
  and a date in the past tells of a clock, not of a wait. Nothing here raises, whatever the header holds.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TypeVar

from stream_classifier.core.call import RateHeaders

SECONDS_PER_UNIT = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}
MAX_HEADER_CHARS = 64
"""No header we read is longer than a date; a longer one is not worth parsing."""

EARLIEST_UNIX_S = 1e9
EARLIEST_UNIX_MS = 1e12
"""A bare number from here on is a point in time: as a duration it would be more than 30 years."""

LIMIT_REQUESTS = ("x-ratelimit-limit-requests", "x-ratelimit-limit-req-minute", "x-ratelimit-limit")
LIMIT_TOKENS = ("x-ratelimit-limit-tokens", "x-ratelimit-limit-tokens-minute")
REMAINING_REQUESTS = (
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-req-minute",
    "x-ratelimit-remaining",
)
REMAINING_TOKENS = ("x-ratelimit-remaining-tokens", "x-ratelimit-remaining-tokens-minute")
RESET_REQUESTS = ("x-ratelimit-reset-requests", "x-ratelimit-reset-req-minute", "x-ratelimit-reset")
RESET_TOKENS = ("x-ratelimit-reset-tokens", "x-ratelimit-reset-tokens-minute")

_COUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]*)?")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h|d)")

Value = TypeVar("Value", int, float)


def parse_duration(text: str) -> float | None:
    """Seconds in a duration such as `1h2m3s`, `6m0s`, `20ms` or `8.71` (bare seconds); else None."""
    text = text.strip().lower()
    if len(text) > MAX_HEADER_CHARS:
        return None
    if _NUMBER.fullmatch(text):
        return _wait(float(text))
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return _wait(sum(float(number) * SECONDS_PER_UNIT[unit] for number, unit in parts))


def read_rate_headers(headers: Mapping[str, str], now_unix: float) -> RateHeaders:
    """All that the headers of one response say; None for what they do not. `now_unix` in seconds
    turns points in time into waits."""
    found = {name.lower(): value for name, value in headers.items()}

    def until(text: str) -> float | None:
        return _until(text, now_unix)

    return RateHeaders(
        limit_requests=_first(found, LIMIT_REQUESTS, _count),
        limit_tokens=_first(found, LIMIT_TOKENS, _count),
        remaining_requests=_first(found, REMAINING_REQUESTS, _count),
        remaining_tokens=_first(found, REMAINING_TOKENS, _count),
        reset_requests_s=_first(found, RESET_REQUESTS, until),
        reset_tokens_s=_first(found, RESET_TOKENS, until),
        retry_after_s=_retry_after(found, until),
    )


def _retry_after(found: Mapping[str, str], until: Callable[[str], float | None]) -> float | None:
    wait_ms = _first(found, ("retry-after-ms",), parse_duration)
    return wait_ms / 1000 if wait_ms is not None else _first(found, ("retry-after",), until)


def _first(
    found: Mapping[str, str], names: tuple[str, ...], read: Callable[[str], Value | None]
) -> Value | None:
    values = (read(found[name]) for name in names if name in found)
    return next((value for value in values if value is not None), None)


def _count(text: str) -> int | None:
    # A gateway may append the window ("100, 100;window=60"); the number before it is the limit.
    number = re.split("[,;]", text, maxsplit=1)[0].strip()
    return int(float(number)) if _COUNT.fullmatch(number) else None


def _until(text: str, now_unix: float) -> float | None:
    duration = parse_duration(text)
    if duration is None:
        date = _date(text)
        return None if date is None else _wait(date - now_unix)
    if duration >= EARLIEST_UNIX_MS:
        return _wait(duration / 1000 - now_unix)
    return _wait(duration - now_unix) if duration >= EARLIEST_UNIX_S else duration


def _date(text: str) -> float | None:
    """The unix time of an HTTP date (RFC 9110) or an RFC 3339 one; without a zone it is UTC."""
    if len(text) > MAX_HEADER_CHARS:
        return None
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            date = read(text.strip())
            return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _wait(seconds: float) -> float | None:
    return seconds if isfinite(seconds) and seconds >= 0 else None
