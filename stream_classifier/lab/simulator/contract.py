"""What is asked and what is answered: the contract that a simulated provider speaks.

The user message holds a record a line, `t01 47 "text"`: key, check, text as a JSON string. The reply is one
JSON object with a value `"<check> <label>"` for each key, several questions' labels parted by a bar. Any
other user message is ordinary conversation, and gets a sentence.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from stream_classifier.lab.simulator.errors import ApiError, ApiFault, Matter
from stream_classifier.lab.simulator.taxonomies import Questions, questions_of_schema, questions_of_text

T = TypeVar("T")

_BUDGETS = ("max_tokens", "max_completion_tokens")
_FORMATS = ("text", "json_object", "json_schema")
_RECORD = re.compile(r'(?P<key>[^\s"]+) (?P<check>\d+) (?P<text>".*")')


@dataclass(frozen=True, slots=True)
class Record:
    """One text to label."""

    key: str
    check: str
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One record's answer, before it becomes text."""

    key: str
    check: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """A chat completion request, as far as the simulator heeds it."""

    model: str
    parts: tuple[str, ...]  # what the model reads, in order: schema, messages; the last changes most
    user: str  # the last user message
    records: tuple[Record, ...]  # none where the user message is ordinary conversation
    questions: Questions
    format: str  # the response format's type: text, json_object or json_schema
    max_tokens: int | None
    parameters: frozenset[str]

    @classmethod
    def parse(cls, body: bytes, fallback: Questions) -> "ChatRequest":
        """Read a request's body; `fallback` are the labels where the request names none.

        Raises ApiFault where a real endpoint would answer 400.
        """
        data = _json_object(body)
        messages = [_message(message) for message in _field(data, "messages", list)]
        system = "\n\n".join(text for role, text in messages if role in ("system", "developer"))
        user = next((text for role, text in reversed(messages) if role == "user"), "")
        response_format = data.get("response_format") or {"type": "text"}
        schema = _schema(response_format)
        request = cls(
            model=_field(data, "model", str),
            parts=(*([orjson.dumps(schema).decode()] if schema else []), *(text for _, text in messages)),
            user=user,
            records=parse_records(user),
            questions=questions_of_schema(schema) or questions_of_text(system) or fallback,
            format=response_format["type"],
            max_tokens=_max_tokens(data),
            parameters=frozenset(data),
        )
        request._refuse_the_impossible(data)
        return request

    def _refuse_the_impossible(self, data: Mapping[str, Any]) -> None:
        if data.get("stream"):
            raise _bad("stream", "Streaming is not simulated; send the request with stream set to false.")
        if self.format == "json_object" and not any("json" in part.lower() for part in self.parts):
            # OpenAI's guard against a model that writes white space without end.
            raise _bad("messages", "The messages must contain the word 'json' to use json_object.")


def parse_records(user: str) -> tuple[Record, ...]:
    """The records of a user message; () unless every line is one."""
    records = []
    for line in user.split("\n"):
        match = _RECORD.fullmatch(line)
        if match is None or (text := _json_string(match["text"])) is None:
            return ()
        records.append(Record(match["key"], match["check"], text))
    return tuple(records)


def compose(answers: Sequence[Answer]) -> str:
    """The reply's text. Answers may repeat a key: then so does the text."""
    return "{" + ",".join(f"{_quote(a.key)}:{_quote(value_of(a))}" for a in answers) + "}"


def value_of(answer: Answer) -> str:
    """`47 billing|high`."""
    return f"{answer.check} {'|'.join(answer.labels)}"


def _quote(text: str) -> str:
    return orjson.dumps(text).decode()


def _json_string(quoted: str) -> str | None:
    try:
        text = orjson.loads(quoted)
    except orjson.JSONDecodeError:
        return None
    return text if isinstance(text, str) else None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise _bad(None, f"The body of the request is not valid JSON: {exc}.") from exc
    if not isinstance(data, dict):
        raise _bad(None, "The body of the request must be a JSON object.")
    return data


def _field(data: Mapping[str, Any], name: str, kind: type[T]) -> T:
    value = data.get(name)
    if not isinstance(value, kind) or not value:
        raise _bad(name, f"The parameter '{name}' is required and must be a non-empty {kind.__name__}.")
    return value


def _message(message: object) -> tuple[str, str]:
    """Role and text; a content of several parts is joined."""
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise _bad("messages", "Each message must be an object with a role and a content.")
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    if not isinstance(content, str):
        raise _bad("messages", "A message's content must be a string or a list of text parts.")
    return message["role"], content


def _schema(response_format: object) -> Mapping[str, Any] | None:
    """The JSON Schema of the reply, if one is given."""
    if not isinstance(response_format, dict) or response_format.get("type") not in _FORMATS:
        raise _bad("response_format", f"The response format's type must be one of {', '.join(_FORMATS)}.")
    if response_format["type"] != "json_schema":
        return None
    named = response_format.get("json_schema")
    if not isinstance(named, dict) or not isinstance(named.get("schema"), dict) or not named.get("name"):
        raise _bad("response_format", "A json_schema needs a name and a schema.")
    schema: Mapping[str, Any] = named["schema"]
    return schema


def _max_tokens(data: Mapping[str, Any]) -> int | None:
    """The reply's budget: the smaller where both of its names are used."""
    given = {name: data[name] for name in _BUDGETS if data.get(name) is not None}
    for name, value in given.items():
        if not isinstance(value, int) or value < 1:
            raise _bad(name, f"The parameter '{name}' must be an integer of at least 1.")
    return min(given.values(), default=None)


def _bad(param: str | None, message: str) -> ApiFault:
    return ApiFault(ApiError(status=400, matter=Matter.MALFORMED, message=message, param=param))
