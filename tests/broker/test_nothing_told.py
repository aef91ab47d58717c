"""No ticket's text, no record's key and no secret is told: not in the log at any level, not on a page.

Each is marked by a word that stands nowhere else, sent down every path, and looked for in everything that the
real process says. A ticket's id and the names of topics may be told.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from stream_classifier.lab.simulator import FAULTS, ArmedFault, SimulatorOptions
from stream_classifier.settings import Settings
from tests.broker.echo import MISDEEDS, an_echo
from tests.broker.marks import Marks, all_that_is_said
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream
from tests.brokers.client import create_topic
from tests.brokers.kafka import Kafka
from tests.brokers.ports import free_ports
from tests.brokers.secured import MAY_ALL, PASSWORDS, SecuredKafka
from tests.patience import until

QUICK: dict[str, Any] = {
    "log__level": "debug",
    "llm__timeout_s": 1,
    "urgent__timeout_s": 1,
    "urgent__deadline_s": 3,
    "llm__max_attempts": 2,
    "batch__max_wait_s": 0.3,
    "ticket__max_bytes": 20_000,
}
NOT_ASKED_FOR = {"json_object_refused", "parameter_refused", "obeyed_order"}
"""Faults of requests that this service, these settings and these texts never make."""
SIGNALS = {"server_error", "bad_request", "malformed", "refused", "overflow", "key_refused", "model_unknown"}


def secrets_of(marks: Marks) -> dict[str, Any]:
    """Settings in which every secret is marked; the cache's server is away."""
    [port] = free_ports(1)
    return {
        "llm__api_key": marks["api key"],
        "llm__headers": {"X-Account": marks["header of the call"]},
        "cache__backend": "redis",
        "cache__url": f"redis://labeller:{marks['cache password']}@127.0.0.1:{port}/0",
    }


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture(autouse=True)
def proxy(marks: Marks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy with a login, for everything that is not on this machine."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{marks['proxy password']}@127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


async def put(stream: Stream, marks: Marks, *values: bytes | None) -> None:
    await stream.put(values, key=marks.key, headers=marks.headers)


async def put_every_kind(stream: Stream, marks: Marks) -> None:
    """Tickets that end in every way that does not take a fault, and what is no ticket."""
    same = marks.ticket(1, "the same")
    await put(stream, marks, same, same, marks.ticket(2, priority="urgent"), None)
    await put(stream, marks, b"[" + marks.ticket(3) + b"," + marks.ticket(4) + b"]")
    await put(
        stream, marks, marks.ticket(5, subject="", body=""), marks.ticket(6, body=marks["long"] * 1_000)
    )
    await put(stream, marks, marks["not json"].encode(), orjson_bytes({marks["not a ticket"]: 1}))
    await put(stream, marks, b"\xff" + marks["not utf-8"].encode(), marks["too large"].encode() * 2_000)
    await put(stream, marks, same)


async def put_corrections(stream: Stream, marks: Marks) -> None:
    """People's corrections, none of which can be used."""
    topic = f"{stream.name}-overrides"
    made_label = {"labels": {"label": marks["made label"]}, "by": marks["corrector"], "ticket_id": "1"}
    for key in (b"n1:" + b"0" * 64, marks["override key"].encode()):
        for value in (orjson_bytes(made_label), marks["override"].encode()):
            await stream.put([value], topic=topic, key=key)


def orjson_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


async def until_struck(stream: Stream, fault: str) -> None:
    try:
        await until(lambda: not stream.simulator.faults.is_armed(fault))
    except TimeoutError:
        pytest.fail(f"{fault} has struck no call")


async def strike_with_every_fault(stream: Stream, marks: Marks) -> None:
    """Each fault of the provider in its turn, until it has struck a call with tickets of ours."""
    for number, fault in enumerate(sorted(FAULTS.keys() - NOT_ASKED_FOR), start=100):
        stream.simulator.faults.replace([ArmedFault(name=fault, count=1, amount=2, text=marks["body"])])
        urgent = marks.ticket(number + 200, priority="urgent")
        await put(stream, marks, *(marks.ticket(number, f"{number} {n}") for n in range(4)))
        # Of another key: of the same it would take those before it into its lane, each alone.
        await stream.put([urgent], key=marks.key + b"-urgent", headers=marks.headers)
        await until_struck(stream, fault)


def signals(member: Member) -> set[str]:
    """What came of its calls."""
    return {line["outcome"] for line in member.logged("model_call")}


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_not_by_a_service_that_meets_every_fault(
    secured: SecuredKafka, tmp_path: Path, marks: Marks, log_format: str
) -> None:
    settings = {**QUICK, **secrets_of(marks), **secured.login(), "log__format": log_format}
    marks.words["Kafka password"] = PASSWORDS[MAY_ALL]
    provider = SimulatorOptions(api_key=marks["api key"], latency_s=0.01)
    async with a_stream(secured.bootstrap_servers, tmp_path, provider=provider, **settings) as stream:
        await create_topic(
            stream.bootstrap_servers, f"{stream.name}-overrides", 1, {"cleanup.policy": "compact"}
        )
        await put_corrections(stream, marks)
        member = await stream.member()
        await put_every_kind(stream, marks)
        await strike_with_every_fault(stream, marks)
        await stream.settled()
        said = await all_that_is_said(member)
        member.process.terminate()
        assert await member.exited() == 0
        said += member.log_file.read_text()
    assert "needs_review" in said
    assert "override_refused" in said
    assert "cache_backend_failed" in said
    assert "call_begun" in said, "the level is debug"
    assert marks.found_in(said) == []


async def test_not_by_a_service_whose_provider_echoes_what_it_is_sent(
    kafka: Kafka, tmp_path: Path, marks: Marks
) -> None:
    async with an_echo(marks["body"], marks["api key"]) as echo:
        settings = {**QUICK, "llm__api_key": marks["api key"], "llm__base_url": echo.url}
        async with a_stream(kafka.bootstrap_servers, tmp_path, **settings) as stream:
            member = await stream.working_member()
            for number in range(MISDEEDS):
                await put(stream, marks, marks.ticket(number), marks.ticket(number + 100, priority="urgent"))
            await until(lambda: len(member.logged("model_call")) >= MISDEEDS and signals(member) >= SIGNALS)
            said = await all_that_is_said(member)
    assert marks.found_in(said) == []


async def test_not_where_the_way_to_the_provider_leads_through_a_proxy_that_is_away(
    kafka: Kafka, tmp_path: Path, marks: Marks
) -> None:
    settings = {**QUICK, **secrets_of(marks), "llm__base_url": "https://provider.invalid/v1"}
    async with a_stream(kafka.bootstrap_servers, tmp_path, **settings) as stream:
        member = await stream.member()
        await put(stream, marks, marks.ticket(1), marks.ticket(2, priority="urgent"))
        await member.until_logged("needs_review", reason="deadline")
        said = await all_that_is_said(member)
    assert "provider_paused" in said
    assert marks.found_in(said) == []


async def test_not_by_a_service_that_kafka_does_not_let_in(
    secured: SecuredKafka, tmp_path: Path, marks: Marks
) -> None:
    refused = secured.login() | {"kafka__sasl_password": marks["Kafka password"]}
    settings = {**QUICK, **secrets_of(marks), **refused}
    async with a_stream(secured.bootstrap_servers, tmp_path, **settings) as stream:
        member = await stream.member()
        assert await member.exited() == 1
        said = member.log_file.read_text()
    assert "service_failed" in said
    assert marks.found_in(said) == []


COMMANDS = {
    "config": ("config",),
    "doctor": ("doctor",),
    "topics": ("topics",),
    "override": ("override", "--list"),
    "explain": ("explain", "ticket.json"),
    "classify --dry-run": ("classify", "tickets.jsonl", "--dry-run"),
    "classify": ("classify", "tickets.jsonl", "-o", "labelled.jsonl"),
    "load": ("load", "tickets.jsonl"),
    "profile": ("profile", "tickets.jsonl"),
    "replay": ("replay", "--from", "reviews", "--dry-run"),
}
SHOWN_ON_PURPOSE = {"explain": "body subject", "profile": "body subject"}
"""What a command is asked to show, on standard output."""


async def said_by(directory: Path, config: Path, *command: str) -> tuple[str, str]:
    """Standard output and error of a command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_classifier", *command, "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
        env=os.environ | {"NO_COLOR": "1"},
    )
    output, error = await process.communicate()
    return output.decode(), error.decode()


async def test_not_by_any_command(secured: SecuredKafka, tmp_path: Path, marks: Marks) -> None:
    settings = {**QUICK, **secrets_of(marks), **secured.login()}
    marks.words["Kafka password"] = PASSWORDS[MAY_ALL]
    provider = SimulatorOptions(api_key=marks["api key"])
    async with a_stream(secured.bootstrap_servers, tmp_path, provider=provider, **settings) as stream:
        (tmp_path / "ticket.json").write_bytes(marks.ticket(1))
        (tmp_path / "tickets.jsonl").write_bytes(b"\n".join(map(marks.ticket, range(20))))
        [port] = free_ports(1)
        config = stream.config_file("command", port)
        said = await asyncio.gather(*(said_by(tmp_path, config, *line) for line in COMMANDS.values()))
    told = {
        command: {line.partition(":")[0] for line in marks.found_in(output)}
        for command, (output, _) in zip(COMMANDS, said, strict=True)
    }
    assert marks.found_in("\n".join(error for _, error in said)) == []
    assert {command: what for command, what in told.items() if not what <= shown_by(command)} == {}


def shown_by(command: str) -> set[str]:
    """What a command is asked to show."""
    return set(SHOWN_ON_PURPOSE.get(command, "").split())


async def test_not_where_every_setting_is_a_fault(tmp_path: Path, marks: Marks) -> None:
    faulty = {
        group: {name: {"value": marks[f"{group}.{name}"]} for name in field.annotation.model_fields}
        for group, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    config = tmp_path / "stream-classifier.yaml"
    config.write_text(json.dumps(faulty | {"taxonomy": {"labels": [{"nome": marks["label"]}]}}))
    output, error = await said_by(tmp_path, config, "run")
    assert len(marks.words) > 60
    assert "The configuration has" in error
    assert marks.found_in(output + error) == []
