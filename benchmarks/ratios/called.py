"""A ticket that is asked, ten to a call: the service's own pipeline, lanes and client from records to events,
and what a textbook does with as many. On both sides the HTTP client is the real one and the network is left
out; what a simulated provider takes for its reply is taken off.

The textbook reads the records, joins their texts in a prompt, asks, and writes an event for each answer as it
comes, without looking at it: no check, no limit, no retry, no order, no cache.
"""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import orjson

from benchmarks.cost_wire import BASE_URL, Redirected, Wire, offline_client, offline_settings
from benchmarks.hot_path import made_ticket
from stream_classifier.core.ladder import Rung
from stream_classifier.core.tally import Tally
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.observe import logs
from stream_classifier.service.offline import Offline, Settled, open_offline

TICKETS = 100  # a slice: some tens of milliseconds
IN_A_CALL = 10
EVERY_LINE = 1_000_000  # a second: a line a call, however quick they are here


@dataclass(slots=True)
class Texts:
    """Hands out tickets whose texts never come again."""

    end: int = 0

    def more(self) -> list[bytes]:
        """A slice's values."""
        first, self.end = self.end, self.end + TICKETS
        return [made_ticket(number, number)[1] for number in range(first, self.end)]


@dataclass(slots=True)
class Timed(httpx.AsyncBaseTransport):
    """A wire, and the processor time that it has taken."""

    wire: httpx.AsyncBaseTransport
    seconds: float = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        began_s = time.thread_time()
        try:
            return await self.wire.handle_async_request(request)
        finally:
            self.seconds += time.thread_time() - began_s

    def taken_s(self) -> float:
        """Since it was last asked."""
        taken, self.seconds = self.seconds, 0.0
        return taken


@dataclass(slots=True)
class Obliging(httpx.AsyncBaseTransport):
    """Has one answer for every call, which names a label for each of ten."""

    body: bytes = field(
        default_factory=lambda: orjson.dumps(
            {
                "id": "chatcmpl-0",
                "object": "chat.completion",
                "model": "m",
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": "\n".join(["bug"] * IN_A_CALL)},
                    }
                ],
                "usage": {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020},
            }
        )
    )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        return httpx.Response(200, content=self.body)


@dataclass(slots=True)
class Service:
    """All records of a slice at once, as from a poll; it ends with the last event."""

    wire: Timed
    offline: Offline = field(init=False)
    texts: Texts = field(default_factory=Texts)
    values: list[bytes] = field(default_factory=list)
    labelled: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self) -> None:
        self.values = self.texts.more()
        self.labelled = 0
        self.done.clear()

    async def run(self) -> float:
        first = self.texts.end - TICKETS
        for number, value in enumerate(self.values, first):
            self.offline.take(number, value)
        await self.done.wait()
        return self.wire.taken_s()

    def settle(self, settled: Settled) -> None:
        """Take an event."""
        [event] = settled.events
        assert b'"status":"labelled"' in event
        self.labelled += 1
        if self.labelled == TICKETS:
            self.done.set()


@dataclass(slots=True)
class Textbook:
    """Ten tickets a call, one call after the other."""

    client: httpx.AsyncClient
    wire: Timed
    texts: Texts = field(default_factory=Texts)
    values: list[bytes] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)

    async def prepare(self) -> None:
        self.values = self.texts.more()
        self.events = []

    async def run(self) -> float:
        for first in range(0, TICKETS, IN_A_CALL):
            await self._label([orjson.loads(value) for value in self.values[first : first + IN_A_CALL]])
        assert len(self.events) == TICKETS
        return self.wire.taken_s()

    async def _label(self, tickets: Sequence[dict[str, str]]) -> None:
        texts = "\n".join(f"{n}. {ticket['subject']}\n{ticket['body']}" for n, ticket in enumerate(tickets))
        names = ", ".join(label["name"] for label in DEMO_TAXONOMY["labels"])
        messages = [
            {"role": "system", "content": f"Label each ticket with one of: {names}. A line each."},
            {"role": "user", "content": texts},
        ]
        body = orjson.dumps({"model": "m", "messages": messages, "temperature": 0})
        response = await self.client.post("/chat/completions", content=body)
        labels = orjson.loads(response.content)["choices"][0]["message"]["content"].splitlines()
        for ticket, label in zip(tickets, labels, strict=True):
            self.events.append(orjson.dumps({"ticket_id": ticket["ticket_id"], "label": label}))


@asynccontextmanager
async def sides() -> AsyncIterator[tuple[Service, Textbook]]:
    """Both, each with a wire of its own."""
    logs.configure("info", "json", EVERY_LINE, io.StringIO())  # as it is by default, and read by nobody
    ours, theirs = Timed(Wire(lambda _sent, _got: None)), Timed(Obliging())
    service = Service(ours)
    async with (
        httpx.AsyncClient(base_url=BASE_URL, transport=theirs) as textbook,
        offline_client(ours, Rung.JSON_SCHEMA) as client,
        open_offline(
            offline_settings(DEMO_TAXONOMY, IN_A_CALL, Rung.JSON_SCHEMA),
            {},
            Tally(),
            "tickets",
            service.settle,
            overseer=Redirected(client),
        ) as service.offline,
    ):
        yield service, Textbook(textbook, theirs)
