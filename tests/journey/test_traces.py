"""Traces of the whole service: the embedded broker, a simulated provider, and a collector on a real port."""

import asyncio
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from aiokafka import ConsumerRecord

from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.observe import trace_export
from stream_classifier.observe import trace_names as names
from tests.journey.test_service import DEAD, EVENTS, a_service, ticket
from tests.otlp import Collector, a_collector
from tests.patience import PATIENCE_S, until

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = [("x", b"1"), ("traceparent", f"00-{TRACE}-{PARENT}-01".encode()), ("tracestate", b"vendor=1")]
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
SENDERS = ("traces-flush", "OtelBatch")


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that the environment names; spans are sent to it soon."""
    with a_collector() as started:
        for name, value in {ENDPOINT: started.url, "OTEL_BSP_SCHEDULE_DELAY": "50"}.items():
            monkeypatch.setenv(name, value)
        yield started
    for thread in threading.enumerate():
        if thread.name.startswith(SENDERS):
            thread.join(PATIENCE_S)  # what it has to tell is no other test's
    for name in (trace_export.TRIES, trace_export.QUEUE):
        logging.getLogger(name).setLevel(logging.NOTSET)


def context_of(record: ConsumerRecord[bytes, bytes]) -> list[str]:
    """Trace id and parent's id, of its only `traceparent`."""
    [value] = [bytes(value) for name, value in record.headers if name == "traceparent"]
    return value.decode().split("-")[1:3]


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_a_trace_goes_through_the_service_from_record_to_record(
    embedded_broker: EmbeddedBroker, collector: Collector, delivery: str
) -> None:
    environ = {ENDPOINT: collector.url}
    async with a_service(embedded_broker, environ=environ, kafka={"delivery": delivery}) as running:
        await running.put(*(ticket(n, f"text {n}") for n in range(3)), headers=HEADERS)
        await running.put(b"no ticket", headers=HEADERS)
        records = await running.read(EVENTS, 3)
        [dead] = await running.read(DEAD, 1)
        await until(lambda: len(collector.named("process tickets")) == 4)
    tickets = [span for span in collector.named("process tickets") if names.ERROR_TYPE not in span.attributes]
    assert [(span.trace_id, span.parent_id) for span in tickets] == [(TRACE, PARENT)] * 3
    sendings = collector.named("send ticket-labels")
    assert {span.parent_id for span in sendings} == {span.span_id for span in tickets}
    assert sorted(map(context_of, records)) == sorted([span.trace_id, span.span_id] for span in sendings)
    assert all(("tracestate", b"vendor=1") in record.headers for record in records)
    assert set(HEADERS) <= set(dead.headers)
    linked = {span_id for span in collector.spans if span.name.startswith("chat ") for span_id in span.links}
    parents = {span.parent_id for span in collector.spans if span.name.startswith("chat ")}
    assert {span.span_id for span in tickets} <= linked | parents
    assert all(span.lasted_s > 0 for span in tickets)


async def test_the_environment_names_the_service_and_what_is_sampled(
    embedded_broker: EmbeddedBroker, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "labels-eu")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
    async with a_service(embedded_broker, environ={ENDPOINT: collector.url}) as running:
        await running.put(ticket(1, "not sampled"))
        await running.read(EVENTS, 1)
        await running.put(ticket(2, "sampled by its producer"), headers=HEADERS)
        await running.read(EVENTS, 2)
        await until(lambda: collector.named("process tickets"))
    [span] = collector.named("process tickets")
    assert span.trace_id == TRACE
    assert span.resource["service.name"] == "labels-eu"
    assert span.resource["deployment.environment.name"] == "test"
    assert span.schema_url == names.SCHEMA_URL


async def test_without_a_name_of_the_environment_s_the_service_has_ours(
    embedded_broker: EmbeddedBroker, collector: Collector
) -> None:
    async with a_service(embedded_broker, environ={ENDPOINT: collector.url}) as running:
        await running.put(ticket(1, "one"))
        await until(lambda: collector.spans)
    assert collector.spans[0].resource["service.name"] == "stream-classifier"


