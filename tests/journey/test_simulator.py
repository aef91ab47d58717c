"""The simulated provider over a real socket."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import httpx
import pytest

from stream_classifier.lab.simulator import Simulator, SimulatorOptions, rule_label
from tests.unit.simulator_requests import LABELS, TEXTS, chat_body

PATIENCE_S = 10.0  # far beyond what any of this takes


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Simulator, httpx.AsyncClient]]:
    simulator = Simulator(SimulatorOptions(**options))
    async with (
        simulator.serve() as address,
        httpx.AsyncClient(base_url=address.url, timeout=PATIENCE_S) as client,
    ):
        yield simulator, client


async def chat(client: httpx.AsyncClient, **fields: Any) -> httpx.Response:
    return await client.post("/v1/chat/completions", json=chat_body(**fields))


async def test_a_batch_is_labelled_by_the_rule() -> None:
    async with serving() as (_, client):
        reply = (await chat(client)).json()
    expected = ",".join(
        f'"t{n:02d}":"{n + 20} {rule_label(text, LABELS)}"' for n, text in enumerate(TEXTS, 1)
    )
    assert reply["choices"][0]["message"]["content"] == f"{{{expected}}}"
    assert reply["model"] == "small"


async def test_the_models_and_the_state_of_health_can_be_asked() -> None:
    async with serving(models=("small", "large")) as (_, client):
        models = (await client.get("/v1/models")).json()
        assert [model["id"] for model in models["data"]] == ["small", "large"]
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("headers", [{"authorization": "Bearer secret"}, {"api-key": "secret"}])
async def test_a_key_is_taken_as_openai_and_as_azure_send_it(headers: dict[str, str]) -> None:
    async with serving(api_key="secret") as (_, client):
        assert (await chat(client)).status_code == 401
        assert (await client.get("/v1/models")).status_code == 401
        client.headers.update(headers)
        assert (await chat(client)).status_code == 200


async def test_a_limited_call_carries_the_headers_of_the_limits() -> None:
    async with serving(requests_per_minute=1) as (_, client):
        await chat(client)
        limited = await chat(client)
    assert limited.status_code == 429
    assert limited.headers["x-ratelimit-limit-requests"] == "1"
    assert 50_000 < int(limited.headers["retry-after-ms"]) <= 60_000


@pytest.mark.parametrize(
    ("fault", "error"), [("reset", httpx.ReadError), ("close", httpx.RemoteProtocolError)]
)
async def test_a_connection_is_broken_off_without_a_response(
    fault: str, error: type[httpx.TransportError]
) -> None:
    async with serving() as (simulator, client):
        simulator.faults.arm(fault, count=1)
        with pytest.raises(error):
            await chat(client)
        assert (await chat(client)).status_code == 200
        assert simulator.stats.by_status == {"none": 1, "200": 1}


async def test_a_hanging_call_lasts_until_its_client_goes_away() -> None:
    async with serving() as (simulator, client):
        simulator.faults.arm("hang")
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=chat_body(), timeout=0.05)
        simulator.faults.clear()
        assert (await chat(client)).status_code == 200
        assert simulator.stats.by_fault == {"hang": 1}


async def test_a_provider_that_is_down_still_takes_orders() -> None:
    async with serving() as (_, client):
        await client.put("/faults", json={"name": "down"})
        with pytest.raises(httpx.ReadError):
            await chat(client)
        with pytest.raises(httpx.ReadError):
            await client.get("/v1/models")
        await client.delete("/faults")
        assert (await chat(client)).status_code == 200


async def test_faults_are_ordered_listed_and_cleared_over_http() -> None:
    async with serving() as (_, client):
        ordered = [{"name": "http_503", "count": 1}, {"name": "missing", "probability": 0.5}]
        state = (await client.put("/faults", json=ordered)).json()
        assert [fault["name"] for fault in state["armed"]] == ["http_503", "missing"]
        assert state["faults"]["slid_labels"]["detectable"] is False
        assert (await chat(client)).status_code == 503
        assert (await client.get("/faults")).json()["armed"][0]["struck"] == 1
        assert (await client.delete("/faults")).json()["armed"] == []


@pytest.mark.parametrize("body", [b'{"name": "mising"}', b"[1]", b"{", b'{"name": "reset", "count": 0}'])
async def test_an_order_that_makes_no_sense_is_refused_and_changes_nothing(body: bytes) -> None:
    async with serving() as (_, client):
        await client.put("/faults", json={"name": "http_503"})
        refused = await client.put("/faults", content=body)
        assert refused.status_code == 400
        assert refused.json()["error"].endswith((".", "?"))
        assert (await chat(client)).status_code == 503


async def test_the_statistics_tell_what_was_asked_and_can_be_reset() -> None:
    async with serving() as (simulator, client):
        await asyncio.gather(chat(client), chat(client))
        stats = (await client.get("/stats")).json()
        assert (stats["calls"], stats["distinct_texts"], stats["texts_asked_again"]) == (2, 4, 4)
        assert [call["records"] for call in stats["call_log"]] == [4, 4]
        assert simulator.stats.times_answered(TEXTS[0]) == 2
        assert (await client.delete("/stats")).json()["calls"] == 0


async def test_no_more_calls_are_worked_on_than_the_limit() -> None:
    async with serving(latency_s=0.03, max_concurrency=1) as (simulator, client):
        await asyncio.gather(*(chat(client) for _ in range(3)))
        ends = [call.end_s for call in simulator.stats.log]
    assert simulator.stats.max_concurrent == 3
    assert all(later - earlier >= 0.025 for earlier, later in pairwise(ends))


async def test_whoever_waits_is_broken_off_when_the_provider_goes_away() -> None:
    simulator = Simulator(SimulatorOptions(latency_s=3600))
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        async with asyncio.timeout(PATIENCE_S), simulator.serve() as address:
            url = f"{address.base_url}/chat/completions"
            waiting = asyncio.create_task(client.post(url, json=chat_body()))
            while not simulator.stats.calls:  # until the call has arrived
                await client.get(f"{address.url}/healthz")
        with pytest.raises(httpx.TransportError):
            await waiting


async def test_between_two_servings_connections_are_refused_and_the_counts_are_kept() -> None:
    simulator = Simulator()
    async with httpx.AsyncClient() as client:
        async with simulator.serve() as address:
            await client.post(f"{address.base_url}/chat/completions", json=chat_body())
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{address.url}/healthz")
        async with simulator.serve(port=address.port):
            assert (await client.get(f"{address.url}/stats")).json()["calls"] == 1


async def test_an_error_in_the_block_comes_out_as_itself() -> None:
    with pytest.raises(KeyError):
        async with Simulator().serve():
            raise KeyError


async def command(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "stream_classifier", "simulate-llm", *arguments,
        stderr=asyncio.subprocess.PIPE, env=os.environ | {"NO_COLOR": "1", "COLUMNS": "200"},
    )  # fmt: skip


async def test_the_command_serves_until_it_is_interrupted_and_prints_its_totals() -> None:
    process = await command("--port", "0", "--latency", "0", "--fault", "http_503:count=1")
    assert process.stderr is not None
    first = (await process.stderr.readline()).decode()
    base_url = re.search(r"http://\S+/v1", first)
    assert base_url is not None, first
    async with httpx.AsyncClient(timeout=PATIENCE_S) as client:
        for _ in range(2):
            await client.post(f"{base_url[0]}/chat/completions", json=chat_body())
    process.send_signal(signal.SIGINT)
    _, told = await process.communicate()
    assert process.returncode == 0
    assert "calls   2 by status (200: 1, 503: 1)" in told.decode()
    assert "faults  http_503 1" in told.decode()


async def test_a_port_in_use_is_told_in_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await command("--port", str(taken.getsockname()[1]))
        _, told = await process.communicate()
    assert process.returncode == 1
    assert "is in use already; name another with --port" in told.decode()
    assert "Traceback" not in told.decode()


async def test_a_fault_that_does_not_exist_is_wrong_usage() -> None:
    process = await command("--fault", "mising")
    _, told = await process.communicate()
    assert process.returncode == 2
    assert "did you mean missing?" in told.decode()
