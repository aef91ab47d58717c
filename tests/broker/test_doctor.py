"""The doctor on a real Apache Kafka, with each fault of brokers, rights and topics made real."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from stream_classifier.lab.doctor.checks import Line, State
from stream_classifier.lab.doctor.examining import examination
from stream_classifier.lab.doctor.passage import MARK
from stream_classifier.settings import load
from tests.broker.stream import Stream, a_stream, ticket
from tests.broker.test_secured import WAYS_SHUT, Shut, needed
from tests.brokers.client import admin_of, create_topic, end_offsets
from tests.brokers.installation import Installation
from tests.brokers.kafka import Extra, Kafka, RealKafka
from tests.brokers.secured import MAY_LITTLE, SecuredKafka
from tests.conftest import StartKafka
from tests.patience import until

# What each way that is shut fails at; the other two it does not come to.
FAILS_AT = {
    "a wrong password": "login",
    "a wrong password in plain": "login",
    "an unknown user": "login",
    "a token that is none": "login",
    "an authority that is not trusted": "broker TLS",
    "a certificate for another host": "broker TLS",
    "no client certificate": "broker TLS",
    "a client certificate of a stranger": "broker TLS",
    "plain text to TLS": "login",
    "TLS to plain text": "broker TLS",
    "no login where one is asked for": "login",
}


async def doctored(stream: Stream, **settings: Any) -> list[Line]:
    """What the doctor finds of a stream."""
    loaded = load(stream.config_file(f"{stream.name}-doctor", 1, **settings), os.environ)
    found = examination(loaded, os.environ, agree=lambda _: "Not wanted.", trying=lambda _: None)
    return [line async for line in found]


async def faults(stream: Stream, **settings: Any) -> dict[str, str]:
    """The sentences of the faults, by line."""
    return {
        line.check: line.sentence for line in await doctored(stream, **settings) if line.state is State.FAULT
    }


async def states(stream: Stream, **settings: Any) -> dict[str, State]:
    """By line, what is said there last."""
    return {line.check: line.state for line in await doctored(stream, **settings)}


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_a_stream_that_is_in_order_has_no_fault(kafka: Kafka, tmp_path: Path, delivery: str) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__delivery=delivery) as stream:
        await stream.put([ticket(1)])
        found = await states(stream)
        assert State.FAULT not in found.values()
        assert found["transactions"] is (State.OK if delivery == "exactly-once" else State.NOT_CHECKED)


async def test_looking_commits_nothing_and_publishes_nothing(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__delivery="exactly-once") as stream:
        await stream.put([ticket(1), ticket(2)])
        loaded = load(stream.config_file("doctor", 1), os.environ)
        found = examination(loaded, os.environ, agree=lambda _: None, trying=lambda _: None)
        [line] = [line async for line in found if line.check == "ticket"]
        assert line.state is State.OK
        assert "not published" in line.sentence
        assert (await stream.committed())[0].offset == -1
        for topic in (stream.labels, stream.dead_letters):
            assert await end_offsets(kafka.bootstrap_servers, topic, 1) == [0]


async def test_a_replica_that_works_goes_on_working_while_the_doctor_looks(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__delivery="exactly-once") as stream:
        member = await stream.working_member()
        await stream.put([ticket(1)])
        await stream.settled()
        assert await faults(stream) == {}
        await stream.put([ticket(2)])
        await stream.settled()
        assert len(await stream.events()) == 2
        assert len(member.logged("partitions_assigned")) == 1
        assert not member.logged("producer_fenced")


async def through_the_stream(stream: Stream, **settings: Any) -> Line:
    """What the doctor says of a ticket that it sends through the stream itself."""
    loaded = load(stream.config_file("doctor", 1, **settings), os.environ)
    found = examination(loaded, os.environ, agree=lambda _: None, trying=lambda _: None, publish=True)
    [line] = [line async for line in found if line.check == "stream"]
    return line


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_a_made_up_ticket_that_is_asked_for_goes_through_the_replica_that_runs_and_is_marked(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__delivery=delivery) as stream:
        await stream.working_member()
        line = await through_the_stream(stream)
        assert line.state is State.OK, line.sentence
        assert f"{stream.tickets}:0:0 came out at {stream.labels}:0:0" in line.sentence
        assert "(urgent lane)" in line.sentence
        [record] = await stream.records(stream.labels)
        assert MARK in dict(record.headers)
        assert orjson.loads(record.value)["ticket_id"].startswith("doctor-")


async def test_without_the_right_to_write_tickets_none_is_sent(secured: SecuredKafka, tmp_path: Path) -> None:
    async with a_stream(secured.bootstrap_servers, tmp_path, **secured.login(user=MAY_LITTLE)) as stream:
        await asyncio.to_thread(secured.grant, needed(stream).values())
        line = await through_the_stream(stream)
    assert line.state is State.NOT_CHECKED
    assert f"WRITE on topic {stream.tickets}" in line.sentence


@pytest.mark.parametrize("name", WAYS_SHUT)
async def test_each_way_that_is_shut_is_one_fault_in_the_line_of_its_step(
    secured: SecuredKafka, tmp_path: Path, name: str
) -> None:
    shut: Shut = WAYS_SHUT[name]
    settings = shut.settings(secured, tmp_path)
    async with a_stream(secured.bootstrap_servers, tmp_path, topics=False, **settings) as stream:
        found = await faults(stream)
    assert list(found) == [FAILS_AT[name]]
    assert all(words in found[FAILS_AT[name]] for words in shut.says)


async def test_each_right_has_its_line(secured: SecuredKafka, tmp_path: Path) -> None:
    login = secured.login(user=MAY_LITTLE) | {"kafka__delivery": "exactly-once"}
    async with a_stream(secured.bootstrap_servers, tmp_path, **login) as stream:
        rights = needed(stream)
        transactions = f"WRITE on every transactional id that begins with {stream.name}"
        assert set(await faults(stream)) == {*rights, transactions}
        for right in list(rights):
            await asyncio.to_thread(secured.grant, [rights.pop(right)])
            assert set(await faults(stream)) == {*rights, transactions}


async def test_a_broker_that_is_away_and_a_name_that_nobody_knows_have_their_lines(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        unknown = await faults(stream, kafka__bootstrap_servers="nosuch.invalid:9092")
        assert list(unknown) == ["broker name"]
        away = await faults(stream, kafka__bootstrap_servers="127.0.0.1:9")
        assert list(away) == ["broker connection"]


async def test_one_of_two_bootstrap_servers_is_enough_and_the_other_is_noted(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        servers = f"{kafka.bootstrap_servers},127.0.0.1:9"
        lines = await doctored(stream, kafka__bootstrap_servers=servers)
    assert [line.state for line in lines if line.check == "broker connection"] == [State.OK, State.NOTE]
    assert not [line for line in lines if line.state is State.FAULT]


async def test_missing_topics_are_faults_and_corrections_that_would_be_forgotten_are_one(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await create_topic(kafka.bootstrap_servers, stream.tickets, 1)
        overrides = f"{stream.name}-overrides"
        await create_topic(kafka.bootstrap_servers, overrides, 1, {"cleanup.policy": "delete"})
        found = await faults(stream)
    topics = (stream.labels, stream.dead_letters, overrides)
    assert list(found) == [f"topic {name}" for name in topics]
    assert "not compacted" in found[f"topic {overrides}"]


async def test_more_replicas_in_sync_than_there_are_is_a_fault(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await stream.create_topics(labels={"min.insync.replicas": "2"})
        found = await faults(stream)
    assert list(found) == [f"topic {stream.labels}"]


async def test_what_retention_removed_before_it_was_labelled_is_noted(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.put(map(ticket, range(5)))
        member = await stream.working_member()
        await stream.settled()
        await member.kill()
        await stream.put(map(ticket, range(5, 9)))
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_records({TopicPartition(stream.tickets, 0): RecordsToDelete(7)})
        [line] = [line for line in await doctored(stream) if "Retention" in line.sentence]
    assert (line.check, line.state) == ("offsets", State.NOTE)
    assert "removed 2 records" in line.sentence


async def test_tickets_that_are_dated_after_our_clock_are_noted(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.put([ticket(1)])
        assert (await states(stream))["clock of tickets"] is State.OK
        ahead_ms = round((time.time() + 600) * 1000)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
            await producer.send_and_wait(stream.tickets, ticket(2), timestamp_ms=ahead_ms)
        assert (await states(stream))["clock of tickets"] is State.NOTE


async def test_more_time_for_a_transaction_than_the_brokers_give_is_a_fault(
    kafka_installation: Installation, tmp_path: Path
) -> None:
    short = Extra(settings={"transaction.max.timeout.ms": 5_000})
    cluster = RealKafka(tmp_path / "kafka", kafka_installation, extra=short)
    await asyncio.to_thread(cluster.start)
    try:
        async with a_stream(cluster.bootstrap_servers, tmp_path, kafka__delivery="exactly-once") as stream:
            found = await faults(stream)
    finally:
        cluster.close()
    assert list(found) == ["transactions"]
    assert "kafka.transaction_timeout_s" in found["transactions"]


async def test_a_broker_that_is_lost_is_noted_and_a_partition_that_none_serves_is_a_fault(
    start_kafka: StartKafka, tmp_path: Path
) -> None:
    cluster = await asyncio.to_thread(start_kafka, 3)
    lost = cluster.nodes[0]
    async with a_stream(cluster.bootstrap_servers, tmp_path) as stream:
        alone = f"{stream.name}-alone"
        async with admin_of(cluster.bootstrap_servers) as admin:
            await admin.create_topics([NewTopic(alone, -1, -1, {0: [lost.node_id]})])
        assert await faults(stream) == {}
        lost.process.kill()
        await until(lambda: says(stream, f"topic {stream.tickets}", State.NOTE))
        await until(lambda: says(stream, f"topic {alone}", State.FAULT, kafka__dead_letter_topic=alone))


async def says(stream: Stream, check: str, state: State, **settings: Any) -> bool:
    return (check, state) in [(line.check, line.state) for line in await doctored(stream, **settings)]
