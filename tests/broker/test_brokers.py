"""What the tests of delivery rely on: clusters that start, die, freeze and come back, and never linger."""

import asyncio
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from redis import Redis as RedisClient
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.brokers import DidNotStart
from tests.brokers.client import create_topic, end_offsets, produce, read
from tests.brokers.installation import Installation
from tests.brokers.kafka import Kafka, RealKafka
from tests.brokers.redis import Redis
from tests.conftest import MakeTopic, StartKafka, StartRedis

REPOSITORY = Path(__file__).parents[2]


def values_of(records: list[ConsumerRecord[bytes, bytes]]) -> list[bytes]:
    return [record.value for record in records]


async def test_the_shared_kafka_takes_and_gives_records(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic(partitions=3)
    await produce(kafka.bootstrap_servers, topic, [b"1", b"2"], partition=2)
    assert values_of(await read(kafka.bootstrap_servers, topic, 2)) == [b"1", b"2"]
    assert await end_offsets(kafka.bootstrap_servers, topic, 3) == [0, 0, 2]


async def test_a_transaction_is_seen_when_it_is_committed(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic()
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic
    ) as producer:
        for outcome in (producer.abort_transaction, producer.commit_transaction):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, outcome.__name__.encode())
            await outcome()
    assert values_of(await read(kafka.bootstrap_servers, topic, 1)) == [b"commit_transaction"]


async def test_two_members_share_the_partitions(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic(partitions=4)
    settings = {"bootstrap_servers": kafka.bootstrap_servers, "group_id": topic}
    async with AIOKafkaConsumer(topic, **settings) as one, AIOKafkaConsumer(topic, **settings) as other:
        async with asyncio.timeout(30):
            while len(one.assignment()) != 2 or len(other.assignment()) != 2:
                await asyncio.gather(one.getmany(timeout_ms=100), other.getmany(timeout_ms=100))
    assert one.assignment().isdisjoint(other.assignment())


async def test_three_nodes_outlive_one_that_is_killed_and_take_it_back(start_kafka: StartKafka) -> None:
    kafka = await asyncio.to_thread(start_kafka, 3)
    address, topic = kafka.bootstrap_servers, "replicated"
    await create_topic(address, topic, 3)
    await produce(address, topic, [b"all three"])
    await asyncio.to_thread(kafka.nodes[0].process.kill)
    await produce(address, topic, [b"two"])
    await asyncio.to_thread(kafka.restart, kafka.nodes[0])
    await produce(address, topic, [b"three again"])
    assert set(values_of(await read(address, topic, 3))) == {b"all three", b"two", b"three again"}


async def test_a_node_keeps_its_records_and_address_through_kill_and_restart(start_kafka: StartKafka) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    address = kafka.bootstrap_servers
    await create_topic(address, "kept", 1)
    await produce(address, "kept", [b"before"])
    kafka.nodes[0].process.kill()
    with pytest.raises(KafkaError):
        await produce(address, "kept", [b"meanwhile"])
    await asyncio.to_thread(kafka.restart, kafka.nodes[0])
    assert values_of(await read(address, "kept", 1)) == [b"before"]


async def test_a_frozen_node_answers_nothing_until_it_is_thawed(start_kafka: StartKafka) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    address = kafka.bootstrap_servers
    await create_topic(address, "cold", 1)
    kafka.nodes[0].process.freeze()
    writing = asyncio.create_task(produce(address, "cold", [b"x"]))
    finished, _ = await asyncio.wait([writing], timeout=1)
    assert not finished
    kafka.nodes[0].process.thaw()
    await writing
    assert values_of(await read(address, "cold", 1)) == [b"x"]


def test_a_kafka_that_does_not_start_shows_the_end_of_its_log(
    kafka_installation: Installation, tmp_path: Path
) -> None:
    kafka = RealKafka(tmp_path, kafka_installation)
    with (
        socket.create_server(("127.0.0.1", kafka.nodes[0].port)),
        pytest.raises(DidNotStart, match=r"ended early(.|\n)*Address already in use"),
    ):
        kafka.start()


def test_an_archive_of_classes_that_is_of_no_use_is_passed_over(
    kafka_installation: Installation, tmp_path: Path
) -> None:
    archive = tmp_path / "classes.jsa"
    archive.write_bytes(b"of another Java")
    command = replace(kafka_installation, archive=archive).command(
        "kafka.tools.StorageTool", "random-uuid", name="archive", directory=tmp_path
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_redis_forgets_when_it_is_killed_and_keeps_its_address(start_redis: StartRedis) -> None:
    server = start_redis()
    with RedisClient.from_url(server.url) as client:
        client.set("key", "value")
        server.process.kill()
        with pytest.raises(RedisConnectionError):
            client.get("key")
        server.start()
        assert client.get("key") is None


def test_the_shared_redis_answers(redis: Redis) -> None:
    with RedisClient.from_url(redis.url) as client:
        assert client.ping()


def test_no_daemon_outlives_a_test_run_that_was_killed() -> None:
    """The daemon's log is our pipe: reading it to its end takes until the daemon is gone."""
    killed_run = """if True:
        import os, signal
        from pathlib import Path
        from tests.brokers.daemon import Daemon
        Daemon("orphan", ["sleep", "600"], Path("/dev/stdout")).start()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", killed_run], cwd=REPOSITORY, stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert done.returncode == -signal.SIGKILL
