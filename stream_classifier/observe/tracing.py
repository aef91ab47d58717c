"""Traces, where the environment asks for them by OpenTelemetry's own variables (`docs/traces.md`).

Rules
-----
* Not asked for, nothing of OpenTelemetry is imported, and no part is handed anything that traces.
* Traces are for looking on. That they cannot be had (a package, a collector) is told in one line, and the
  stream goes on without them.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from stream_classifier.settings import Settings

if TYPE_CHECKING:
    from stream_classifier.observe.call_spans import CallSpans
    from stream_classifier.observe.ticket_spans import TicketSpans
    from stream_classifier.observe.trace_export import Export

log = structlog.get_logger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"

NO_PACKAGE = "The packages for OpenTelemetry are not installed."
INSTALL = f"pip install 'stream-classifier[otel]', or unset {ENDPOINTS[1]}."
OTHER_PROTOCOL = f"Traces are sent by {SPOKEN} only, and the environment asks for another protocol."
SPEAK = f"Set {PROTOCOLS[1]}={SPOKEN}, and the endpoint to that port of the collector (4318; gRPC has 4317)."
REFUSED = "OpenTelemetry does not take what one of its variables says."
CORRECT = "Look through the variables that begin with OTEL_: a number, a file's path or a name is not right."


@dataclass(frozen=True, slots=True)
class Tracing:
    """What follows tickets and calls into the traces of those who sent them."""

    tickets: "TicketSpans"
    calls: "CallSpans"


@asynccontextmanager
async def tracing(
    settings: Settings, environ: Mapping[str, str], now: Callable[[], float]
) -> AsyncIterator[Tracing | None]:
    """Traces for the length of the block, sent on at its end; None where there are none. `now` is the loop's
    clock in seconds."""
    export = _begun(settings, environ, now)
    if export is None:
        yield None
        return
    try:
        yield export.tracing
    finally:
        await export.end()


def _begun(settings: Settings, environ: Mapping[str, str], now: Callable[[], float]) -> "Export | None":
    if not asked_for(environ):
        return None
    if _protocol(environ) != SPOKEN:
        log.warning("traces_off", reason=OTHER_PROTOCOL, remedy=SPEAK)
        return None
    try:
        from stream_classifier.observe.trace_export import Export

        return Export(settings, now)
    except ImportError:
        log.warning("traces_off", reason=NO_PACKAGE, remedy=INSTALL)
    except (ValueError, OSError) as error:  # its words would quote the variable, which may be a secret
        log.warning("traces_off", reason=f"{REFUSED} ({type(error).__name__})", remedy=CORRECT)
    return None


def asked_for(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a collector, and does not switch traces off."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if environ.get("OTEL_TRACES_EXPORTER", "").strip().lower() == "none":
        return False
    return any(environ.get(name, "").strip() for name in ENDPOINTS)


def _protocol(environ: Mapping[str, str]) -> str:
    said = (environ.get(name, "").strip() for name in PROTOCOLS)
    return next(filter(None, said), SPOKEN)
