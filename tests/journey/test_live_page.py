"""The live page of the real service, and what it says while the provider fails."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx
import orjson
import pytest

from stream_classifier.core.tally import Tally
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.simulator import ArmedFault
from stream_classifier.observe.health import Health
from stream_classifier.observe.http import build_app, serve
from stream_classifier.observe.live.feed import Feed
from stream_classifier.observe.metrics import new_registry
from tests.journey.test_service import Running, a_service, ticket
from tests.patience import PATIENCE_S, until

MUCH = "x" * 4 * 1024 * 1024  # more than the buffers between two processes hold
STOP_S = 1.0


@dataclass(slots=True)
class Looking:
    """A client of `/events`, and the view that it has put together."""

    view: dict[str, Any] = field(default_factory=dict)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, address: str) -> None:
        """Read until the other end ends it."""
        async with (
            httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client,
            client.stream("GET", f"{address}/events") as response,
        ):
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    self.view |= orjson.loads(line.removeprefix("data: "))
        self.ended.set()

    def says(self, name: str, words: str) -> Callable[[], bool]:
        """Whether this text holds these words by now."""
        return lambda: words in self.view.get(f"text:{name}", "").replace("\u00a0", " ")


@asynccontextmanager
async def looking(running: Running) -> AsyncIterator[Looking]:
    """Somebody who looks, for the length of the block."""
    looks = Looking()
    assert running.service.http_address is not None
    following = asyncio.create_task(looks.follow(running.service.http_address))
    try:
        await until(lambda: looks.view)
        yield looks
    finally:
        following.cancel()


@asynccontextmanager
async def at_work(broker: EmbeddedBroker, *faults: ArmedFault, **groups: Any) -> AsyncIterator[Running]:
    async with a_service(broker, faults=faults, **groups) as running:
        await until(lambda: running.service.session is not None and running.service.session.assignment.taking)
        yield running


async def test_the_page_follows_tickets_from_idle_to_idle(embedded_broker: EmbeddedBroker) -> None:
    async with at_work(embedded_broker) as running, looking(running) as looks:
        await until(looks.says("state", "Idle"))
        await running.put(b"no ticket", *(ticket(n, f"text number {n}") for n in range(20)))
        await running.events(20)
        await until(lambda: ["", ["Events out", "20"]] in looks.view["rows:counts"])
        await until(looks.says("state", "Idle"))
        await until(looks.says("restart", "Yes"))
        assert looks.view["text:cost"].startswith("$0.")
        assert looks.view["rows:partitions"][0][1][:4] == ["0", "21", "0", "0"]


async def test_the_page_is_whole_before_any_script_runs(embedded_broker: EmbeddedBroker) -> None:
    async with at_work(embedded_broker) as running, httpx.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{running.service.http_address}/")
        assert response.status_code == 200
        assert "Is it safe to restart?" in response.text
        assert "script-src 'sha256-" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("fault", "blamed"),
    [
        ("quota", "Our account with the provider"),
        ("key_refused", "Our key for the provider"),
        ("forbidden", "Our settings of the model"),
        ("model_unknown", "Our settings of the model"),
        ("http_503", "The provider"),
        ("reset", "The provider"),
        ("html_200", "The provider"),
        ("hang", "The provider"),
        ("rate_limited", "The account's rate limit"),
    ],
)
async def test_the_page_alone_says_whose_fault_it_is(
    embedded_broker: EmbeddedBroker, fault: str, blamed: str
) -> None:
    groups = {"llm": {"timeout_s": 0.5}} if fault == "hang" else {}
    async with at_work(embedded_broker, **groups) as running, looking(running) as looks:
        await running.put(ticket(0, "one that is answered"))
        await running.events(1)
        running.simulator.faults.replace([ArmedFault(name=fault)])
        await running.put(*(ticket(n, f"text number {n}") for n in range(1, 40)))
        await until(looks.says("whose", blamed))
        assert looks.view["tone:restart"] == "good"
        running.simulator.faults.replace([])
        await until(looks.says("state", "Idle"))


async def test_a_broker_that_is_away_is_blamed_and_a_restart_had_better_wait(
    embedded_broker: EmbeddedBroker,
) -> None:
    async with at_work(embedded_broker) as running, looking(running) as looks:
        await running.put(ticket(0, "one that is answered"))
        await running.events(1)
        running.simulator.faults.replace([ArmedFault(name="slow", delay_s=1.0)])
        await running.put(ticket(1, "one whose label finds no broker"))
        await until(lambda: running.tickets_asked == 2)
        embedded_broker.go_down()
        await until(looks.says("whose", "Kafka"))
        await until(looks.says("restart", "Better wait"))
        embedded_broker.come_up()
        await until(looks.says("state", "Idle"))


async def test_who_looks_does_not_hold_up_the_end(embedded_broker: EmbeddedBroker) -> None:
    async with at_work(embedded_broker) as running, looking(running) as looks:
        running.service.stop()
        await asyncio.wait_for(looks.ended.wait(), PATIENCE_S)


async def test_a_stream_ends_as_soon_as_the_server_does() -> None:
    feed = Feed(lambda: {"text:n": "1"}, monotonic)
    looks = Looking()
    async with serve(_app(feed), "127.0.0.1", 0) as address, feed.open():
        following = asyncio.create_task(looks.follow(address))
        await until(lambda: looks.view)
        began = monotonic()
    await following
    assert monotonic() - began < STOP_S


async def test_a_client_that_does_not_read_is_cut_off_and_nobody_complains(
    caplog: pytest.LogCaptureFixture,
) -> None:
    feed = Feed(lambda: {"text:much": MUCH, "text:at": str(monotonic())}, monotonic, send_within_s=0.3)
    async with serve(_app(feed), "127.0.0.1", 0) as address, feed.open():
        host, _, port = address.removeprefix("http://").partition(":")
        with caplog.at_level(logging.WARNING), socket.create_connection((host, int(port))) as deaf:
            deaf.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: feed.clients == 1)
            await until(lambda: feed.clients == 0)
        looks = Looking()
        following = asyncio.create_task(looks.follow(address))
        await until(lambda: looks.view)
        following.cancel()
    assert caplog.records == []


async def test_head_of_the_stream_ends() -> None:
    app = _app(Feed(dict, monotonic))
    async with serve(app, "127.0.0.1", 0) as address, httpx.AsyncClient(trust_env=False) as client:
        response = await client.head(f"{address}/events")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"


def _app(feed: Feed) -> Any:
    return build_app(Health(alive=[], ready=[]), new_registry(Tally()), feed)
