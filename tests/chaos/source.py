"""Sends the made records at a rate, whatever the cluster goes through."""

import asyncio
from collections.abc import Iterator

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.chaos.tickets import Record

TICK_S = 0.05


async def send_at_rate(
    bootstrap_servers: str, topic: str, records: Iterator[Record], per_s: float, until: asyncio.Event
) -> None:
    """Send until told to stop, then wait for what is under way. A node that is away delays records; one whose
    fate is unknown is left alone: what counts is what stands on the topic."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all") as producer:
        due = 0.0
        while not until.is_set():
            due += per_s * TICK_S
            while due >= 1:
                due -= 1
                await _send(producer, topic, next(records))
            await asyncio.sleep(TICK_S)
        await producer.flush()


async def _send(producer: AIOKafkaProducer, topic: str, record: Record) -> None:
    try:
        sent = await producer.send(topic, record.value, key=record.key)
    except KafkaError:
        return
    sent.add_done_callback(lambda future: future.cancelled() or future.exception())
