"""One call to a provider, as data: what is ordered, and what came of it.

`llm/` turns an `Order` into HTTP and HTTP into an `Outcome`; all that decides stands on this side.
An outcome is never an exception: a provider's bad day is an ordinary thing here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Signal(StrEnum):
    """What came of a call, by the one fact that chooses the remedy (`core/failure.py`)."""

    ANSWERED = "answered"  # 200, finished by itself, with content (some of which may still be wrong)
    LENGTH = "length"  # 200, cut off at the reply budget
    REFUSED = "refused"  # refusal or content filter, as a finish reason or as a 400
    MALFORMED = "malformed"  # 200, finished by itself, and no record answered in the form asked for
    OVERFLOW = "overflow"  # the context is too long (400), or the body is (413)
    RATE_LIMITED = "rate_limited"  # 429 that passes with time
    QUOTA = "quota"  # 429 `insufficient_quota`, 402: passes with money
    FORMAT_REFUSED = "format_refused"  # 400 for a response format or a parameter we can do without
    BAD_REQUEST = "bad_request"  # any other 4xx: we have nothing left to leave out
    KEY_REFUSED = "key_refused"  # 401, 403
    MODEL_UNKNOWN = "model_unknown"  # 404
    SERVER_ERROR = "server_error"  # 5xx, or a 200 that holds no completion: a gateway's login page
    RESET = "reset"  # the connection broke after the request was sent
    UNREACHABLE = "unreachable"  # connect timeout, connection refused, DNS, TLS
    TIMEOUT = "timeout"  # sent, and no answer within the time limit


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider counted for one call, in tokens; `cached_in` is the part of `tokens_in`
    that came from its prefix cache."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached_in: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RateHeaders:
    """What a response said of the account's limits; None where it did not say. Durations in seconds."""

    limit_requests: int | None = None
    limit_tokens: int | None = None
    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_s: float | None = None
    reset_tokens_s: float | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One call to make: provider-neutral, complete, constant once made."""

    model: str
    system: str  # constant to the byte for a taxonomy, so that a prefix cache can hold it
    user: str  # a record a line (contract: LLM.md, Prompt and reply)
    schema: Mapping[str, Any]  # JSON Schema of the reply; one fixed schema per number of records
    records: int  # how many lines `user` holds
    reply_tokens: int  # budget of the reply
    headers: Mapping[str, str] = field(default_factory=dict)  # of this call alone, beside the provider's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one order."""

    signal: Signal
    content: str | None = None  # the reply's text; only with ANSWERED and LENGTH
    usage: Usage | None = None  # None where the provider said nothing
    rate: RateHeaders = field(default_factory=RateHeaders)
    status: int | None = None  # HTTP status; None where no response came
    detail: str = ""  # a sentence for people; never holds a ticket's text or a secret
    latency_s: float = 0.0
