"""The probes of the whole service: at the start, at work, at the stop, and when its loop stands still."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.service import Service
from stream_classifier.service.watching import NOT_BEGUN, STOPPING
from tests.brokers.ports import free_ports
from tests.journey.test_service import a_service, ids, settings, ticket
from tests.patience import PATIENCE_S, until

PROBE_S = 1.0  # what Kubernetes gives a probe, if nothing else is said


class Probes:
    """Asks a service's probes."""

    def __init__(self, service: Service, client: httpx.AsyncClient) -> None:
        self._service = service
        self._client = client

    async def ask(self, path: str, method: str = "GET") -> httpx.Response:
        await until(lambda: self._service.http_address)
        return await self._client.request(method, f"{self._service.http_address}{path}")

    async def is_ready(self) -> bool:
        return (await self.ask("/readyz")).status_code == 200


@asynccontextmanager
async def probes_of(service: Service, timeout_s: float = PATIENCE_S) -> AsyncIterator[Probes]:
    async with httpx.AsyncClient(timeout=timeout_s) as client:
        yield Probes(service, client)


async def test_without_a_broker_it_is_alive_not_ready_and_says_what_it_waits_for(
    embedded_broker: EmbeddedBroker,
) -> None:
    nobody: dict[str, Any] = {"bootstrap_servers": f"127.0.0.1:{free_ports(1)[0]}"}
    service = Service(settings(embedded_broker, "http://127.0.0.1:1/v1", kafka=nobody), {})
    running = asyncio.create_task(service.run())
    async with probes_of(service) as probes:
        assert (await probes.ask("/healthz")).json() == {"status": "ok", "reasons": []}
        answer = await probes.ask("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, [NOT_BEGUN])
        assert "waiting_for_kafka" in NOT_BEGUN
    service.stop()
    await running


async def test_a_broker_that_goes_away_leaves_it_alive(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running, probes_of(running.service) as probes:
        await until(probes.is_ready)
        embedded_broker.go_down()
        assert (await probes.ask("/healthz")).status_code == 200
        embedded_broker.come_up()
        await running.put(ticket(1, "it is back"))
        assert ids(await running.events(1)) == {"1": 1}


async def test_while_it_drains_it_is_alive_and_takes_no_more(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker, latency_s=2.0) as running, probes_of(running.service) as probes:
        await until(probes.is_ready)
        await running.put(ticket(1, "its call is under way"))
        await until(lambda: running.tickets_asked == 1)
        running.service.stop()
        await until(lambda: running.service.session is not None and running.service.session.stopping)
        answer = await probes.ask("/readyz")
        assert (answer.status_code, answer.json()["reasons"]) == (503, [STOPPING])
        assert (await probes.ask("/healthz")).status_code == 200
        assert ids(await running.events(1)) == {"1": 1}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_probe_may_ask_with_head(embedded_broker: EmbeddedBroker, path: str) -> None:
    async with a_service(embedded_broker) as running, probes_of(running.service) as probes:
        await until(probes.is_ready)
        answer = await probes.ask(path, "HEAD")
        assert (answer.status_code, answer.content) == (200, b"")


async def test_a_loop_that_stands_still_answers_no_probe_and_all_of_them_when_it_turns_again(
    embedded_broker: EmbeddedBroker,
) -> None:
    service = Service(settings(embedded_broker, "http://127.0.0.1:1/v1"), {})
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        await service.run()

    for topic in ("tickets", "ticket-labels", "ticket-dead-letters"):
        embedded_broker.create_topic(topic, 1)
    living = threading.Thread(target=asyncio.run, args=(live(),))
    living.start()
    turns_again = threading.Event()
    try:
        async with probes_of(service, PROBE_S) as probes:
            await until(probes.is_ready)
            loops[0].call_soon_threadsafe(turns_again.wait)
            with pytest.raises(httpx.ReadTimeout):
                await probes.ask("/healthz")
            turns_again.set()
            assert (await probes.ask("/healthz")).status_code == 200
    finally:
        turns_again.set()
        loops[0].call_soon_threadsafe(service.stop)
        await asyncio.to_thread(living.join)
