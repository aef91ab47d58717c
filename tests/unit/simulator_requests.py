"""Requests to a simulated provider, as a client would send them."""

from collections.abc import Sequence
from typing import Any

import orjson

from stream_classifier.lab.simulator import SimulatorOptions
from stream_classifier.lab.simulator.contract import ChatRequest
from stream_classifier.lab.simulator.provider import Provider, Verdict

LABELS = ("billing", "bug", "feature")
TEXTS = ("I was charged twice", "The export crashes", "Please add dark mode", "Where is my invoice?")


def reply_schema(size: int, pattern: str = r"^[0-9]{2} (billing|bug|feature|\?)$") -> dict[str, Any]:
    keys = [f"t{number:02d}" for number in range(1, size + 1)]
    return {
        "type": "object",
        "properties": {key: {"$ref": "#/$defs/a"} for key in keys},
        "required": keys,
        "additionalProperties": False,
        "$defs": {"a": {"type": "string", "pattern": pattern}},
    }


def user_message(texts: Sequence[str]) -> str:
    lines = (f"t{n:02d} {n + 20} {orjson.dumps(text).decode()}" for n, text in enumerate(texts, 1))
    return "\n".join(lines)


def chat_body(texts: Sequence[str] = TEXTS, **fields: Any) -> dict[str, Any]:
    """A request for these texts' labels under a strict schema; `fields` are put over it."""
    named = {"name": "labels", "strict": True, "schema": reply_schema(len(texts))}
    return {
        "model": "small",
        "messages": [
            {"role": "system", "content": "You label tickets. Reply with JSON."},
            {"role": "user", "content": user_message(texts)},
        ],
        "response_format": {"type": "json_schema", "json_schema": named},
        **fields,
    }


def small_talk(text: str = "Good morning", **fields: Any) -> dict[str, Any]:
    """A request that holds no records."""
    return {"model": "small", "messages": [{"role": "user", "content": text}], **fields}


def parsed(body: dict[str, Any]) -> ChatRequest:
    return ChatRequest.parse(orjson.dumps(body), (LABELS,))


def new_provider(**options: Any) -> Provider:
    return Provider(SimulatorOptions(**options), now=0.0)


def ask(provider: Provider, body: dict[str, Any] | None = None, *, now: float = 0.0) -> Verdict:
    return provider.decide(orjson.dumps(body or chat_body()), None, now)


def completion(verdict: Verdict) -> dict[str, Any]:
    decoded: dict[str, Any] = orjson.loads(verdict.body)
    return decoded


def content(verdict: Verdict) -> str:
    text: str = completion(verdict)["choices"][0]["message"]["content"]
    return text


def answers(verdict: Verdict) -> dict[str, str]:
    """The reply's object; of repeated keys the last."""
    decoded: dict[str, str] = orjson.loads(content(verdict))
    return decoded
