"""The world of lanes and pipeline with real spans: OpenTelemetry's SDK, and what it would send in memory."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler
from opentelemetry.trace import SpanContext

from stream_classifier.observe import trace_names as names
from stream_classifier.observe.trace_export import new_tracing, tracer_of
from stream_classifier.observe.tracing import Tracing
from tests.unit.lane_world import World, settings, world

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = ("traceparent", f"00-{TRACE}-{PARENT}-01".encode())
NOT_SAMPLED = ("traceparent", f"00-{TRACE}-{PARENT}-00".encode())


@dataclass(slots=True, kw_only=True)
class Traced:
    """A world, and the spans that have ended in it."""

    w: World
    tracing: Tracing
    exporter: InMemorySpanExporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    @property
    def tickets(self) -> dict[str, ReadableSpan]:
        """Tickets' spans by event id."""
        return {str(said(span)[names.EVENT_ID]): span for span in self.named("process tickets")}

    @property
    def sendings(self) -> list[ReadableSpan]:
        return self.named("send ticket-labels")

    @property
    def calls(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith("chat ")]


@asynccontextmanager
async def traced(sampler: Sampler | None = None, **given: Any) -> AsyncIterator[Traced]:
    """As `world`, with traces. `sampler` is what the environment would ask for; all, if it says nothing."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler or DEFAULT_ON, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    groups = {name: value for name, value in given.items() if isinstance(value, dict)}
    made = new_tracing(tracer_of(provider), settings(**groups), asyncio.get_running_loop().time)
    async with world(tracing=made, **given) as w:
        yield Traced(w=w, tracing=made, exporter=exporter)
    made.tickets.close()


def said(span: ReadableSpan) -> Mapping[str, Any]:
    """A span's attributes."""
    return span.attributes or {}


def place(span: ReadableSpan) -> SpanContext:
    """Its context."""
    context: SpanContext | None = span.get_span_context()
    assert context is not None
    return context


def sent_by(span: ReadableSpan) -> str:
    """The `traceparent` that names this span as the parent."""
    context = place(span)
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def traceparent(headers: list[tuple[str, bytes]]) -> str:
    """The only one of these headers."""
    [value] = [value for name, value in headers if name.lower() == "traceparent"]
    return value.decode()
