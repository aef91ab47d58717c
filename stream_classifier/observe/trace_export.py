"""The way of spans out of the process: OpenTelemetry's SDK, set by its own variables.

Rules
-----
* A thread of the SDK's sends them; the loop only puts them into its queue, which is bounded
  (`OTEL_BSP_MAX_QUEUE_SIZE`) and drops the oldest.
* A collector that is away is told once, and once when it is back; the libraries' own lines, one a failed try,
  are not.
* At the end what is queued is sent for `FLUSH_S` at most. The thread that does it cannot hold the process.
* No global of OpenTelemetry is set: what other libraries of this process trace is not ours to send.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Tracer

from stream_classifier import __version__
from stream_classifier.observe.call_spans import CallSpans, WithItsTickets
from stream_classifier.observe.ticket_spans import TicketSpans
from stream_classifier.observe.trace_names import SCHEMA_URL
from stream_classifier.observe.tracing import Tracing
from stream_classifier.settings import Settings

log = structlog.get_logger(__name__)

FLUSH_S = 0.5  # of the 1.5 s that a stop has for closing things; a collector that is there takes some ms
NAME = "stream-classifier"
UNNAMED = "unknown_service"  # what the SDK says where the environment gives no name
TRIES = "opentelemetry.exporter"  # the logger that has a line for each try that fails
QUEUE = "opentelemetry.sdk"  # and the one that says that the queue is full
REMEDY = (
    "See whether the collector at OTEL_EXPORTER_OTLP_ENDPOINT is there and takes OTLP over HTTP."
    " Labelling goes on; spans are dropped meanwhile."
)


class Told(SpanExporter):
    """An exporter whose failures are told when they begin and when they end."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._lost = 0  # spans since it fails

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send these. Called in the SDK's thread, one call at a time."""
        result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._back()
        else:
            self._away(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _away(self, spans: int) -> None:
        if not self._lost:
            log.warning("traces_not_sent", remedy=REMEDY)
            logging.getLogger(QUEUE).setLevel(logging.CRITICAL)  # it will be, for that reason
        self._lost += spans

    def _back(self) -> None:
        if self._lost:
            log.info("traces_sent_again", lost=self._lost)
            logging.getLogger(QUEUE).setLevel(logging.NOTSET)
        self._lost = 0


class Export:
    """Traces that are sent to the collector of the environment, from now on until `end`. Raises ValueError
    and OSError where one of OpenTelemetry's variables cannot be used."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        logging.getLogger(TRIES).setLevel(logging.CRITICAL)
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Told(OTLPSpanExporter())))
        self.tracing = new_tracing(tracer_of(self._provider), settings, now)

    async def end(self) -> None:
        """Send what is left."""
        self.tracing.tickets.close()
        await _within(FLUSH_S, self._provider.shutdown)


def tracer_of(provider: TracerProvider) -> Tracer:
    """Our tracer, with the sampling that the environment asks for."""
    provider.sampler = WithItsTickets(provider.sampler)
    return provider.get_tracer(NAME, __version__, SCHEMA_URL)


def new_tracing(tracer: Tracer, settings: Settings, now: Callable[[], float]) -> Tracing:
    """Spans of tickets and calls, by this tracer."""
    tickets = TicketSpans(
        tracer=tracer, group_id=settings.kafka.group_id, output_topic=settings.kafka.output_topic, now=now
    )
    calls = CallSpans(tracer, tickets, settings.llm.base_url, tell_provider=settings.llm.trace_context)
    return Tracing(tickets, calls)


def _resource() -> Resource:
    """The environment's, with our name where it gives none."""
    ours = Resource({SERVICE_VERSION: __version__})
    given = ours.merge(Resource.create())
    if str(given.attributes[SERVICE_NAME]).startswith(UNNAMED):
        given = given.merge(Resource({SERVICE_NAME: NAME}))
    return given


async def _within(limit_s: float, work: Callable[[], None]) -> None:
    """Do this in a thread, and wait for it so long at most: it may hang, and go on alone."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def to_its_end() -> None:
        work()
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=to_its_end, name="traces-flush", daemon=True).start()
    try:
        async with asyncio.timeout(limit_s):
            await done.wait()
    except TimeoutError:
        log.warning("traces_cut_off", waited_s=limit_s)
