"""A sample of a topic's end on a real Apache Kafka: one window of time, and no trace of having been there."""

from collections.abc import Iterable

import orjson
from aiokafka import AIOKafkaProducer

from stream_classifier.kafka.connection import admin_client
from stream_classifier.lab.profile.sources import Came
from stream_classifier.lab.profile.topic import sample
from stream_classifier.settings.kafka import Kafka as KafkaSettings
from tests.brokers.kafka import Kafka
from tests.conftest import MakeTopic

HOUR_MS = 3_600_000
FIRST_MS = 1_767_600_000_000


async def put(kafka: Kafka, topic: str, partition: int, times_ms: Iterable[int]) -> None:
    """A record at each of these times."""
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for at_ms in times_ms:
            value = orjson.dumps({"id": at_ms, "body": f"At {at_ms}"})
            await producer.send(topic, value, partition=partition, timestamp_ms=at_ms)
        await producer.flush()


async def sampled(kafka: Kafka, topic: str, last: int) -> list[Came]:
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    return [came async for came in sample(settings, topic, last)]


async def test_partitions_are_sampled_over_the_same_time(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic(partitions=2)
    await put(kafka, topic, 0, [FIRST_MS + hour * HOUR_MS for hour in range(20)])
    busy_ms = [FIRST_MS + 19 * HOUR_MS - 1000 + n for n in range(1000)]  # all within a second
    await put(kafka, topic, 1, busy_ms)
    found = await sampled(kafka, topic, 200)
    by_partition = {number: [c for c in found if f":{number}:" in c.where] for number in (0, 1)}
    assert {number: len(each) for number, each in by_partition.items()} == {0: 1, 1: 100}
    assert min(came.at or 0 for came in found) * 1000 == busy_ms[-100]


async def test_records_of_an_aborted_transaction_are_not_sampled(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic()
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap_servers, transactional_id=topic
    ) as producer:
        for outcome in (producer.commit_transaction, producer.abort_transaction):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b'{"id": 1, "body": "%s"}' % outcome.__name__.encode())
            await outcome()
    assert [came.fields["body"] for came in await sampled(kafka, topic, 100)] == ["commit_transaction"]


async def test_no_group_is_joined_and_nothing_committed(kafka: Kafka, make_topic: MakeTopic) -> None:
    topic = await make_topic()
    settings = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await put(kafka, topic, 0, [FIRST_MS])
    async with admin_client(settings) as admin:
        before = await admin.list_consumer_groups()
        assert len(await sampled(kafka, topic, 10)) == 1
        assert await admin.list_consumer_groups() == before
