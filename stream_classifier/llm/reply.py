"""A 200's body, read into a Signal, the reply's text and the usage.

A 200 alone means little: gateways send errors with it, models refuse in it, and some bodies are a login
page. A body that is no completion at all is a failure of the way to the model, not of the texts: it gets
what a 5xx gets, so that an hour of login pages is an outage and no text is given up for it.
`finish_reason` and `refusal` come first, the content last. What the content says is not looked at here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from stream_classifier.core.call import Signal, Usage
from stream_classifier.llm.errors import read_error

FINISH: dict[str, Signal] = {
    "length": Signal.LENGTH,
    "max_tokens": Signal.LENGTH,
    "model_length": Signal.LENGTH,  # Mistral: the context was full before the budget was
    "model_context_window_exceeded": Signal.LENGTH,
    "content_filter": Signal.REFUSED,
    "safety": Signal.REFUSED,
    "sensitive": Signal.REFUSED,
    "refusal": Signal.REFUSED,
    "error": Signal.SERVER_ERROR,  # gateways: the model behind failed after the 200 was sent
    "network_error": Signal.SERVER_ERROR,
    "insufficient_system_resource": Signal.SERVER_ERROR,
}
"""What finish reasons mean; every other one (`stop`, `eos`, none) is a finished reply."""

DETAILS: dict[Signal, str] = {
    Signal.ANSWERED: "",
    Signal.LENGTH: "The reply was cut off at its token limit.",
    Signal.REFUSED: "The model or the provider's content filter refused the text.",
    Signal.SERVER_ERROR: "The provider failed after it had begun to answer.",
}

NOT_JSON = "The response is not JSON: check that llm.base_url names an OpenAI-compatible endpoint."
NO_COMPLETION = "The response holds no chat completion: check llm.base_url."
NO_CONTENT = "The model finished without a reply."

DEFAULT_GATEWAY_STATUS = 502
"""For an error inside a 200 that names no status of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a 200 held. `content` only with ANSWERED and LENGTH."""

    signal: Signal
    detail: str
    content: str | None = None
    usage: Usage | None = None


def read_reply(body: bytes, sent: Collection[str]) -> Reply:
    """What a 200's body holds. `sent`: the fields of the request's body, as for `read_error`."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Reply(signal=Signal.SERVER_ERROR, detail=NOT_JSON)
    if not isinstance(parsed, dict):
        return Reply(signal=Signal.SERVER_ERROR, detail=NO_COMPLETION)
    usage = read_usage(parsed.get("usage"))
    match parsed:
        case {"choices": [{"message": dict(message), **choice}, *_]}:
            return _read_choice(message, choice.get("finish_reason"), usage)
        case {"error": dict() | str() as error}:
            refusal = read_error(_status(error), body, sent)
            return Reply(signal=refusal.signal, detail=refusal.detail, usage=usage)
    return Reply(signal=Signal.SERVER_ERROR, detail=NO_COMPLETION, usage=usage)


def read_usage(usage: Any) -> Usage | None:
    """The token counts; None where the provider sent none that can be believed."""
    if not isinstance(usage, Mapping):
        return None
    tokens_in, tokens_out = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if tokens_in is None and tokens_out is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, Mapping) else None
    if cached is None:
        cached = _count(usage.get("prompt_cache_hit_tokens"))  # DeepSeek
    tokens_in = tokens_in or 0
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out or 0, cached_in=min(cached or 0, tokens_in))


def _read_choice(message: Mapping[str, Any], finish_reason: Any, usage: Usage | None) -> Reply:
    finish = finish_reason.lower() if isinstance(finish_reason, str) else ""
    signal = Signal.REFUSED if message.get("refusal") else FINISH.get(finish, Signal.ANSWERED)
    content = _text(message.get("content"))
    if signal is Signal.ANSWERED and not content.strip():
        return Reply(signal=Signal.MALFORMED, detail=NO_CONTENT, usage=usage)
    # Cut off before the first word (a reasoning model spent its budget on thought): an empty content.
    usable = signal in {Signal.ANSWERED, Signal.LENGTH}
    return Reply(signal=signal, detail=DETAILS[signal], content=content if usable else None, usage=usage)


def _text(content: Any) -> str:
    """The content as one text; some endpoints send it as a list of parts."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _status(error: Mapping[str, Any] | str) -> int:
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) and 400 <= code <= 599 else DEFAULT_GATEWAY_STATUS


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
