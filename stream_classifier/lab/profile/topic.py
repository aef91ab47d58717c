"""A sample from the end of a topic, in one window of time.

Rules
-----
* Nothing is committed, no group is joined, and no topic is made by looking for it.
* The last records of each partition are taken, about `last` in all. Where a partition has more than its part,
  all are read from the time at which the shortest of these parts begins: else a partition with little traffic
  would bring days and a busy one minutes, and rates and repeats would be neither's.
* It ends at the ends that the partitions had when it began. The time of a record is the broker's.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.access import require_sight
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.connection import admin_client, client_kwargs
from stream_classifier.kafka.overrides_topic import FromStart
from stream_classifier.kafka.topics import read_topics
from stream_classifier.lab.profile.sources import Came
from stream_classifier.settings.kafka import Kafka

FETCH_BYTES = 4 << 20  # of one answer
FIRST_WITHIN_MS = 10_000
STALL_S = 30.0  # above a cluster's change of leader

Offsets = dict[TopicPartition, int]


async def sample(kafka: Kafka, topic: str, last: int) -> AsyncIterator[Came]:
    """About the last so many records of a topic. Raises `OperatorFault` where it cannot be read."""
    partitions = await _partitions(kafka, topic)
    with broker_faults(kafka):
        async with _consumer(kafka, topic, partitions) as consumer:
            tps = [TopicPartition(topic, number) for number in range(partitions)]
            begins, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            reading = FromStart(consumer, await _starts(consumer, begins, ends, -(-last // partitions)))
            reading.reach(ends)
            async with asyncio.timeout(STALL_S) as limit:
                while not reading.caught_up:
                    if reading.stale:
                        raise OperatorFault(f"Topic {topic} has changed while it was read: start again.")
                    for record in await reading.poll():
                        if record.offset < ends[TopicPartition(topic, record.partition)] and record.value:
                            yield _came(record)
                        limit.reschedule(asyncio.get_running_loop().time() + STALL_S)


async def _partitions(kafka: Kafka, topic: str) -> int:
    await require_sight(kafka, [topic])
    async with admin_client(kafka) as admin:
        topics = await read_topics(admin, [topic])
    if topic not in topics:
        raise OperatorFault(
            f"Topic {topic} does not exist, or this user may not see it: name one that is there by --topic."
        )
    return topics[topic].partitions


@asynccontextmanager
async def _consumer(kafka: Kafka, topic: str, partitions: int) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group."""
    consumer = AIOKafkaConsumer(
        **client_kwargs(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
    )
    try:
        await consumer.start()
        consumer.assign([TopicPartition(topic, number) for number in range(partitions)])
        yield consumer
    finally:
        await consumer.stop()


async def _starts(consumer: AIOKafkaConsumer, begins: Offsets, ends: Offsets, each: int) -> Offsets:
    """Where each partition is read from."""
    starts = {tp: max(begins[tp], ends[tp] - each) for tp in begins}
    cut = [tp for tp, start in starts.items() if start > begins[tp]]
    since_ms = max([await _time_ms(consumer, tp, starts[tp]) for tp in cut], default=None)
    if since_ms is None:
        return starts
    found: Mapping[TopicPartition, Any] = await consumer.offsets_for_times(dict.fromkeys(starts, since_ms))
    since = {tp: ends[tp] if at is None else at.offset for tp, at in found.items()}
    return {tp: max(start, since[tp]) for tp, start in starts.items()}


async def _time_ms(consumer: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> int:
    """When the record at this offset, or the next one that is there, came; 0 where none is."""
    consumer.seek(tp, offset)
    polled = await consumer.getmany(tp, timeout_ms=FIRST_WITHIN_MS, max_records=1)
    return max((record.timestamp for records in polled.values() for record in records), default=0)


def _came(record: "ConsumerRecord[bytes, bytes]") -> Came:
    value = record.value or b""
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError:
        fields = None
    return Came(
        where=f"{record.topic}:{record.partition}:{record.offset}",
        value=value,
        headers=record.headers,
        fields=fields if isinstance(fields, dict) else {},
        at=record.timestamp / 1000,
    )
