"""The HTTP face among clients that mean harm: slow, silent, many, and asking for what it does not do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import httpx
import pytest

from stream_classifier.core.tally import Tally
from stream_classifier.observe.guest import MAX_CONNECTIONS, Guest
from stream_classifier.observe.health import Health
from stream_classifier.observe.http import build_app, serve
from stream_classifier.observe.metrics import new_registry
from tests.browser.pages import Shown

PATHS = ("/", "/healthz", "/readyz", "/metrics", "/events")
METHODS = ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE")
HEAD_S = 0.5


class Impatient(Guest):
    head_s = HEAD_S


@pytest.fixture
async def address() -> AsyncIterator[str]:
    app = build_app(Health(alive=[], ready=[]), new_registry(Tally()), Shown().feed)
    async with serve(app, "127.0.0.1", 0, Impatient) as address:
        yield address


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side ends the connection, which it does in time."""
    received = b""
    async with asyncio.timeout(10):
        while True:
            try:
                chunk = await reader.read(65536)
            except ConnectionError:
                return received
            if not chunk:
                return received
            received += chunk


@pytest.mark.parametrize("method", METHODS)
async def test_no_method_but_reading_does_anything(address: str, method: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        for path in PATHS:
            assert (await client.request(method, path)).status_code == 405


@pytest.mark.parametrize("path", ["/%2e%2e/etc/passwd", "//healthz", "/metrics/", "/admin", "/" + "a" * 5000])
async def test_no_path_leads_anywhere_else(address: str, path: str) -> None:
    async with httpx.AsyncClient(base_url=address, follow_redirects=False) as client:
        response = await client.get(httpx.URL(address).copy_with(raw_path=path.encode()))
    assert response.status_code in {307, 404}
    assert response.headers.get("location", address).startswith(address), "never to another host"


async def test_one_who_says_nothing_is_let_go(address: str) -> None:
    async with connected(address) as (reader, _):
        assert await ends(reader) == b""


async def test_one_who_sends_a_head_byte_by_byte_is_let_go(address: str) -> None:
    async with connected(address) as (reader, writer):

        async def drip() -> None:
            for byte in b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: " + b"a" * 10_000:
                writer.write(bytes([byte]))
                await asyncio.sleep(HEAD_S / 20)

        dripping = asyncio.create_task(drip())
        assert await ends(reader) == b""
        dripping.cancel()


async def test_one_who_drips_after_a_first_good_request_is_let_go_too(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        async with asyncio.timeout(10):
            await reader.readuntil(b"}")
        writer.write(b"GET ")
        assert await ends(reader) == b""


async def test_a_body_is_not_waited_for(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc")
        received = await ends(reader)
        assert received.startswith(b"HTTP/1.1 200")


async def test_a_head_without_end_is_refused(address: str) -> None:
    async with connected(address) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 200_000)
        received = await ends(reader)
        assert received[:12] in {b"", b"HTTP/1.1 400"}


async def test_a_probe_gets_through_however_many_hold_a_connection(address: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(2 * MAX_CONNECTIONS):
            await stack.enter_async_context(connected(address))
        async with httpx.AsyncClient(base_url=address) as client:
            assert (await client.get("/healthz")).status_code == 200


async def test_a_client_that_is_quick_keeps_its_connection_between_requests(address: str) -> None:
    async with connected(address) as (reader, writer):
        for _ in range(3):
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            async with asyncio.timeout(10):
                assert b" 200 " in await reader.readuntil(b"}")
            await asyncio.sleep(1.5 * HEAD_S)
