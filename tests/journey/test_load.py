"""`load` and the way to Kafka over real sockets: the embedded broker, and ports that are no broker."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiokafka import AIOKafkaConsumer

from stream_classifier.cli import main
from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.connection import reachable
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.followed import followed
from stream_classifier.settings.kafka import Kafka
from tests.interrupts import ctrl_c_is_heeded

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, embedded_broker: EmbeddedBroker) -> Path:
    """A configuration file for the embedded broker, which has the input topic."""
    embedded_broker.create_topic("tickets", 2)
    path = tmp_path / "stream-classifier.yaml"
    servers = embedded_broker.bootstrap_servers
    path.write_text(
        yaml.safe_dump({"kafka": {"bootstrap_servers": servers}, "taxonomy": {"labels": ["a", "b"]}})
    )
    return path


@pytest.fixture
def backlog(tmp_path: Path) -> Path:
    path = tmp_path / "tickets.jsonl"
    path.write_bytes(b"".join(b'{"id": "T-%d", "text": "Help %d"}\n' % (n, n) for n in range(300)))
    return path


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], config: Path) -> Run:
    """Runs `load`; returns exit status, stdout and stderr."""

    def run_it(*args: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(["load", "--config", str(config), *args])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run_it


async def read(broker: EmbeddedBroker, count: int) -> list[tuple[bytes | None, Any]]:
    """Keys and values of the input topic's first records."""
    found: list[tuple[bytes | None, Any]] = []
    async with AIOKafkaConsumer(
        "tickets", bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(record.key, orjson.loads(record.value)) for record in records]
    return found


def test_a_file_is_played_whole_and_keyed_by_ticket(
    run: Run, backlog: Path, embedded_broker: EmbeddedBroker
) -> None:
    status, out, _ = run(str(backlog))
    assert (status, out.split()[:4]) == (0, ["sent", "300", "failed", "0"])
    found = asyncio.run(read(embedded_broker, 300))
    assert sorted(key or b"" for key, _ in found) == sorted(b"T-%d" % n for n in range(300))
    assert all(key == ticket["id"].encode() for key, ticket in found if key)


def test_the_limit_ends_the_play(run: Run, backlog: Path) -> None:
    assert run(str(backlog), "--limit", "7")[1].startswith("sent 7 ")


def test_bad_rows_are_told_with_their_line_and_the_rest_is_played(run: Run, tmp_path: Path) -> None:
    (tmp_path / "mixed.jsonl").write_text('{"id": 1}\nnot json\n{"id": 2}\n')
    status, out, err = run(str(tmp_path / "mixed.jsonl"))
    assert (status, out.split()[:4]) == (1, ["sent", "2", "failed", "1"])
    assert "Line 2:" in err


def test_a_missing_topic_is_a_sentence_and_is_not_created_by_looking(run: Run, backlog: Path) -> None:
    for _ in range(2):
        status, out, err = run(str(backlog), "--topic", "elsewhere")
        assert (status, out) == (1, "")
        assert "Topic elsewhere does not exist" in err
        assert "topics --create" in err


def test_a_file_that_is_not_there_is_a_sentence(run: Run) -> None:
    status, out, err = run("gone.jsonl")
    assert (status, out) == (1, "")
    assert "gone.jsonl cannot be opened" in err


def test_an_interruption_says_how_many_were_acknowledged(
    config: Path, backlog: Path, embedded_broker: EmbeddedBroker
) -> None:
    command = [sys.executable, "-m", "stream_classifier", "load", str(backlog), "--config", str(config)]
    with ctrl_c_is_heeded():
        process = subprocess.Popen(
            [*command, "--rate", "5"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    with process:
        asyncio.run(read(embedded_broker, 1))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    acknowledged = int(out.split()[1])
    assert 0 < acknowledged < 300
    assert f"Interrupted: {acknowledged} records had been acknowledged" in err


async def test_a_broker_that_is_there_is_reachable(embedded_broker: EmbeddedBroker) -> None:
    await reachable(Kafka(bootstrap_servers=embedded_broker.bootstrap_servers))


async def test_one_of_several_servers_is_enough(embedded_broker: EmbeddedBroker) -> None:
    await reachable(Kafka(bootstrap_servers=f"localhost:{free_port()},{embedded_broker.bootstrap_servers}"))


async def test_a_port_where_nothing_listens_is_told_by_its_address() -> None:
    port = free_port()
    with pytest.raises(OperatorFault, match=f"Nothing listens at localhost:{port}"):
        await reachable(Kafka(bootstrap_servers=f"localhost:{port}"))


async def test_a_port_that_is_no_broker_is_told() -> None:
    async with serving(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        with pytest.raises(OperatorFault, match="closed the connection at once"):
            await reachable(Kafka(bootstrap_servers=f"localhost:{port}"))


async def test_a_port_that_never_answers_is_told_within_the_time_given() -> None:
    async with serving(None) as port:
        with pytest.raises(OperatorFault, match="did not answer in time"):
            await reachable(Kafka(bootstrap_servers=f"localhost:{port}"), timeout_s=0.2)


async def test_a_followed_source_comes_whole_and_in_order() -> None:
    assert [item async for item in followed(iter(range(1000)))] == list(range(1000))


async def test_a_fault_of_a_followed_source_is_raised_where_it_is_drawn() -> None:
    def breaks_off() -> Iterator[int]:
        yield 1
        raise OperatorFault("It breaks off.")

    source = followed(breaks_off())
    assert await anext(source) == 1
    with pytest.raises(OperatorFault, match="breaks off"):
        await anext(source)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def serving(answer: bytes | None) -> AsyncIterator[int]:
    """A port that gives this answer to whatever comes, or none at all."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        if answer is not None:
            await reader.read(1)
            writer.write(answer)
            writer.close()

    server = await asyncio.start_server(serve, "localhost", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.close()
