"""Server-sent events: what is sent, to how many, and how it ends."""

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any

import orjson
import pytest

from stream_classifier.observe.live.feed import CUT, EVERY_S, MAX_CLIENTS, SEND_WITHIN_S, Feed
from stream_classifier.observe.live.view import View

Message = MutableMapping[str, Any]


class Client:
    """The other end of a request for the stream. `takes` is what it waits for before each message."""

    def __init__(self, feed: Feed, method: str = "GET", takes: Callable[[], Any] | None = None) -> None:
        self.sent: list[Message] = []
        self.gone = asyncio.Event()
        self.cut = False
        self.method = method
        self.takes = takes
        self.task = asyncio.create_task(self._ask(feed))

    async def _ask(self, feed: Feed) -> None:
        scope = {"type": "http", "method": self.method, CUT: self._cut}
        await feed.stream()(scope, self._receive, self._send)

    def _cut(self) -> None:
        self.cut = True
        self.takes = None

    async def _receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self.takes is not None:
            await self.takes()
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def views(self) -> list[View]:
        text = b"".join(message.get("body", b"") for message in self.sent).decode()
        data = [line for line in text.splitlines() if line.startswith("data: ")]
        return [orjson.loads(line.removeprefix("data: ")) for line in data]


class Counting:
    """Views that differ in one text, and how many were made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> View:
        self.made += 1
        return {"text:n": str(self.made), "text:same": "same"}


@pytest.fixture
def looks() -> Counting:
    return Counting()


@pytest.fixture
async def feed(looks: Counting) -> Feed:
    return Feed(looks, asyncio.get_running_loop().time)


async def test_the_first_event_says_all_and_the_next_ones_what_is_new(feed: Feed) -> None:
    client = Client(feed)
    await asyncio.sleep(2.5 * EVERY_S)
    assert client.views == [{"text:n": "1", "text:same": "same"}, {"text:n": "2"}, {"text:n": "3"}]
    client.gone.set()
    await client.task


async def test_a_view_is_made_once_for_all_and_none_for_nobody(feed: Feed, looks: Counting) -> None:
    await asyncio.sleep(100)
    assert looks.made == 0
    clients = [Client(feed) for _ in range(MAX_CLIENTS)]
    await asyncio.sleep(9.5 * EVERY_S)
    assert looks.made == 10
    for client in clients:
        client.gone.set()
    await asyncio.sleep(100)
    assert (looks.made, feed.clients) == (10, 0)


async def test_one_too_many_is_told_to_come_later(feed: Feed) -> None:
    clients = [Client(feed) for _ in range(MAX_CLIENTS)]
    await asyncio.sleep(0.1)
    late = Client(feed)
    await late.task
    assert late.status == 503
    clients[0].gone.set()
    await clients[0].task
    again = Client(feed)
    await asyncio.sleep(0.1)
    assert again.status == 200
    async with feed.open():
        pass
    await asyncio.gather(again.task, *(client.task for client in clients))


async def test_a_slow_client_skips_views_and_gets_what_changed_since_its_last(feed: Feed) -> None:
    client = Client(feed, takes=lambda: asyncio.sleep(3.2 * EVERY_S))
    other = Client(feed)
    await asyncio.sleep(11 * EVERY_S)
    assert len(other.views) > 3 * len(client.views) > 0
    assert client.views[1].keys() == {"text:n"}
    assert int(str(client.views[1]["text:n"])) - int(str(client.views[0]["text:n"])) > 1
    for each in (client, other):
        each.gone.set()
    await asyncio.gather(client.task, other.task)


async def test_a_client_that_takes_nothing_is_cut_off(feed: Feed) -> None:
    never = asyncio.Event()
    client = Client(feed)
    await asyncio.sleep(0.1)
    client.takes = never.wait
    await asyncio.sleep(SEND_WITHIN_S + 2 * EVERY_S)
    assert client.cut
    await client.task
    assert feed.clients == 0


async def test_when_the_server_ends_every_stream_ends_at_once(feed: Feed) -> None:
    async with feed.open():
        client = Client(feed)
        await asyncio.sleep(0.5 * EVERY_S)
        ended_at = asyncio.get_running_loop().time()
    await client.task
    assert asyncio.get_running_loop().time() == ended_at
    assert client.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
    late = Client(feed)
    await late.task
    assert late.status == 503


async def test_head_is_answered_without_a_stream(feed: Feed, looks: Counting) -> None:
    client = Client(feed, method="HEAD")
    await client.task
    assert (client.status, client.views, looks.made) == (200, [], 0)


async def test_a_view_that_cannot_be_made_ends_the_stream_and_frees_its_place() -> None:
    def broken() -> View:
        raise RuntimeError("no view")

    feed = Feed(broken, asyncio.get_running_loop().time)
    client = Client(feed)
    with pytest.raises(RuntimeError, match="no view"):
        await client.task
    assert feed.clients == 0
