"""The producer before a broker that is frozen: it takes nothing, and nothing may be kept for it."""

import asyncio
import time

from aiokafka.errors import ProducerClosed

from stream_classifier.kafka.producer import Producer
from tests.broker.stream import read_to
from tests.brokers.client import create_topic
from tests.conftest import StartKafka

PARTITIONS = 40
LARGE = b"x" * 200_000  # of all partitions together: more than the sockets' buffers take
AT_ONCE_S = 2.0


async def test_what_is_under_way_to_a_frozen_broker_is_given_up_at_once_and_not_sent_when_it_thaws(
    start_kafka: StartKafka,
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    await create_topic(kafka.bootstrap_servers, "labels", PARTITIONS)
    producer = Producer({"bootstrap_servers": kafka.bootstrap_servers})
    await producer.start(["labels"])
    kafka.nodes[0].process.freeze()
    sends = [
        asyncio.create_task(producer.send("labels", number, [(None, LARGE, [])]))
        for number in range(PARTITIONS)
    ]
    await asyncio.wait(sends, timeout=1)
    began = time.monotonic()
    producer.abandon()
    outcomes = await asyncio.gather(*sends, return_exceptions=True)
    assert time.monotonic() - began < AT_ONCE_S
    assert {type(outcome) for outcome in outcomes} == {ProducerClosed}
    kafka.nodes[0].process.thaw()
    await producer.send("labels", 0, [(None, b"sent", [])])
    await producer.stop()
    ends = [1, *[0] * (PARTITIONS - 1)]
    assert [record.value for record in await read_to(kafka.bootstrap_servers, "labels", ends)] == [b"sent"]
