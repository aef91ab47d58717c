"""What the demo relies on: our client against the embedded broker."""

import asyncio
import builtins
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream_classifier.lab.broker import EmbeddedBroker, EmbeddedBrokerError, EmbeddedBrokerMissingError
from tests.brokers.client import admin_of, produce, read

TOPIC = "tickets"
GROUP = "classifiers"


@pytest.fixture
async def member(embedded_broker: EmbeddedBroker) -> AsyncIterator[AIOKafkaConsumer]:
    embedded_broker.create_topic(TOPIC, 3)
    async with AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=embedded_broker.bootstrap_servers,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    ) as consumer:
        yield consumer


async def test_a_topic_has_the_partitions_asked_for(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic(TOPIC, 7)
    async with AIOKafkaProducer(bootstrap_servers=embedded_broker.bootstrap_servers) as producer:
        assert await producer.partitions_for(TOPIC) == set(range(7))


async def test_creating_a_topic_twice_keeps_its_partitions(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic(TOPIC, 2)
    embedded_broker.create_topic(TOPIC, 5)
    async with AIOKafkaProducer(bootstrap_servers=embedded_broker.bootstrap_servers) as producer:
        assert await producer.partitions_for(TOPIC) == {0, 1}


def test_a_topic_without_partitions_is_refused(embedded_broker: EmbeddedBroker) -> None:
    with pytest.raises(EmbeddedBrokerError, match="tickets"):
        embedded_broker.create_topic(TOPIC, 0)


async def test_what_is_produced_is_read_in_order_with_its_headers(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic(TOPIC, 1)
    async with AIOKafkaProducer(
        bootstrap_servers=embedded_broker.bootstrap_servers, enable_idempotence=True, acks="all"
    ) as producer:
        for number in range(20):
            await producer.send_and_wait(TOPIC, b"%d" % number, key=b"k", headers=[("n", b"%d" % number)])
    records = await read(embedded_broker.bootstrap_servers, TOPIC, 20)
    assert [record.value for record in records] == [b"%d" % number for number in range(20)]
    assert [record.headers for record in records] == [(("n", b"%d" % number),) for number in range(20)]


async def test_one_member_gets_every_partition(member: AIOKafkaConsumer) -> None:
    await member.getmany(timeout_ms=100)
    assert member.assignment() == {TopicPartition(TOPIC, number) for number in range(3)}


async def test_a_commit_keeps_its_metadata(embedded_broker: EmbeddedBroker, member: AIOKafkaConsumer) -> None:
    partition = TopicPartition(TOPIC, 0)
    await member.commit({partition: OffsetAndMetadata(2, "finished beyond it")})
    async with admin_of(embedded_broker.bootstrap_servers) as admin:
        committed = await admin.list_consumer_group_offsets(GROUP, partitions=[partition])
    assert committed == {partition: OffsetAndMetadata(2, "finished beyond it")}


async def test_the_next_member_goes_on_where_the_last_one_committed(embedded_broker: EmbeddedBroker) -> None:
    embedded_broker.create_topic(TOPIC, 1)
    address, partition = embedded_broker.bootstrap_servers, TopicPartition(TOPIC, 0)
    await produce(address, TOPIC, [b"0", b"1", b"2"])
    # A member that leaves is waited for until its session would have ended: the shortest there is.
    settings: dict[str, Any] = {"bootstrap_servers": address, "group_id": GROUP, "session_timeout_ms": 1_000}
    async with AIOKafkaConsumer(TOPIC, enable_auto_commit=False, **settings) as first:
        await first.commit({partition: 2})
    async with AIOKafkaConsumer(TOPIC, **settings) as second:
        assert (await second.getone()).value == b"2"


async def test_a_broker_that_went_down_comes_back_at_its_address_with_its_records(
    embedded_broker: EmbeddedBroker,
) -> None:
    embedded_broker.create_topic(TOPIC, 1)
    address = embedded_broker.bootstrap_servers
    await produce(address, TOPIC, [b"before"])
    embedded_broker.go_down()
    with pytest.raises(KafkaError):
        await produce(address, TOPIC, [b"while it is down"])
    embedded_broker.come_up()
    assert [record.value for record in await read(address, TOPIC, 1)] == [b"before"]


async def test_two_brokers_do_not_know_each_other() -> None:
    with EmbeddedBroker({TOPIC: 1}) as one, EmbeddedBroker({TOPIC: 1}) as other:
        await asyncio.gather(
            produce(one.bootstrap_servers, TOPIC, [b"one"]),
            produce(other.bootstrap_servers, TOPIC, [b"other"]),
        )
        assert [record.value for record in await read(other.bootstrap_servers, TOPIC, 1)] == [b"other"]


def test_closing_twice_does_no_harm() -> None:
    broker = EmbeddedBroker()
    broker.close()
    broker.close()


def test_a_closed_broker_says_that_it_is_closed() -> None:
    with EmbeddedBroker() as broker:
        pass
    with pytest.raises(EmbeddedBrokerError, match="closed"):
        broker.create_topic(TOPIC)


def test_without_confluent_kafka_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_it(name: str, *rest: Any) -> Any:
        if name.startswith("confluent_kafka"):
            raise ImportError(name)
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_it)
    with pytest.raises(EmbeddedBrokerMissingError, match=r"pip install 'stream-classifier\[demo\]'"):
        EmbeddedBroker()
