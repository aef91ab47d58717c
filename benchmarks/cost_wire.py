"""The service's own pipeline and client before a simulated provider, all in one process; what goes over the
wire is overheard as bytes."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from stream_classifier.core.ladder import Ladder, Ladders, Rung
from stream_classifier.core.tally import Tally
from stream_classifier.lab.simulator import SimulatorOptions
from stream_classifier.lab.simulator.provider import Provider as SimulatedProvider
from stream_classifier.lanes.calls import Called, Provider
from stream_classifier.llm.client import OpenAIClient
from stream_classifier.service.offline import Offline, Settled, open_offline
from stream_classifier.settings import Settings, load

BASE_URL = "http://provider.invalid/v1"  # nobody is there: the wire answers
AT_ONCE = 4  # calls
ROWS_AHEAD = 2_000  # rows under way: more than all calls at once take, and little memory
ROWS_AT_A_TIME = 100  # handed out between two looks at the calls
TIMEOUT_S = 60.0
MAX_WAIT_S = 1.5  # of the last batch, which nothing fills up
BATCH_TOKENS, CONTEXT_TOKENS = 400_000, 500_000  # so that the count alone closes a batch

Overheard = Callable[[bytes, bytes], None]
"""Told of the body of each request and of its completion."""


@dataclass(slots=True)
class Wire(httpx.AsyncBaseTransport):
    """In the network's place: a simulated provider without latency, limits or faults."""

    overheard: Overheard
    _provider: SimulatedProvider = field(init=False)

    def __post_init__(self) -> None:
        self._provider = SimulatedProvider(
            SimulatorOptions(context_tokens=CONTEXT_TOKENS), now=time.monotonic()
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One call."""
        sent = await request.aread()
        verdict = self._provider.decide(sent, None, time.monotonic())
        assert verdict.status == 200, verdict.body  # a request that the contract allows
        self.overheard(sent, verdict.body)
        return httpx.Response(200, content=verdict.body)


@dataclass(frozen=True, slots=True)
class Redirected:
    """Has the lanes call this client."""

    client: OpenAIClient

    def provider(self, provider: Provider) -> Provider:
        """Whom the lanes call in place of this provider."""
        return self.client

    def heard(self, called: Called) -> None:
        """What was said has been overheard already."""


async def label(
    texts: Sequence[str],
    taxonomy: Mapping[str, Any],
    max_tickets: int,
    overheard: Overheard,
    *,
    rung: Rung = Rung.JSON_SCHEMA,
) -> int:
    """Label all of them in batches of so many; returned is how many were labelled."""
    settings = offline_settings(taxonomy, max_tickets, rung)
    running = _Running(texts)
    async with offline_client(Wire(overheard), rung) as client:
        opened = open_offline(settings, {}, Tally(), "texts", running.settle, overseer=Redirected(client))
        async with opened as offline:
            await running.run(offline)
    return running.labelled


class _Running:
    """Hands texts out as far as `ROWS_AHEAD` allows, and waits for the last."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.labelled = 0
        self._texts = texts
        self._room = asyncio.Semaphore(ROWS_AHEAD)

    def settle(self, settled: Settled) -> None:
        events = [orjson.loads(event) for event in settled.events]
        self.labelled += bool(events) and all(event["status"] == "labelled" for event in events)
        self._room.release()

    async def run(self, offline: Offline) -> None:
        for number, text in enumerate(self._texts):
            await self._room.acquire()
            offline.take(number, orjson.dumps({"id": number, "text": text}))
            if number % ROWS_AT_A_TIME == 0:
                await asyncio.sleep(0)
        for _ in range(ROWS_AHEAD):
            await self._room.acquire()


def offline_client(wire: httpx.AsyncBaseTransport, rung: Rung) -> OpenAIClient:
    """The service's client on this wire."""
    return OpenAIClient(
        BASE_URL,
        api_key=lambda: None,
        timeout_s=TIMEOUT_S,
        connections=AT_ONCE,
        ladders=Ladders(lambda: Ladder(rung=rung)),
        transport=wire,
    )


def offline_settings(taxonomy: Mapping[str, Any], max_tickets: int, rung: Rung) -> Settings:
    """Batches of so many, which nothing but their number closes before `MAX_WAIT_S`."""
    written = {
        "taxonomy": dict(taxonomy),
        "batch": {"max_tickets": max_tickets, "max_tokens": BATCH_TOKENS, "max_wait_s": MAX_WAIT_S},
        "llm": {
            "base_url": BASE_URL,
            "concurrency": AT_ONCE,
            "context_tokens": CONTEXT_TOKENS,
            "reply_format": rung.value,
        },
        "cache": {"backend": "memory"},
        "log": {"level": "error"},
    }
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "settings.yaml"
        file.write_text(yaml.safe_dump(written), "utf-8")
        return load(file, {})
