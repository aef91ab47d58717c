"""The whole service in this process, on the embedded broker and a simulated provider."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_classifier.core import measures
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.kafka.turns import LARGEST
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.simulator import ArmedFault, Simulator, SimulatorOptions, rule_label
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

    @property
    def tickets_asked(self) -> int:
        """How many texts the provider was asked, the service's own constant record not counted."""
        stats = self.simulator.stats
        return stats.records_asked - stats.times_asked(CONSTANT_RECORD)

    async def put(
        self, *values: bytes, key: bytes | None = None, headers: list[tuple[str, bytes]] | None = None
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.broker.bootstrap_servers) as producer:
            sent = [await producer.send(TICKETS, value, key=key, headers=headers) for value in values]
            for acknowledged in sent:
                await acknowledged

    async def read(self, topic: str, count: int) -> list[ConsumerRecord[bytes, bytes]]:
        """The topic's first records, at least so many."""
        records: list[ConsumerRecord[bytes, bytes]] = []
        async with (
            asyncio.timeout(PATIENCE_S),
            AIOKafkaConsumer(
                bootstrap_servers=self.broker.bootstrap_servers,
                auto_offset_reset="earliest",
                check_crcs=False,  # this broker writes none into the markers of transactions
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
async def a_service(
    broker: EmbeddedBroker,
    latency_s: float = 0.02,
    faults: Iterable[ArmedFault] = (),
    environ: Mapping[str, str] | None = None,
    **groups: Any,
) -> AsyncIterator[Running]:
    """A service that runs for the length of the block, and stops in good order at its end; `faults` are its
    provider's from the start."""
    for topic in (TICKETS, EVENTS, DEAD):
        broker.create_topic(topic, 1)
    simulator = Simulator(SimulatorOptions(latency_s=latency_s))
    simulator.faults.replace(faults)
    async with simulator.serve() as address:
        service = Service(settings(broker, address.base_url, **groups), environ or {})
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
        assert running.tickets_asked == 1
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
        await until(lambda: running.tickets_asked == 1)
        embedded_broker.go_down()
        await until(lambda: running.simulator.stats.concurrent == 0)
        embedded_broker.come_up()
        await running.put(ticket(2, "asked after"))
        assert ids(await running.events(2)) == {"1": 1, "2": 1}


SCHEMA = ArmedFault(name="json_schema_refused")
OBJECT = ArmedFault(name="json_object_refused")
MAX_TOKENS = ArmedFault(name="parameter_refused", param="max_tokens")
NEWER_NAME = ArmedFault(name="parameter_refused", param="max_completion_tokens")
TEMPERATURE = ArmedFault(name="parameter_refused", param="temperature")


@pytest.mark.parametrize(
    "refused",
    [
        (),
        (SCHEMA,),
        (SCHEMA, OBJECT),
        (TEMPERATURE,),
        (MAX_TOKENS,),
        (MAX_TOKENS, NEWER_NAME),
        (SCHEMA, OBJECT, TEMPERATURE, MAX_TOKENS, NEWER_NAME),
    ],
    ids=lambda refused: ", ".join(fault.param or fault.name for fault in refused) or "nothing",
)
async def test_a_new_endpoint_is_found_out_by_a_made_up_record_and_no_ticket_is_in_a_refused_call(
    embedded_broker: EmbeddedBroker, refused: tuple[ArmedFault, ...]
) -> None:
    llm = {"params": {"temperature": 0}}
    async with a_service(embedded_broker, faults=refused, llm=llm) as running:
        texts = [f"text number {n}" for n in range(12)]
        urgent = {"priority": "urgent"}
        await running.put(*(ticket(n, text, **(urgent if n == 0 else {})) for n, text in enumerate(texts)))
        events = await running.events(12)
        stats, tally = running.simulator.stats, running.service.tally
        assert stats.times_asked(CONSTANT_RECORD) == tally.count(measures.CALLS, "probe") == len(refused) + 1
        assert stats.by_status.get("400", 0) == len(refused)
        assert [stats.times_asked(text) for text in texts] == [1] * 12
    assert {(event["status"], event["attempts"]) for event in events} == {("labelled", 1)}


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


async def test_a_spent_budget_holds_bulk_back_and_nothing_else_also_after_a_restart(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    groups: dict[str, Any] = {
        "llm": {"budget_usd_per_day": 3e-4, "concurrency": 2},
        "batch": {"max_tickets": 1, "max_wait_s": 0.05},
        "cache": {"backend": "sqlite", "path": tmp_path / "cache.db", "timeout_s": 5},
    }
    async with a_service(embedded_broker, **groups) as running:
        await running.put(*(ticket(n, f"text number {n}") for n in range(50)))
        await until(lambda: running.service.tally.count(measures.PAUSES, "budget") == 1)
        asked = running.tickets_asked
        await running.put(ticket(100, "the server is down", priority="urgent"))
        assert ids(await running.events(asked + 1))["100"] == 1
        async with httpx.AsyncClient(base_url=running.service.http_address or "") as client:
            assert (await client.get("/healthz")).status_code == 200
            assert 'budget_used_ratio{lane="bulk"} 1.' in (await client.get("/metrics")).text
        assert 1 < asked == running.tickets_asked - 1 < 50
    groups["kafka"] = {"group_id": "reads from the start"}
    async with a_service(embedded_broker, **groups) as running:
        await running.put(ticket(101, "it is down again", priority="urgent"))
        events = await running.events(2 * (asked + 1) + 1)
        assert running.tickets_asked == 1
    again = events[asked + 1 :]
    assert [e["ticket_id"] for e in again if e["decided_by"] != "cache"] == ["101"]


async def test_in_a_storm_the_same_text_is_asked_once(embedded_broker: EmbeddedBroker) -> None:
    same = [ticket(n, "The login page shows error 503") for n in range(600)]
    like_it = [ticket(600 + n, f"The login page shows error 503 at 10:{n:03}") for n in range(240)]
    storm = [*same, *like_it]
    Random(8).shuffle(storm)
    async with a_service(embedded_broker, latency_s=0.3) as running:
        await running.put(*storm)
        events = await running.events(840)
        assert running.tickets_asked == 1 + 240
    assert ids(events) == Counter(str(n) for n in range(840))
    assert Counter(event["decided_by"] for event in events)["llm"] == 1 + 240


async def test_a_backlog_whose_texts_the_file_knows_is_answered_after_a_restart_without_a_call(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    tickets = 3 * LARGEST  # several polls: the first teaches that the next are worth a look beforehand
    groups: dict[str, Any] = {
        "batch": {"max_tickets": 50},
        "cache": {"backend": "sqlite", "path": tmp_path / "cache.db", "timeout_s": 5},
    }
    async with a_service(embedded_broker, **groups) as running:
        await running.put(*(ticket(n, f"text number {n}") for n in range(tickets)), key=b"one")
        first = await running.events(tickets)
    async with a_service(embedded_broker, **groups, kafka={"group_id": "reads from the start"}) as running:
        events = (await running.events(2 * tickets))[tickets:]
        counted = running.service.tally.counters[measures.CACHE]
        assert running.tickets_asked == 0
    assert [e["ticket_id"] for e in events] == [str(n) for n in range(tickets)]
    assert [e["label"] for e in events] == [e["label"] for e in first]
    assert counted["sqlite", "backend_hit"] == tickets
