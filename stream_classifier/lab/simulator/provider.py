"""The simulated provider's mind: a request in, what to do about it out.

Nothing here waits or looks at a clock: `now` is handed in, and how long to wait is part of the verdict.
A request passes these gates in order; the first that stops it gives the answer:

1. its size, 2. its form, 3. the key, 4. the model, 5. a fault at the door (the call is charged against the
limits all the same), 6. the rate limits, 7. the length of the context. Then the model replies, and a
fault may spoil the reply.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, exp
from random import Random
from typing import Any

import orjson

from stream_classifier.lab.simulator.arsenal import Arsenal, Strike
from stream_classifier.lab.simulator.contract import Answer, ChatRequest, compose
from stream_classifier.lab.simulator.errors import ApiError, ApiFault, Matter, worded
from stream_classifier.lab.simulator.faults import (
    Alter,
    Break,
    Effect,
    Fail,
    Raw,
    Reshape,
    Rewrite,
    Truncate,
)
from stream_classifier.lab.simulator.limits import Limited, RateLimiter
from stream_classifier.lab.simulator.options import SimulatorOptions
from stream_classifier.lab.simulator.replies import Right
from stream_classifier.lab.simulator.tokens import PrefixCache, count_prompt, count_tokens, cut_tokens

ANY_MODEL = "simulated"  # what the list of models names where every model is taken
SMALL_TALK = "This is a simulated model. It labels records that come one a line, and knows nothing else."


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one completed call."""

    tokens_in: int
    tokens_out: int
    tokens_cached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What to do about one request. `status` is None where the connection is broken off (`breaks`)."""

    status: int | None
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    breaks: Break | None = None
    request: ChatRequest | None = None  # None where it could not be read
    usage: Usage | None = None  # None where the model was not asked
    tokens_counted: int = 0  # against the limit of tokens a minute
    fault: str | None = None


class Provider:
    """One simulated account with its limits, its prefix cache and its faults.

    `epoch_s` is what must be added to `now` to have Unix time, for the replies' `created`.
    """

    def __init__(self, options: SimulatorOptions, *, now: float, epoch_s: float = 0.0) -> None:
        self.faults = Arsenal(options.faults, seed=options.seed)
        self._options = options
        self._now = now
        self._epoch_s = epoch_s
        self._jitter = Random(f"{options.seed}/jitter")
        self._replies = 0
        self._limits = RateLimiter(
            rpm=options.requests_per_minute, tpm=options.tokens_per_minute, burst_s=options.burst_s, now=now
        )
        self._prefixes = PrefixCache(
            minimum_tokens=options.cached_prefix_tokens, ttl_s=options.prefix_ttl_s, clock=lambda: self._now
        )

    def decide(self, body: bytes, key: str | None, now: float) -> Verdict:
        """The verdict on one request; `key` is the API key that came with it, `now` in seconds."""
        self._now = now
        request = None
        try:
            self._check_size(body)
            request = ChatRequest.parse(body, (self._options.labels,))
            self._check_key(key)
            self._check_model(request)
        except ApiFault as fault:
            return self._error(fault.error, request)
        return self._admit(request)

    def models(self, key: str | None, now: float) -> Verdict:
        """The verdict on a request for the list of models."""
        self._now = now
        try:
            self._check_key(key)
        except ApiFault as fault:
            return self._error(fault.error, None)
        names = self._options.models or (ANY_MODEL,)
        models = [{"id": n, "object": "model", "created": 0, "owned_by": "simulator"} for n in names]
        return Verdict(status=200, body=orjson.dumps({"object": "list", "data": models}))

    def _check_size(self, body: bytes) -> None:
        if len(body) > (most := self._options.max_body_bytes):
            message = f"The request body has {len(body)} bytes; at most {most} are taken."
            raise ApiFault(ApiError(status=413, matter=Matter.TOO_LARGE, message=message))

    def _check_key(self, key: str | None) -> None:
        if self._options.api_key not in (None, key):
            message = "The API key is missing or not valid."
            raise ApiFault(ApiError(status=401, matter=Matter.KEY_REFUSED, message=message))

    def _check_model(self, request: ChatRequest) -> None:
        models = self._options.models
        if models and request.model not in models:
            message = f"The model '{request.model}' does not exist; there are {', '.join(models)}."
            raise ApiFault(ApiError(status=404, matter=Matter.MODEL_UNKNOWN, message=message))

    def _admit(self, request: ChatRequest) -> Verdict:
        strike = self.faults.strike(request, at_the_door=True)
        tokens_in = count_prompt(request.parts)
        counted = max(tokens_in, request.max_tokens or 0)
        limited = self._limits.admit(counted, self._now)
        verdict = self._decided(request, tokens_in, strike, limited)
        return verdict if limited else replace(verdict, tokens_counted=counted)

    def _decided(
        self, request: ChatRequest, tokens_in: int, strike: Strike | None, limited: Limited | None
    ) -> Verdict:
        if strike:
            return self._stopped_at_the_door(request, strike)
        if limited:
            return self._error(_limit_error(limited, request), request, limited.retry_after_s)
        if tokens_in + (request.max_tokens or 0) > self._options.context_tokens:
            return self._error(_overflow_error(request, tokens_in, self._options.context_tokens), request)
        return self._reply(request, tokens_in)

    def _stopped_at_the_door(self, request: ChatRequest, strike: Strike) -> Verdict:
        match strike.fault.effect:
            case Break() as how:
                verdict = Verdict(status=None, breaks=how, request=request)
            case Raw(status, body, media_type):
                verdict = Verdict(status=status, body=body, media_type=media_type, request=request)
            case Fail(error):
                message = error.message.format(model=request.model, param=strike.param)
                error = replace(error, message=message, param=strike.param)
                verdict = self._error(error, request, strike.armed.retry_after_s)
            case effect:
                raise AssertionError(f"{effect} does not strike at the door")
        return replace(verdict, delay_s=strike.delay_s, fault=strike.fault.name)

    def _error(
        self, error: ApiError, request: ChatRequest | None, retry_after_s: float | None = None
    ) -> Verdict:
        status, body = worded(error, self._options.dialect)
        headers = self._limits.headers(self._now)
        if retry_after_s is not None:
            headers["retry-after"] = str(ceil(retry_after_s))
            headers["retry-after-ms"] = str(ceil(retry_after_s * 1000))
        return Verdict(status=status, body=orjson.dumps(body), headers=headers, request=request)

    def _reply(self, request: ChatRequest, tokens_in: int) -> Verdict:
        strike = self.faults.strike(request, at_the_door=False)
        effect = strike.fault.effect if strike else None
        whole = self._content(request, strike)
        text = _cut(whole, request.max_tokens, effect)
        usage = Usage(
            tokens_in=tokens_in,
            tokens_out=count_tokens(text),
            tokens_cached=self._prefixes.cached_tokens(request.model, request.parts),
        )
        completion = self._completion(request, text, "stop" if text is whole else "length", usage)
        if isinstance(effect, Reshape):
            completion = effect.change(completion)
        return Verdict(
            status=200,
            body=orjson.dumps(completion),
            headers=self._limits.headers(self._now),
            delay_s=self._duration_s(usage.tokens_out) + (strike.delay_s if strike else 0.0),
            request=request,
            usage=usage,
            fault=strike.fault.name if strike else None,
        )

    def _content(self, request: ChatRequest, strike: Strike | None) -> str:
        """The whole reply, spoiled where the strike says so."""
        if not request.records:
            return SMALL_TALK
        answers = [
            Answer(record.key, record.check, self._labels(record.text, request)) for record in request.records
        ]
        if strike is None:
            return compose(answers)
        right = Right(request=request, answers=answers, hit=strike.hit)
        match strike.fault.effect:
            case Alter(change):
                return compose(change(right))
            case Rewrite(rewrite):
                return rewrite(right, compose(answers))
            case _:
                return compose(answers)

    def _labels(self, text: str, request: ChatRequest) -> tuple[str, ...]:
        return tuple(self._options.rule(text, labels) for labels in request.questions)

    def _completion(self, request: ChatRequest, text: str, finish: str, usage: Usage) -> dict[str, Any]:
        self._replies += 1
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            "id": f"chatcmpl-simulated-{self._replies}",
            "object": "chat.completion",
            "created": int(self._now + self._epoch_s),
            "model": request.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": {
                "prompt_tokens": usage.tokens_in,
                "completion_tokens": usage.tokens_out,
                "total_tokens": usage.tokens_in + usage.tokens_out,
                "prompt_tokens_details": {"cached_tokens": usage.tokens_cached},
            },
        }

    def _duration_s(self, tokens_out: int) -> float:
        """How long the model takes: the first token's latency, then the output at its speed."""
        options = self._options
        writing_s = tokens_out / options.tokens_per_s if options.tokens_per_s else 0.0
        factor = exp(options.jitter * self._jitter.gauss(0.0, 1.0)) if options.jitter else 1.0
        return (options.latency_s + writing_s) * factor


def _cut(text: str, max_tokens: int | None, effect: Effect | None) -> str:
    """The text up to the request's budget, or to where a fault ends it; the very same object if whole."""
    limit = max_tokens
    if isinstance(effect, Truncate):
        share = int(count_tokens(text) * effect.share)
        limit = share if limit is None else min(share, limit)
    return text if limit is None else cut_tokens(text, limit)


def _limit_error(limited: Limited, request: ChatRequest) -> ApiError:
    wait = "Ask for less." if limited.retry_after_s is None else f"Try again in {limited.retry_after_s:.3f}s."
    message = (
        f"Rate limit reached for {request.model} on {limited.kind} per minute: limit {limited.limit}, "
        f"requested {limited.requested}. {wait}"
    )
    return ApiError(status=429, matter=Matter.RATE_LIMITED, message=message, limit_kind=limited.kind)


def _overflow_error(request: ChatRequest, tokens_in: int, context_tokens: int) -> ApiError:
    message = (
        f"This model's maximum context length is {context_tokens} tokens. The request has {tokens_in} in the "
        f"messages and {request.max_tokens or 0} for the completion. Reduce the length of the messages."
    )
    return ApiError(status=400, matter=Matter.CONTEXT_OVERFLOW, message=message, param="messages")
