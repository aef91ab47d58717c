import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.observe.health import Health
from stream_classifier.observe.http import build_app, serve
from stream_classifier.observe.metrics import new_registry
from tests.browser.pages import Shown

ONE_MIB = b"x" * 1024 * 1024
STOP_S = 1.0  # what the service allows the server for its stop


@pytest.fixture
def app() -> ASGIApp:
    return build_app(Health(alive=[], ready=[]), new_registry(Tally()), Shown().feed)


@pytest.fixture
async def address(app: ASGIApp) -> AsyncIterator[str]:
    async with serve(app, "127.0.0.1", 0) as address:
        yield address


async def test_it_answers_as_soon_as_the_block_is_entered(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        for path in ("/healthz", "/readyz", "/metrics", "/"):
            assert (await client.get(path)).status_code == 200


async def test_nothing_may_be_stored_embedded_or_guessed(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        for path in ("/", "/nowhere"):
            headers = (await client.get(path)).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "server" not in headers


async def test_head_answers_like_get_without_a_body(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        response = await client.head("/metrics")
        assert (response.status_code, response.content) == (200, b"")


async def test_a_port_in_use_is_a_fault_that_names_the_setting(app: ASGIApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OperatorFault, match=r"http\.port") as caught:
            async with serve(app, "127.0.0.1", port):
                pytest.fail("the port is taken")
    assert f"127.0.0.1:{port}: Address already in use." in caught.value.sentence


async def test_a_host_that_is_not_ours_is_a_fault_that_names_the_setting(app: ASGIApp) -> None:
    with pytest.raises(OperatorFault, match=r"http\.host"):
        async with serve(app, "203.0.113.1", 0):
            pytest.fail("that address belongs to documentation")


async def test_the_services_signal_handlers_stay(app: ASGIApp) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    async with serve(app, "127.0.0.1", 0) as address, httpx.AsyncClient(base_url=address) as client:
        await client.get("/healthz")
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_the_port_is_free_again_after_the_block(app: ASGIApp) -> None:
    async with serve(app, "127.0.0.1", 0) as address:
        port = int(address.rpartition(":")[2])
    async with serve(app, "127.0.0.1", port) as again:
        assert again == address


async def test_an_error_of_the_block_comes_out_as_it_is(app: ASGIApp) -> None:
    with pytest.raises(OperatorFault, match="The topic is missing"):
        async with serve(app, "127.0.0.1", 0):
            raise OperatorFault("The topic is missing.")


async def _stopped_after_s(app: ASGIApp, request: bytes, until: bytes = b"") -> float:
    """How long the stop takes while a client has sent `request` and reads only up to `until`."""
    async with serve(app, "127.0.0.1", 0) as address:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(request)
        await writer.drain()
        if until:
            await reader.readuntil(until)
        begun = time.monotonic()
    stopped_s = time.monotonic() - begun
    writer.close()
    return stopped_s


async def test_an_idle_client_does_not_hold_the_stop(app: ASGIApp) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert await _stopped_after_s(app, request, until=b"\r\n\r\n") < STOP_S


async def test_a_client_that_never_finishes_its_request_does_not_hold_the_stop(app: ASGIApp) -> None:
    assert await _stopped_after_s(app, b"GET /healthz HTTP/1.1\r\nHost: ") < STOP_S


async def test_a_client_that_does_not_read_its_answer_does_not_hold_the_stop() -> None:
    async def endless(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(64):
            await send({"type": "http.response.body", "body": ONE_MIB, "more_body": True})

    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert await _stopped_after_s(endless, request, until=b"\r\n\r\n") < STOP_S


async def test_a_handler_that_hangs_does_not_hold_the_stop() -> None:
    async def hangs(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        await asyncio.Event().wait()

    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    assert await _stopped_after_s(hangs, request, until=b"begun") < STOP_S
