"""The key and the tickets go to `llm.base_url` and nowhere else, wherever that sends us."""

import asyncio

import pytest

from stream_classifier.core.call import Signal
from tests.journey.canned_server import always, response, serving
from tests.journey.llm_calls import ORDER, client_of

KEY = "sk-stays-here"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_whatever_its_kind(status: int) -> None:
    async with serving(always(response())) as elsewhere:
        sends_on = response(status, b"", location=f"{elsewhere.url}/chat/completions")
        async with (
            serving(always(sends_on)) as named,
            client_of(named.url, api_key=lambda: KEY) as client,
        ):
            outcome = await client.ask(ORDER)
        assert (outcome.signal, outcome.status) == (Signal.BAD_REQUEST, status)
        assert KEY.encode() in named.heads[0], "the endpoint that is named gets it"
        assert elsewhere.connections == 0


async def test_a_look_at_the_models_is_not_sent_on_either() -> None:
    heads: list[bytes] = []

    async def sends_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(response(307, b"", location=f"{elsewhere.url}/models"))
        writer.close()

    async with serving(always(response())) as elsewhere:
        named = await asyncio.start_server(sends_on, "127.0.0.1", 0)
        port = named.sockets[0].getsockname()[1]
        async with named, client_of(f"http://127.0.0.1:{port}/v1", api_key=lambda: KEY) as client:
            assert (await client.visit()).status == 307
        assert KEY.encode() in heads[0]
        assert elsewhere.connections == 0
