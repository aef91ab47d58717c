"""Views for those who look: one a second, made only while somebody does.

Rules
-----
* No task runs for it: a view is made when a client asks for one and the last is old, and then serves all.
* A client is sent what differs from what it was sent before. So one that is slow skips views, and nothing
  piles up for it; one that takes nothing for `SEND_WITHIN_S` is cut off.
* There are `MAX_CLIENTS` at most: more are told to come later.
* When the server ends, every stream ends at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from stream_classifier.observe.live.view import View, changes

EVERY_S = 1.0
MAX_CLIENTS = 16  # a team's screens; each costs a few kilobytes a second
SEND_WITHIN_S = 10.0
RETRY_MS = 2_000  # how soon a browser tries again by itself

CUT = "stream_classifier.cut"
"""In a request's scope, where the server can do so: a function that cuts its connection off."""


@dataclass(slots=True)
class Feed:
    """Makes views by `look`. `now` is a steady clock in seconds; a client that takes nothing for
    `send_within_s` is cut off."""

    look: Callable[[], View]
    now: Callable[[], float]
    send_within_s: float = SEND_WITHIN_S
    clients: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)
    _view: View = field(default_factory=dict)
    _made_at: float = float("-inf")

    def view(self) -> View:
        """The newest view: never older than about a second."""
        if self.now() - self._made_at >= 0.9 * EVERY_S:
            self._view, self._made_at = self.look(), self.now()
        return self._view

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Streams end with this block."""
        try:
            yield
        finally:
            self.over.set()

    def stream(self) -> Response:
        """The answer to one who asks for `/events`."""
        if self.clients >= MAX_CLIENTS or self.over.is_set():
            return Response("Too many look already.\n", 503, {"Retry-After": "5"}, "text/plain")
        return EventStream(self)


class EventStream(Response):
    """Server-sent events, until the client goes or the feed ends."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]
        self.headers["X-Accel-Buffering"] = "no"  # a proxy that gathers would hold every event back
        self._feed = feed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the headers, then what is new every second."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            self._feed.clients += 1
            try:
                await self._send_views(scope, receive, send)
            finally:
                self._feed.clients -= 1
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_views(self, scope: Scope, receive: Receive, send: Send) -> None:
        endings = {asyncio.create_task(_gone(receive)), asyncio.create_task(self._feed.over.wait())}
        sent: View = {}
        message = f"retry: {RETRY_MS}\n\n".encode()
        try:
            while True:
                view = self._feed.view()
                message += b"event: view\ndata: " + orjson.dumps(changes(sent, view)) + b"\n\n"
                async with asyncio.timeout(self._feed.send_within_s):
                    await send({"type": "http.response.body", "body": message, "more_body": True})
                sent, message = view, b""
                if (await asyncio.wait(endings, timeout=EVERY_S, return_when=asyncio.FIRST_COMPLETED))[0]:
                    return
        except TimeoutError:
            scope.get(CUT, _nothing)()
        finally:
            for ending in endings:
                ending.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _nothing() -> None:
    """A server that cannot cut a connection off leaves that to the network."""
