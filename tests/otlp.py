"""A collector of traces: takes OTLP over HTTP on a real port, and keeps the spans that it is sent."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One span, its ids in hexadecimal as `traceparent` writes them."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    schema_url: str
    lasted_s: float


@dataclass(slots=True)
class Collector:
    """`status` is what it answers; while `gate` is not set it answers nobody."""

    url: str = ""
    status: int = 200
    requests: int = 0
    refused: int = 0  # spans
    spans: list[Received] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def named(self, name: str) -> list[Received]:
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> int:
        """Keep what a request holds, and say what is answered."""
        self.requests += 1
        self.gate.wait()
        status, spans = self.status, list(_spans(body))
        if status == 200:
            self.bodies.append(body)
            self.spans += spans
        else:
            self.refused += len(spans)
        return status


@contextmanager
def a_collector() -> Iterator[Collector]:
    """A collector that listens for the length of the block."""
    collector = Collector()
    collector.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            found = self.path == "/v1/traces"
            self.send_response(collector.take(body) if found else 404)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    collector.url = f"http://127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    serving.start()
    try:
        yield collector
    finally:
        collector.gate.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _spans(body: bytes) -> Iterator[Received]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    links=tuple(link.span_id.hex() for link in span.links),
                    attributes=_mapping(span.attributes),
                    resource=_mapping(resource.resource.attributes),
                    schema_url=scope.schema_url,
                    lasted_s=(span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                )


def _mapping(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value") or "string_value")
