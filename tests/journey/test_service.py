"""The whole service in this process, on the embedded broker and a simulated provider."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.simulator import Simulator, SimulatorOptions, rule_label
from stream_classifier.service import Service
from stream_classifier.settings import Settings
from tests.patience import PATIENCE_S, until

LABELS = ["bug", "feature", "other"]
TICKETS, EVENTS, DEAD = "tickets", "ticket-labels", "ticket-dead-letters"


@dataclass(slots=True, kw_only=True)
class Running:
    """A service that runs, and what it works with."""

    service: Service
    broker: EmbeddedBroker
    simulator: Simulator

    async def put(self, *values: bytes, key: bytes | None = None) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap_servers) as producer:
            for value in values:
                await producer.send_and_wait(TICKETS, value, key=key)

    async def read(self, topic: str, count: int) -> list[ConsumerRecord[bytes, bytes]]:
        """The topic's first records, at least so many."""
        records: list[ConsumerRecord[bytes, bytes]] = []
        async with (
            asyncio.timeout(PATIENCE_S),
            AIOKafkaConsumer(
                bootstrap_servers=self.broker.bootstrap_servers, auto_offset_reset="earliest"
            ) as consumer,
        ):
            consumer.assign([TopicPartition(topic, 0)])
            while len(records) < count:
                for polled in (await consumer.getmany(timeout_ms=100)).values():
                    records += polled
        return records

    async def events(self, count: int) -> list[dict[str, Any]]:
        return [orjson.loads(record.value or b"") for record in await self.read(EVENTS, count)]


def settings(broker: EmbeddedBroker, base_url: str, **groups: Any) -> Settings:
    """Quick ones, whose port is free."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    given: dict[str, Any] = {
        "kafka": {"bootstrap_servers": broker.bootstrap_servers, "commit_interval_s": 0.1},
        "llm": {"base_url": base_url},
        "batch": {"max_wait_s": 0.05},
        "cache": {"backend": "memory"},
        "http": {"host": "127.0.0.1", "port": port},
        "shutdown_s": 8,
    }
    merged = {name: given.get(name, {}) | group for name, group in groups.items()}
    return Settings(taxonomy=read_taxonomy({"labels": LABELS}), **{**given, **merged})


@asynccontextmanager
async def a_service(broker: EmbeddedBroker, latency_s: float = 0.02, **groups: Any) -> AsyncIterator[Running]:
    """A service that runs for the length of the block, and stops in good order at its end."""
    for topic in (TICKETS, EVENTS, DEAD):
        broker.create_topic(topic, 1)
    simulator = Simulator(SimulatorOptions(latency_s=latency_s))
    async with simulator.serve() as address:
        service = Service(settings(broker, address.base_url, **groups), {})
        running = asyncio.create_task(service.run())
        try:
            yield Running(service=service, broker=broker, simulator=simulator)
        finally:
            service.stop()
            await running


def ticket(number: int, text: str, **more: Any) -> bytes:
    return orjson.dumps({"id": number, "body": text, **more})


def ids(events: Iterable[dict[str, Any]]) -> Counter[str]:
    return Counter(event["ticket_id"] for event in events)


async def test_a_ticket_gets_the_label_that_the_model_gives_it(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running:
        await running.put(*(ticket(n, f"text number {n}") for n in range(30)))
        events = await running.events(30)
    assert ids(events) == Counter(str(n) for n in range(30))
    labels = {event["ticket_id"]: event["label"] for event in events}
    assert labels == {str(n): rule_label(f"text number {n}", LABELS) for n in range(30)}


async def test_what_was_labelled_before_comes_from_the_cache(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running:
        await running.put(ticket(1, "the same text"))
        await running.events(1)
        await running.put(ticket(2, "The  same TEXT"))
        events = await running.events(2)
        assert running.simulator.stats.records_asked == 1
    assert [event["decided_by"] for event in events] == ["llm", "cache"]


async def test_what_is_not_a_ticket_does_not_hold_up_the_next(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running:
        await running.put(b"\xff no ticket", ticket(1, "a ticket"))
        [dead] = await running.read(DEAD, 1)
        assert ids(await running.events(1)) == {"1": 1}
    assert dead.value == b"\xff no ticket"


async def test_tickets_of_an_array_are_labelled_each(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running:
        await running.put(b"[" + b",".join(ticket(n, f"part {n}") for n in range(3)) + b"]")
        events = await running.events(3)
    assert [event["event_id"].partition("#")[2] for event in events] == ["0", "1", "2"]


async def test_work_goes_on_by_itself_after_the_broker_was_away(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker, latency_s=0.3) as running:
        await running.put(ticket(1, "asked before"))
        await until(lambda: running.simulator.stats.concurrent == 1)
        embedded_broker.go_down()
        await until(lambda: running.simulator.stats.concurrent == 0)
        embedded_broker.come_up()
        await running.put(ticket(2, "asked after"))
        assert ids(await running.events(2)) == {"1": 1, "2": 1}


async def test_its_http_face_is_there_before_the_group_is_joined_and_until_the_end(
    embedded_broker: EmbeddedBroker,
) -> None:
    async with a_service(embedded_broker) as running, httpx.AsyncClient() as client:
        await until(lambda: running.service.http_address)

        async def status(path: str) -> int:
            return (await client.get(f"{running.service.http_address}{path}")).status_code

        async def is_ready() -> bool:
            return await status("/readyz") == 200

        assert await status("/readyz") == 503
        await until(is_ready)
        assert await status("/healthz") == 200


async def test_a_port_in_use_is_a_fault_that_names_the_setting(embedded_broker: EmbeddedBroker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        http = {"host": "127.0.0.1", "port": taken.getsockname()[1]}
        service = Service(settings(embedded_broker, "http://127.0.0.1:1/v1", http=http), {})
        with pytest.raises(OperatorFault, match=r"http\.port"):
            await service.run()


async def test_it_can_be_stopped_before_it_has_begun(embedded_broker: EmbeddedBroker) -> None:
    async with asyncio.timeout(PATIENCE_S):
        async with a_service(embedded_broker):
            pass
