"""A schema registry that stands in for Confluent's: its documented answers over HTTP, and its failures."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from uuid import NAMESPACE_URL, UUID, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from stream_classifier.lab.simulator.listener import Listener, listening_socket

NO_SCHEMA = {"error_code": 40403, "message": "Schema not found"}
NO_VERSION = {"error_code": 40402, "message": "Version not found."}
NO_PATH = {"error_code": 404, "message": "HTTP 404 Not Found"}
KIND = "application/vnd.schemaregistry.v1+json"

Fault = Callable[[], Awaitable[Response]]


@dataclass
class Registry:
    """`fault`, where set, answers in place of what is registered; `login` is what Basic has to carry."""

    schemas: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    versions: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    login: str | None = None
    fault: Fault | None = None
    url: str = ""
    asked: list[str] = field(default_factory=list)
    logins: list[str | None] = field(default_factory=list)

    def guid(self, number: int) -> UUID:
        return uuid5(NAMESPACE_URL, str(number))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self.asked.append(scope["path"])
        self.logins.append(request.headers.get("authorization"))
        response = await self.fault() if self.fault is not None else self._answer(scope["raw_path"].decode())
        await response(scope, receive, send)

    def _answer(self, path: str) -> Response:
        if self.login is not None and self.logins[-1] != basic(self.login):
            return JSONResponse({"error_code": 401, "message": "Unauthorized"}, 401)
        match path.strip("/").split("/"):
            case ["schemas", "ids", number]:
                return found(self.schemas.get(int(number)), NO_SCHEMA)
            case ["schemas", "guids", guid]:
                by_guid = {str(self.guid(number)): schema for number, schema in self.schemas.items()}
                return found(by_guid.get(guid), NO_SCHEMA)
            case ["subjects", subject, "versions", number]:
                return found(self.versions.get((unquote(subject), int(number))), NO_VERSION)
        return JSONResponse(NO_PATH, 404)


def found(schema: Mapping[str, Any] | None, otherwise: Mapping[str, Any]) -> Response:
    if schema is None:
        return JSONResponse(otherwise, 404, media_type=KIND)
    return JSONResponse(schema, media_type=KIND)


def basic(login: str) -> str:
    return f"Basic {base64.b64encode(login.encode()).decode()}"


def answering(status: int, body: bytes = b"", **headers: str) -> Fault:
    async def answer() -> Response:
        return Response(body, status, headers)

    return answer


async def never() -> Response:
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def a_registry(port: int = 0) -> AsyncIterator[Registry]:
    registry = Registry()
    listening = listening_socket("127.0.0.1", port)
    registry.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    listener = Listener(registry)
    serving = asyncio.create_task(listener.serve(sockets=[listening]))
    await listener.ready.wait()
    try:
        yield registry
    finally:
        listener.stop()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        listening.close()
