"""A server on a real socket that answers every HTTP request with canned bytes, or as a test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson

ANSWER = orjson.dumps(
    {
        "choices": [{"message": {"content": '{"t01":"47 bug"}'}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 6},
    }
)

Respond = Callable[[bytes, bytes, asyncio.StreamWriter], Awaitable[None]]
"""Is given a request's head and body, and writes what it likes."""


def response(status: int = 200, body: bytes = ANSWER, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", "content-type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    """Answers each request by `respond`, and remembers heads and bodies."""

    def __init__(self, respond: Respond) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.bodies: list[Any] = []
        self.url = ""
        self._respond = respond
        self._handlers: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._handlers.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.heads.append(head)
                self.bodies.append(orjson.loads(body))
                await self._respond(head, body, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(respond: Respond) -> AsyncIterator[Server]:
    server = Server(respond)
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield server
    finally:
        listening.close()
        await server.close()


def always(*responses: bytes) -> Respond:
    """The responses in turn, the last one for good."""
    waiting = list(responses)

    async def respond(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(waiting.pop(0) if len(waiting) > 1 else waiting[0])

    return respond
