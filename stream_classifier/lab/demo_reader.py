"""Reads the demo's topics from their start, as any consumer would, into the account and the results."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from stream_classifier.kafka.connection import client_kwargs
from stream_classifier.lab.demo_account import Account
from stream_classifier.lab.demo_results import Results
from stream_classifier.settings.kafka import Kafka

POLL_MS = 200
"""The longest time from the end of the topics to noticing it."""


@dataclass(slots=True, kw_only=True)
class Reader:
    """Fills `account` and `results` while `run` runs; `news` is set, and replaced, when something came."""

    kafka: Kafka
    consumer: AIOKafkaConsumer
    account: Account
    results: Results
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _ending: bool = False

    async def run(self) -> None:
        """Read until `finish` has been called and the ends of the topics are reached."""
        while not (self._ending and await self._at_the_ends()):
            for partition, records in (await self.consumer.getmany(timeout_ms=POLL_MS)).items():
                self._take(partition.topic, records)
                self.news.set()
                self.news = asyncio.Event()

    def finish(self) -> None:
        """Nobody writes any more: `run` is to return when all is read."""
        self._ending = True

    async def _at_the_ends(self) -> bool:
        ends: dict[TopicPartition, int] = await self.consumer.end_offsets(self.consumer.assignment())
        return all([await self.consumer.position(tp) >= end for tp, end in ends.items()])

    def _take(self, topic: str, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        for record in records:
            if topic == self.kafka.input_topic:
                self.account.came_in(record.partition, record.offset)
            elif topic == self.kafka.output_topic:
                self._labelled(orjson.loads(record.value or b""))
            else:
                self._dead_letter(dict(record.headers))

    def _labelled(self, event: dict[str, Any]) -> None:
        self.account.came_out(event["source"]["partition"], event["source"]["offset"])
        self.results.add(event)

    def _dead_letter(self, headers: dict[str, bytes]) -> None:
        self.account.came_out(int(headers["dlq.partition"]), int(headers["dlq.offset"]))
        self.results.dead_letters += 1


@asynccontextmanager
async def open_reader(
    kafka: Kafka, partitions: int, account: Account, results: Results
) -> AsyncIterator[Reader]:
    """A reader of the input, output and dead-letter topics, each with so many partitions."""
    consumer = AIOKafkaConsumer(**client_kwargs(kafka), group_id=None, auto_offset_reset="earliest")
    topics = (kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic)
    consumer.assign([TopicPartition(topic, number) for topic in topics for number in range(partitions)])
    async with consumer:
        yield Reader(kafka=kafka, consumer=consumer, account=account, results=results)


async def committed_offsets(kafka: Kafka, partitions: int) -> dict[int, int]:
    """What the service's group has committed, by partition of the input; 0 where it has not."""
    consumer = AIOKafkaConsumer(**client_kwargs(kafka), group_id=kafka.group_id, enable_auto_commit=False)
    numbered = {number: TopicPartition(kafka.input_topic, number) for number in range(partitions)}
    consumer.assign(list(numbered.values()))
    async with consumer:
        return {number: await consumer.committed(tp) or 0 for number, tp in numbered.items()}
