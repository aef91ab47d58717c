"""A provider's error, read into a Signal by the tables of `error_table`.

Rules:

* Providers agree on little: OpenAI, Azure, Groq and OpenRouter send `{"error": {message, type, code,
  param}}`, Ollama and LM Studio sometimes `{"error": "text"}`, vLLM and Mistral the fields at the top,
  FastAPI servers `{"detail": ...}`, Gemini a list around it, a proxy HTML. All become one `Complaint`.
* A code or type that we know decides first; then words of the message, for the statuses where they
  carry the meaning; then the status alone.
* A message may quote a ticket. It is searched, in its first `MAX_MESSAGE_CHARS`, and never passed on:
  what people read is made of our own sentences, the status, and codes that we know. An unknown code may be
  anything: a word of the ticket, or the key.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from stream_classifier.core.call import Signal
from stream_classifier.core.ladder import ESSENTIAL, FORMAT
from stream_classifier.llm.error_table import (
    CODES,
    FORMAT_WORDS,
    PARAMETER_STATUSES,
    SENTENCES,
    STATUSES,
    TEMPORARY,
    VAGUE_CODES,
    WORDS,
)

MAX_MESSAGE_CHARS = 2_000
"""Providers name the trouble in their first sentence; what follows may be our own request, echoed."""

MAX_SHOWN_CODES = 3

_STATUS = re.compile(r"[1-5][0-9]{2}")
"""Azure, Gemini and OpenRouter give the status once more as the code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What an error body says, whatever its shape. `codes`: every code and type, as sent."""

    codes: tuple[str, ...]
    param: str | None
    message: str  # lower case, cut off; for searching only


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An error, read. `parameter`: with FORMAT_REFUSED the sent field that was refused, or None."""

    signal: Signal
    parameter: str | None
    detail: str  # a sentence for people, free of the provider's own words


def read_error(status: int, body: bytes, sent: Collection[str]) -> Refusal:
    """What an error response means. `sent`: the top-level fields of the request's body, among which the
    refused parameter is looked for."""
    complaint = _complaint(body)
    parameter = None
    signal = _by_code(complaint) or _by_words(status, complaint)
    if signal is None and status in PARAMETER_STATUSES:
        parameter = _parameter(complaint, sent)
        signal = Signal.FORMAT_REFUSED if parameter else None
    signal = signal or _by_status(status)
    return Refusal(
        signal=signal, parameter=parameter, detail=describe(signal, status, complaint.codes, parameter)
    )


def describe(signal: Signal, status: int, codes: Collection[str] = (), parameter: str | None = None) -> str:
    """A sentence on an HTTP failure, with its status and those codes that are known."""
    shown = [code for code in dict.fromkeys(codes) if _is_known(code)][:MAX_SHOWN_CODES]
    facts = [f"HTTP {status}", *shown, *([f"refused: {parameter}"] if parameter else [])]
    return f"{SENTENCES[signal]} ({', '.join(facts)})."


def _is_known(code: str) -> bool:
    return code.lower() in CODES or code.lower() in VAGUE_CODES or _STATUS.fullmatch(code) is not None


def _by_code(complaint: Complaint) -> Signal | None:
    return next((CODES[code.lower()] for code in complaint.codes if code.lower() in CODES), None)


def _by_words(status: int, complaint: Complaint) -> Signal | None:
    for signal, statuses, words in WORDS:
        if status in statuses and words.search(complaint.message):
            return None if signal is Signal.QUOTA and TEMPORARY in complaint.codes else signal
    return None


def _by_status(status: int) -> Signal:
    if status >= 500:
        return Signal.SERVER_ERROR
    return STATUSES.get(status, Signal.BAD_REQUEST)


def _parameter(complaint: Complaint, sent: Collection[str]) -> str | None:
    """The sent field that the complaint is about: as its `param`, else the first one that its message
    names; `response_format` where only the thing and not the field is named."""
    named = (complaint.param or "").partition(".")[0]
    candidates = set(sent) - ESSENTIAL  # "model" and "messages" stand in almost every message
    if named in candidates:
        return named
    places = {
        name: _place(rf"(?<![a-z_]){re.escape(name.lower())}(?![a-z_])", complaint) for name in candidates
    }
    if FORMAT in candidates:
        places[FORMAT] = _place(FORMAT_WORDS, complaint)
    there = {name: place for name, place in places.items() if place is not None}
    return min(there, key=there.__getitem__, default=None)


def _place(words: str | re.Pattern[str], complaint: Complaint) -> int | None:
    found = re.search(words, complaint.message)
    return found.start() if found else None


def _complaint(body: bytes) -> Complaint:
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Complaint(
            codes=(), param=None, message=_cut(body[:MAX_MESSAGE_CHARS].decode(errors="replace"))
        )
    errors = list(_objects(parsed))
    codes = (error.get(name) for error in errors for name in ("code", "type", "status"))
    params = (error.get("param") for error in errors)
    return Complaint(
        codes=tuple(str(code) for code in codes if isinstance(code, str | int) and code),
        param=next((param for param in params if isinstance(param, str) and param), None),
        message=_cut(" ".join(_texts(errors, parsed))),
    )


def _objects(parsed: Any) -> Iterator[dict[str, Any]]:
    """The objects in which an error's fields may stand, outermost first."""
    if isinstance(parsed, list):
        parsed = parsed[0] if parsed else None
    while isinstance(parsed, dict):
        yield parsed
        parsed = next((parsed[name] for name in ("error", "innererror") if name in parsed), None)


def _texts(errors: list[dict[str, Any]], parsed: Any) -> Iterator[str]:
    if isinstance(parsed, str):
        yield parsed
    for error in errors:
        for name in ("message", "error", "detail", "metadata"):
            value = error.get(name)
            if isinstance(value, str):
                yield value
            elif value is not None and name != "error":  # Mistral, FastAPI: lists of objects
                yield orjson.dumps(value).decode()


def _cut(text: str) -> str:
    return text[:MAX_MESSAGE_CHARS].lower()