async def test_what_is_queued_at_the_stop_is_still_sent(
    embedded_broker: EmbeddedBroker, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    async with a_service(embedded_broker, environ={ENDPOINT: collector.url}) as running:
        await running.put(ticket(1, "one"))
        await running.read(EVENTS, 1)
        assert collector.spans == []
    assert len(collector.named("process tickets")) == 1


async def test_a_collector_that_is_away_is_told_once_and_the_stream_goes_on(
    embedded_broker: EmbeddedBroker, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    collector.status = 400
    with structlog.testing.capture_logs() as lines:
        async with a_service(embedded_broker, environ={ENDPOINT: collector.url}) as running:
            await running.put(*(ticket(n, f"text {n}") for n in range(100)))
            await running.read(EVENTS, 100)
            await until(lambda: collector.refused >= 20)
            collector.status = 200
            await running.put(ticket(100, "it is back"))
            await until(lambda: any(line["event"] == "traces_sent_again" for line in lines))
    told = [line for line in lines if line["event"].startswith("traces_") or line["event"] == "library"]
    assert [line["event"] for line in told] == ["traces_not_sent", "traces_sent_again"]
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in told[0]["remedy"]
    assert told[1]["lost"] == collector.refused


async def test_a_collector_that_hangs_does_not_hold_the_stop(
    embedded_broker: EmbeddedBroker, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
    collector.gate.clear()
    with structlog.testing.capture_logs() as lines:
        async with a_service(embedded_broker, environ={ENDPOINT: collector.url}) as running:
            await running.put(ticket(1, "one"))
            await running.read(EVENTS, 1)
            await until(lambda: collector.requests)
            began = time.monotonic()
        assert time.monotonic() - began < running.service.settings.shutdown_s
    assert [line["waited_s"] for line in lines if line["event"] == "traces_cut_off"] == [trace_export.FLUSH_S]


async def test_nothing_that_goes_to_the_collector_holds_a_text_a_key_or_a_secret(
    embedded_broker: EmbeddedBroker, collector: Collector
) -> None:
    marks = {word: f"{word}-7f3a".encode() for word in ("text", "key", "header", "secret")}
    llm = {"api_key": marks["secret"].decode()}
    async with a_service(embedded_broker, environ={ENDPOINT: collector.url}, llm=llm) as running:
        body = marks["text"].decode()
        headers = [*HEADERS, ("x", marks["header"])]
        for urgent in ({}, {"priority": "urgent"}):
            await running.put(
                ticket(1, body, **urgent), b"no " + body.encode(), key=marks["key"], headers=headers
            )
        await running.read(EVENTS, 2)
        await until(lambda: len(collector.named("process tickets")) == 4)
    sent = b"".join(collector.bodies)
    assert b"stream_classifier.event_id" in sent
    assert [word for word, mark in marks.items() if mark in sent] == []


WATCHED = """
import asyncio, sys
from stream_classifier.cli import main
from stream_classifier.service import running, building
from stream_classifier.observe.tracing import tracing
from stream_classifier.settings import Settings
from stream_classifier.core.taxonomy import read_taxonomy

async def live():
    settings = Settings(taxonomy=read_taxonomy({"labels": ["bug", "other"]}))
    async with tracing(settings, {}, asyncio.get_running_loop().time) as traces:
        building.Builder(settings, running.Tally(), traces)
        assert traces is None

asyncio.run(live())
theirs = {"opentelemetry", "google", "requests"}
print(sorted(name for name in sys.modules if name.partition(".")[0] in theirs))
"""


async def test_switched_off_nothing_of_it_is_imported(tmp_path: Path) -> None:
    ran = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", WATCHED],
        cwd=Path(trace_export.__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.stdout.strip(), ran.returncode) == ("[]", 0), ran.stderr
