"""What a network can do to the client, on real sockets: each becomes an outcome, in bounded time."""

import asyncio
import socket

import pytest

from stream_classifier.core.call import Signal
from tests.journey.canned_server import response, serving
from tests.journey.llm_calls import asked, outcome_of

RESET_WITHOUT_WARNING = b"\1\0\0\0\0\0\0\0"  # SO_LINGER on, 0 s: close sends RST


async def test_a_huge_body_is_not_read_to_its_end() -> None:
    async def pour(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    async with serving(pour) as server, asyncio.timeout(5):
        outcome = await asked(server.url, timeout_s=60.0)
    assert outcome.signal is Signal.MALFORMED
    assert "larger" in outcome.detail


async def test_a_damaged_compression_is_malformed() -> None:
    assert (await outcome_of(response(200, b"not gzip", content_encoding="gzip"))).signal is Signal.MALFORMED


async def test_a_connection_reset_in_the_body_is_a_reset() -> None:
    async def reset(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(response()[:-20])
        await writer.drain()
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_WITHOUT_WARNING)
        writer.close()

    async with serving(reset) as server:
        outcome = await asked(server.url)
    assert (outcome.signal, outcome.status) == (Signal.RESET, None)


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-le", b"SSH-2.0-OpenSSH_9.2\r\n", response()[:-5]]
)
async def test_a_connection_that_ends_early_or_speaks_no_http_is_a_reset(sent: bytes) -> None:
    async def hang_up(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with serving(hang_up) as server:
        assert (await asked(server.url)).signal is Signal.RESET


async def test_a_refused_connection_is_unreachable_and_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        outcome = await asked(f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
    assert outcome.signal is Signal.UNREACHABLE
    assert "refused the connection" in outcome.detail


async def test_a_name_that_cannot_be_resolved_is_unreachable_and_says_so() -> None:
    outcome = await asked("http://no-such-host.invalid/v1")
    assert outcome.signal is Signal.UNREACHABLE
    assert "cannot be resolved" in outcome.detail


async def test_tls_to_a_server_without_it_is_unreachable_and_says_so() -> None:
    async def in_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(response(400, b""))
        writer.close()

    async with await asyncio.start_server(in_clear, "127.0.0.1", 0) as listening:
        outcome = await asked(f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1")
    assert outcome.signal is Signal.UNREACHABLE
    assert "does not speak TLS" in outcome.detail


async def never(_head: bytes, _body: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_a_provider_that_hangs_is_a_timeout() -> None:
    async with serving(never) as server:
        outcome = await asked(server.url, timeout_s=0.2)
    assert (outcome.signal, outcome.status) == (Signal.TIMEOUT, None)
    assert outcome.latency_s == pytest.approx(0.2, abs=0.15)


async def test_a_provider_that_drips_does_not_outlast_the_limit() -> None:
    async def drip(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with serving(drip) as server:
        assert (await asked(server.url, timeout_s=0.2)).signal is Signal.TIMEOUT
