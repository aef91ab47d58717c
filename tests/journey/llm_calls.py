"""The client, an order, and what comes of it: what the client's tests have in common."""

from typing import Any

from stream_classifier.core.call import Order, Outcome
from stream_classifier.llm import OpenAIClient
from tests.journey.canned_server import always, serving

ORDER = Order(
    model="gpt",
    system="Label each record.",
    user='t01 47 "The ticket says hunter2"',
    schema={"type": "object"},
    records=1,
    reply_tokens=20,
)


def client_of(url: str, **options: Any) -> OpenAIClient:
    defaults = {"api_key": lambda: "sk-1", "timeout_s": 5.0, "connections": 4}
    return OpenAIClient(url, **{**defaults, **options})


async def asked(url: str, **options: Any) -> Outcome:
    async with client_of(url, **options) as client:
        return await client.ask(ORDER)


async def outcome_of(*responses: bytes) -> Outcome:
    async with serving(always(*responses)) as server:
        return await asked(server.url)
