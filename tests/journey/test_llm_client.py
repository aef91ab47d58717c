"""The client against servers on real sockets that answer with canned bytes, or worse."""

import asyncio
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from stream_classifier.core.call import Signal, Usage
from stream_classifier.core.faults import OperatorFault
from tests.journey.canned_server import always, response, serving
from tests.journey.llm_calls import ORDER, asked, client_of, outcome_of


async def test_an_answer_comes_with_content_usage_and_latency() -> None:
    outcome = await outcome_of(response())
    assert (outcome.signal, outcome.status) == (Signal.ANSWERED, 200)
    assert outcome.content == '{"t01":"47 bug"}'
    assert outcome.usage == Usage(tokens_in=9, tokens_out=6)
    assert 0 < outcome.latency_s < 5


async def test_the_request_is_a_chat_completion_with_key_headers_and_params() -> None:
    async with serving(always(response())) as server:
        await asked(server.url, headers={"x-team": "support"}, params={"temperature": 0})
    head = server.heads[0].decode().lower()
    assert head.startswith("post /v1/chat/completions http/1.1")
    assert "authorization: bearer sk-1" in head
    assert "x-team: support" in head
    assert [message["role"] for message in server.bodies[0]["messages"]] == ["system", "user"]
    assert server.bodies[0]["temperature"] == 0


async def test_headers_of_one_order_go_with_its_request_alone_and_never_in_place_of_the_key() -> None:
    async with serving(always(response())) as server, client_of(server.url) as client:
        await client.ask(replace(ORDER, headers={"traceparent": "00-1-2-01", "authorization": "none"}))
        await client.ask(ORDER)
    first, second = (head.decode().lower() for head in server.heads)
    assert "traceparent: 00-1-2-01" in first
    assert "traceparent" not in second
    assert first.count("authorization: bearer sk-1") == 1
    assert "authorization: none" not in first


async def test_the_same_order_is_the_same_bytes() -> None:
    async with (
        serving(always(response())) as server,
        client_of(server.url, params={"b": 1, "a": 2}) as client,
    ):
        await client.ask(ORDER)
        await client.ask(ORDER)
    one, two = server.bodies
    assert orjson.dumps(one) == orjson.dumps(two)


async def test_a_query_in_the_base_url_stays() -> None:
    async with serving(always(response())) as server:
        await asked(f"{server.url}/?api-version=2024-06-01")
    assert server.heads[0].startswith(b"POST /v1/chat/completions?api-version=2024-06-01 ")


async def test_connections_are_kept_for_the_next_call() -> None:
    async with serving(always(response())) as server, client_of(server.url) as client:
        for _ in range(5):
            await client.ask(ORDER)
    assert server.connections == 1


async def test_a_changed_key_is_used_from_the_next_call_on() -> None:
    keys = iter(["old\n", "new\n", None])
    async with (
        serving(always(response())) as server,
        client_of(server.url, api_key=lambda: next(keys)) as client,
    ):
        for _ in range(3):
            await client.ask(ORDER)
    assert b"bearer old\r\n" in server.heads[0].lower()
    assert b"bearer new\r\n" in server.heads[1].lower()
    assert b"authorization" not in server.heads[2].lower()


async def test_a_key_that_no_header_can_carry_is_a_refused_key() -> None:
    outcome = await asked("http://127.0.0.1:9", api_key=lambda: "sk-ä\r\nx: y")
    assert outcome.signal is Signal.KEY_REFUSED
    assert "sk-" not in outcome.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "250", "retry_after": "9"}, 0.25),
        ({"retry_after": "7"}, 7),
        ({"Retry_After": "1.5"}, 1.5),
        ({"retry_after": "-1"}, None),
        ({}, None),
    ],
)
async def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    outcome = await outcome_of(response(429, b"{}", **headers))
    assert (outcome.signal, outcome.rate.retry_after_s) == (Signal.RATE_LIMITED, seconds)


async def test_an_answer_carries_the_rate_headers_too() -> None:
    rate = (
        await outcome_of(response(x_ratelimit_remaining_tokens="900", x_ratelimit_reset_tokens="6m0s"))
    ).rate
    assert (rate.remaining_tokens, rate.reset_tokens_s) == (900, 360)


