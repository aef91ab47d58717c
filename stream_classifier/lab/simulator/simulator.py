"""The simulator over HTTP: waits where the provider says so, counts, and takes orders for faults."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from stream_classifier.lab.simulator.armed_fault import ArmedFault
from stream_classifier.lab.simulator.arsenal import Arsenal
from stream_classifier.lab.simulator.fault_table import FAULTS
from stream_classifier.lab.simulator.faults import Break
from stream_classifier.lab.simulator.listener import Listener, listening_socket
from stream_classifier.lab.simulator.options import SimulatorOptions
from stream_classifier.lab.simulator.provider import Provider, Verdict
from stream_classifier.lab.simulator.stats import CallRecord, Stats


@dataclass(frozen=True, slots=True)
class Address:
    """Where a simulator listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """`http://127.0.0.1:9100`, for `/faults`, `/stats` and `/healthz`."""
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its base URL."""
        return f"{self.url}/v1"


class Simulator:
    """A simulated provider.

    `async with Simulator(options).serve() as address:` runs it in the current loop. `faults` and `stats` are
    at hand meanwhile. It may be served again afterwards; between two servings connections are refused.
    """

    def __init__(self, options: SimulatorOptions | None = None) -> None:
        self.options = options or SimulatorOptions()
        self.stats = Stats(log_size=self.options.call_log_size)
        now = time.monotonic()
        self._provider = Provider(self.options, now=now, epoch_s=time.time() - now)
        self._listener: Listener | None = None
        slots = self.options.max_concurrency
        self._slots: AbstractAsyncContextManager[None] = asyncio.Semaphore(slots) if slots else nullcontext()
        self.app = Starlette(
            routes=[
                Route("/v1/chat/completions", self._chat, methods=["POST"]),
                Route("/v1/models", self._models),
                Route("/healthz", self._healthz),
                Route("/stats", self._stats, methods=["GET", "DELETE"]),
                Route("/faults", self._faults, methods=["GET", "PUT", "DELETE"]),
            ]
        )

    @property
    def faults(self) -> Arsenal:
        """The faults that are armed; arm others at any time."""
        return self._provider.faults

    @asynccontextmanager
    async def serve(self, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Address]:
        """Listen while the block runs; port 0 takes a free one. Raises OSError where it cannot listen."""
        listening = listening_socket(host, port)
        self._listener = listener = Listener(self.app)
        running = asyncio.create_task(listener.serve(sockets=[listening]), name="simulated-provider")
        try:
            await listener.ready.wait()
            yield Address(host, listening.getsockname()[1])
        finally:
            listener.stop()
            await running
            self._listener = None

    async def _chat(self, request: Request) -> Response:
        call = CallRecord(start_s=time.monotonic())
        self.stats.begin()
        try:
            verdict = self._provider.decide(await request.body(), _api_key(request), call.start_s)
            self._enter(call, verdict)
            await self._wait(verdict)
            if verdict.breaks:
                return await self._break_off(request, verdict.breaks)
            return _response(verdict)
        except ClientDisconnect:
            return Response()
        finally:
            call.end_s = time.monotonic()
            self.stats.end(call)

    def _enter(self, call: CallRecord, verdict: Verdict) -> None:
        """Count what the call asks for, and what it will get."""
        call.status, call.fault = verdict.status, verdict.fault
        call.tokens_counted = verdict.tokens_counted
        if verdict.request:
            call.model, call.records = verdict.request.model, len(verdict.request.records)
            texts = [record.text for record in verdict.request.records]
            self.stats.asked(texts)
            if verdict.usage and not verdict.fault:
                self.stats.answered(texts)
        if verdict.usage:
            call.tokens_in, call.tokens_out = verdict.usage.tokens_in, verdict.usage.tokens_out
            call.tokens_cached = verdict.usage.tokens_cached

    async def _wait(self, verdict: Verdict) -> None:
        """As long as the verdict says; in line first, where the model is asked and works on enough."""
        if not verdict.usage:
            await self._pause(verdict.delay_s)
            return
        async with self._slots:
            await self._pause(verdict.delay_s)

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        stopping = self._listener.stopping if self._listener else asyncio.Event()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stopping.wait()

    async def _break_off(self, request: Request, how: Break) -> Response:
        """End the connection, or wait until the client does. The response returned reaches nobody."""
        if self._listener and request.client and how is not Break.HANG:
            self._listener.cut((request.client.host, request.client.port), reset=how is Break.RESET)
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    async def _models(self, request: Request) -> Response:
        if self.faults.is_armed("down"):
            return await self._break_off(request, Break.RESET)
        return _response(self._provider.models(_api_key(request), time.monotonic()))

    async def _healthz(self, request: Request) -> Response:
        return _json({"status": "ok"})

    async def _stats(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.stats.reset()
        return _json(self.stats.snapshot())

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "PUT":
            try:
                self.faults.replace(_ordered(await request.body()))
            except ValueError as exc:
                return _json({"error": str(exc)}, status=400)
        table = {f.name: {"says": f.says, "detectable": f.detectable} for f in FAULTS.values()}
        return _json({"armed": self.faults.state(), "faults": table})


def _ordered(body: bytes) -> list[ArmedFault]:
    """The faults of a PUT: one, or a list of them. Raises ValueError."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"The body is not valid JSON: {exc}.") from exc
    return [ArmedFault.from_json(fault) for fault in (data if isinstance(data, list) else [data])]


def _api_key(request: Request) -> str | None:
    """The key, as OpenAI's clients send it or as Azure's do."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else request.headers.get("api-key")


def _response(verdict: Verdict) -> Response:
    return Response(verdict.body, verdict.status or 200, verdict.headers, verdict.media_type)


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
