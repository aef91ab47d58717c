"""`profile` as a process: from standard input, stopped half-way, and from the end of a topic."""

import asyncio
import fcntl
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import yaml
from aiokafka import AIOKafkaProducer

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.profile.sources import Came
from stream_classifier.lab.profile.topic import sample
from stream_classifier.settings.kafka import Kafka
from tests.interrupts import ctrl_c_is_heeded
from tests.patience import until

HOUR_MS = 3_600_000
NOW_MS = 1_767_600_000_000


def lines(number: int) -> bytes:
    each = (
        {"id": n, "body": f"Button {n} does nothing", "created_at": NOW_MS + n * 1000} for n in range(number)
    )
    return b"".join(orjson.dumps(line) + b"\n" for line in each)


@contextmanager
def profiling(folder: Path, *args: str) -> "Iterator[subprocess.Popen[bytes]]":
    """The command, its standard input a pipe."""
    config = folder / "stream-classifier.yaml"
    if not config.exists():
        config.write_text(yaml.safe_dump({"taxonomy": {"labels": ["a", "b"]}}))
    with ctrl_c_is_heeded():
        process = subprocess.Popen(
            [sys.executable, "-m", "stream_classifier", "profile", *args, "--config", str(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(Path.cwd())},
            cwd=folder,
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_standard_input_is_read_to_its_end(tmp_path: Path) -> None:
    with profiling(tmp_path, "-", "--json") as process:
        out, err = process.communicate(lines(300), timeout=60)
    assert (process.returncode, err) == (0, b"")
    found = orjson.loads(out)
    assert (found["source"], found["tickets"]) == ("standard input", 300)
    assert found["arrivals"]["per_s"] == pytest.approx(1.0)


def unread(process: "subprocess.Popen[bytes]") -> int:
    """Bytes in the pipe that the process has not read."""
    assert process.stdin
    return int(struct.unpack("i", fcntl.ioctl(process.stdin, termios.FIONREAD, bytes(4)))[0])


async def test_what_was_read_until_ctrl_c_is_profiled(tmp_path: Path) -> None:
    with profiling(tmp_path, "-", "--json") as process:
        assert process.stdin
        process.stdin.write(lines(300))
        process.stdin.flush()
        await until(lambda: not unread(process))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    found = orjson.loads(out)
    assert process.returncode == 1
    assert f"Interrupted: this is the profile of the first {found['tickets']} tickets." in err.decode()
    assert 0 < found["tickets"] <= 300
    assert not found["whole"]


def test_into_a_pipe_there_is_no_progress_bar(tmp_path: Path) -> None:
    (tmp_path / "tickets.jsonl").write_bytes(lines(50))
    with profiling(tmp_path, "tickets.jsonl") as process:
        out, err = process.communicate(timeout=60)
    assert err == b""
    assert b"\x1b" not in out
    assert b"A configuration to paste" in out


# --------------------------------------------------------------------------------------- from a topic


@pytest.fixture
def kafka(embedded_broker: EmbeddedBroker) -> Kafka:
    embedded_broker.create_topic("tickets", 2)
    return Kafka(bootstrap_servers=embedded_broker.bootstrap_servers)


async def put(kafka: Kafka, partition: int, times_ms: Iterable[int]) -> None:
    """A record at each of these times."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for at_ms in times_ms:
            value = orjson.dumps({"id": at_ms, "body": f"At {at_ms}", "language": "en"})
            await producer.send("tickets", value, partition=partition, timestamp_ms=at_ms)
        await producer.flush()


async def sampled(kafka: Kafka, last: int) -> list[Came]:
    return [came async for came in sample(kafka, "tickets", last)]


def hours(*each: int) -> list[int]:
    return [NOW_MS + hour * HOUR_MS for hour in each]


async def test_a_topic_that_is_small_is_taken_whole(kafka: Kafka) -> None:
    await put(kafka, 0, hours(0, 1))
    await put(kafka, 1, hours(2))
    found = await sampled(kafka, 100)
    assert sorted(came.at or 0 for came in found) == [at / 1000 for at in hours(0, 1, 2)]
    assert found[0].fields["language"] == "en"
    assert {came.where for came in found} == {"tickets:0:0", "tickets:0:1", "tickets:1:0"}


async def test_an_empty_topic_gives_nothing(kafka: Kafka) -> None:
    assert await sampled(kafka, 100) == []


async def test_a_topic_that_is_not_there_is_told_and_not_made(kafka: Kafka) -> None:
    with pytest.raises(OperatorFault, match="Topic nowhere does not exist"):
        [came async for came in sample(kafka, "nowhere", 10)]
    with pytest.raises(OperatorFault, match="Topic nowhere does not exist"):
        [came async for came in sample(kafka, "nowhere", 10)]


def test_a_sample_of_a_topic_is_profiled(tmp_path: Path, kafka: Kafka) -> None:
    asyncio.run(put(kafka, 0, [NOW_MS + n * 1000 for n in range(200)]))
    groups = {"kafka": {"bootstrap_servers": kafka.bootstrap_servers}, "taxonomy": {"labels": ["a", "b"]}}
    (tmp_path / "stream-classifier.yaml").write_text(yaml.safe_dump(groups))
    with profiling(tmp_path, "--topic", "tickets", "--json") as process:
        out, _ = process.communicate(timeout=60)
    found = orjson.loads(out)
    assert (found["source"], found["tickets"]) == ("tickets", 200)
    assert found["arrivals"]["per_s"] == pytest.approx(1.0)
