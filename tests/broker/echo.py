"""A provider that talks: whatever it is sent comes back in its errors, in every field that an error can have,
the key included; and in its replies, in the place of labels."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any

import orjson

from stream_classifier.core.prompt import CONSTANT_RECORD
from tests.journey.canned_server import Server, response, serving

RECORD = re.compile(r'^(t\d\d) (\d\d) "(.*)"$', re.MULTILINE)
MISDEEDS = 55
STATUSES = (400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529)


@asynccontextmanager
async def an_echo(word: str, secret: str) -> AsyncIterator[Server]:
    """`word` stands in the texts and `secret` in the headers: both are echoed by themselves, too, where a
    provider has its codes."""
    misdeeds = cycle(_misdeeds(word, secret))
    assert len(list(_misdeeds(word, secret))) == MISDEEDS

    async def respond(head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        records = RECORD.findall(orjson.loads(body)["messages"][-1]["content"])
        if any(CONSTANT_RECORD in text for _, _, text in records):
            writer.write(_reply({key: f"{check} bug" for key, check, _ in records}))
        else:
            writer.write(next(misdeeds)(head.decode(), body.decode(), records))

    async with serving(respond) as server:
        yield server


def _misdeeds(word: str, secret: str) -> Iterator[Any]:
    for status in STATUSES:
        for code in (word, secret):
            yield lambda head, body, _, status=status, code=code: response(
                status, orjson.dumps({"error": _error(head + body, code)})
            )
        yield lambda head, body, _, status=status: response(status, f"<p>{head}{body}</p>".encode())
        yield lambda head, body, _, status=status: response(status, orjson.dumps({"detail": [head, body]}))
    yield lambda head, body, _: response(200, orjson.dumps({"error": _error(head + body, word)}))
    yield lambda head, body, _: response(200, f"{head}{body}".encode())
    yield lambda _, body, records: _reply({key: f"{check} {text}" for key, check, text in records})
    yield lambda _, body, records: _reply({text: f"{check} bug" for _, check, text in records})
    yield lambda head, body, records: _completion(f"Dear customer, {head} {body}", "stop")
    yield lambda head, body, records: _completion(f"Dear customer, {body}", word)
    yield lambda head, body, records: _completion(None, "stop", refusal=f"I will not: {body}")


def _error(echoed: str, code: str) -> dict[str, Any]:
    return {"message": echoed, "type": code, "code": code, "param": code, "metadata": {"raw": echoed}}


def _reply(answers: dict[str, str]) -> bytes:
    return _completion(orjson.dumps(answers).decode(), "stop")


def _completion(content: str | None, finish_reason: str, **message: str) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 90, "completion_tokens": 9}
    return response(200, orjson.dumps({"choices": [choice], "usage": usage}))