async def test_each_refused_thing_costs_one_call_and_is_remembered() -> None:
    def refuse(parameter: str) -> bytes:
        return response(400, orjson.dumps({"error": {"message": "Unsupported", "param": parameter}}))

    refusals = [refuse("response_format"), refuse("max_tokens"), refuse("temperature")]
    async with (
        serving(always(*refusals, response())) as server,
        client_of(server.url, params={"temperature": 0}) as client,
    ):
        signals = [(await client.ask(ORDER)).signal for _ in range(5)]
    assert signals == [Signal.FORMAT_REFUSED] * 3 + [Signal.ANSWERED] * 2
    assert server.bodies[-1].keys() == {"model", "messages", "response_format", "max_completion_tokens"}
    assert server.bodies[-1]["response_format"] == {"type": "json_object"}


async def test_a_refusal_with_nothing_left_to_leave_out_is_a_bad_request() -> None:
    refusal = response(400, orjson.dumps({"error": {"message": "no response_format here"}}))
    async with serving(always(refusal)) as server, client_of(server.url) as client:
        signals = [(await client.ask(ORDER)).signal for _ in range(3)]
    assert signals == [Signal.FORMAT_REFUSED, Signal.FORMAT_REFUSED, Signal.BAD_REQUEST]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sign in</html>",
        b'{"choices": []}',
        b'{"choices": [{"message": {"content": "caf\xe9"}}]}',
        b"",
    ],
)
async def test_a_200_that_is_no_completion_is_the_provider_s_failure(body: bytes) -> None:
    outcome = await outcome_of(response(200, body))
    assert (outcome.signal, outcome.status) == (Signal.SERVER_ERROR, 200)


async def test_calls_cancelled_half_way_leave_the_client_usable() -> None:
    answering = asyncio.Event()
    arrived = asyncio.Semaphore(0)

    async def respond(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        arrived.release()
        await answering.wait()
        writer.write(response())

    async with serving(respond) as server, client_of(server.url, connections=2) as client:
        for _ in range(5):
            calls = [asyncio.create_task(client.ask(ORDER)) for _ in range(6)]
            await arrived.acquire()
            await arrived.acquire()  # two under way, four waiting for their turn
            for call in calls:
                call.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(result, asyncio.CancelledError) for result in results)
        answering.set()
        async with asyncio.timeout(5):
            after = await asyncio.gather(*(client.ask(ORDER) for _ in range(6)))
    assert {outcome.signal for outcome in after} == {Signal.ANSWERED}


async def test_waiting_for_a_turn_does_not_count_against_the_time_limit() -> None:
    async def slow(_head: bytes, _body: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(response())

    async with serving(slow) as server, client_of(server.url, connections=1, timeout_s=0.35) as client:
        outcomes = await asyncio.gather(*(client.ask(ORDER) for _ in range(4)))
    assert {outcome.signal for outcome in outcomes} == {Signal.ANSWERED}


async def test_two_clients_do_not_wait_for_one_another() -> None:
    hung = asyncio.Semaphore(0)

    async def hang_for_bulk(_head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if b"bulk" in body:
            hung.release()
            await asyncio.Event().wait()
        writer.write(response())

    async with (
        serving(hang_for_bulk) as server,
        client_of(server.url, connections=1, params={"user": "bulk"}) as bulk,
        client_of(server.url, connections=1, timeout_s=2.0) as urgent,
    ):
        waiting = asyncio.create_task(bulk.ask(ORDER))
        await hung.acquire()
        assert (await urgent.ask(ORDER)).signal is Signal.ANSWERED
        waiting.cancel()


async def test_no_sentence_holds_the_ticket_even_where_the_provider_quotes_it() -> None:
    for status in (400, 403, 422, 429, 500):
        body = orjson.dumps({"error": {"message": f"cannot process: {ORDER.user}", "param": ORDER.user}})
        assert "hunter2" not in (await outcome_of(response(status, body))).detail


def test_a_ca_file_that_cannot_be_read_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OperatorFault, match="cannot be read as certificates"):
        client_of("https://example.test", ca_file=tmp_path / "missing.pem")
    (tmp_path / "empty.pem").write_text("no certificate")
    with pytest.raises(OperatorFault, match="PEM"):
        client_of("https://example.test", ca_file=tmp_path / "empty.pem")


def test_a_proxy_setting_that_cannot_be_used_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "gopher://user:secret@proxy:70")
    with pytest.raises(OperatorFault, match="HTTPS_PROXY") as fault:
        client_of("https://example.test")
    assert "secret" not in str(fault.value)
