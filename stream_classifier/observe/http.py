"""The HTTP face: probes, metrics and the page, served in the service's own event loop.

Rules:

- Read-only: GET and HEAD, nothing may be stored, nothing may be embedded.
- The service owns the signals, the log and the loop; the server is a guest in all three.
- Shutdown does not wait for a client: what is not sent within `STOP_GRACE_S` is cut off.
- Who says nothing does not hold a connection for long (`guest.py`).
- A handler may have its own connection cut off (`feed.CUT`), where the other end takes nothing any more.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_classifier.core.faults import OperatorFault
from stream_classifier.observe.guest import Guest
from stream_classifier.observe.health import Health, Report
from stream_classifier.observe.live.feed import CUT, Feed
from stream_classifier.observe.live.page import CONTENT_SECURITY_POLICY, page
from stream_classifier.observe.metrics import render

STOP_GRACE_S = 0.5  # with the server's own ticks the whole stop stays under a second

_BACKLOG = 128  # connections not yet accepted: a handful of probes and scrapers
_KEEP_ALIVE_S = 75  # longer than the pause between two scrapes, so that a scraper keeps its connection
_HEADERS = [
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


def build_app(health: Health, registry: CollectorRegistry, feed: Feed) -> Starlette:
    """The routes: `/healthz`, `/readyz`, `/metrics`, `/` and `/events`. They run in the event loop, in order;
    the last one goes on until its client goes or the feed ends."""

    async def healthz(_request: Request) -> Response:
        return _probe(health.liveness())

    async def readyz(_request: Request) -> Response:
        return _probe(health.readiness())

    async def metrics(request: Request) -> Response:
        body, content_type = render(registry, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    async def front(_request: Request) -> Response:
        return HTMLResponse(page(feed.view()))

    async def events(_request: Request) -> Response:
        return feed.stream()

    handlers = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics, "/": front, "/events": events}
    return Starlette(routes=[Route(path, handler, methods=["GET"]) for path, handler in handlers.items()])


def _probe(report: Report) -> JSONResponse:
    body = {"status": "ok" if report.ok else "failing", "reasons": report.reasons}
    return JSONResponse(body, status_code=200 if report.ok else 503)


@asynccontextmanager
async def serve(app: ASGIApp, host: str, port: int, guest: type[Guest] = Guest) -> AsyncIterator[str]:
    """Serve `app` for the length of the block; the value is the address, `http://host:port`. Each
    connection is a `guest`.

    Port 0 takes any free port. Raises `OperatorFault` where the address cannot be had.
    """
    listener = _listen(host, port)
    server = _GuestServer(_config(app, guest))
    server.config.app = server.cuttable(app)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
    try:
        yield _address(listener)
    finally:
        await _stop(server, serving)


class _GuestServer(uvicorn.Server):
    """uvicorn's server without its claim on the process's signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def cuttable(self, app: ASGIApp) -> ASGIApp:
        """The app, whose requests can have their connection cut off."""

        async def run(scope: Scope, receive: Receive, send: Send) -> None:
            scope[CUT] = partial(self._cut, scope.get("client"))
            await app(scope, receive, send)

        return run

    def _cut(self, client: tuple[str, int] | None) -> None:
        for connection in list(self.server_state.connections):
            if client is not None and connection.transport.get_extra_info("peername")[:2] == client:
                connection.transport.abort()


def _config(app: ASGIApp, guest: type[Guest]) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="none",
        http=guest,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=_HEADERS,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = family is socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dual)
    except OSError as exc:
        why = str(exc.strerror).partition(" (while")[0]
        raise OperatorFault(
            f"The HTTP server cannot listen on {host}:{port}: {why}. "
            "Set http.port to a free port, and http.host to an address of this machine."
        ) from exc
    # asyncio sees to this only where the socket names its protocol; else each answer waits for an ACK, 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _stop(server: uvicorn.Server, serving: asyncio.Task[None]) -> None:
    """Ask it to stop; after the grace cut off the clients that have not taken their answer."""
    server.should_exit = True
    try:
        await asyncio.wait({serving}, timeout=STOP_GRACE_S)
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        server.force_exit = True
        await serving
    finally:
        serving.cancel()  # matters only where this stop was itself cancelled
