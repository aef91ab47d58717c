"""A desk: sends urgent tickets and bulk ones to one partition, and notes when the urgent ones' events come.

An urgent ticket's time is a consumer's: from the sending of the ticket to the arrival of its event. Each has
a text of its own, so that none is known.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.kafka import BATCH_BYTES, STALL_S, Topics

PARTITION = 0  # of all tickets here: they share it
SPACING_S = 0.2  # two calls are under way on average; the urgent lane has eight places
COMPLAINTS = ("The login is broken", "Nobody can pay", "All our data is gone", "The site is down")
IS_BULK = b'"lane":"bulk"'  # a storm brings thousands of events a second: they are counted, not read


@dataclass(slots=True, kw_only=True)
class Desk:
    """Sends tickets, and notes when each urgent one's event comes back."""

    topics: Topics
    producer: AIOKafkaProducer
    sent_at: dict[str, float] = field(default_factory=dict)  # of the monotonic clock, by urgent ticket
    times_ms: dict[str, float] = field(default_factory=dict)  # from sending to arrival
    bulk_sent: int = 0
    bulk_labelled: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def alone(self, name: str, count: int) -> list[float]:
        """Milliseconds of `count` urgent tickets, one every `SPACING_S`."""
        return await self.behind(0, name, count)

    async def behind(self, backlog: int, name: str, count: int) -> list[float]:
        """The same with at least `backlog` bulk tickets sent before each and not labelled yet."""
        names = [f"{name}-{number}" for number in range(count)]
        for ticket_id in names:
            await self.top_up(backlog)
            await self.send_urgent(ticket_id)
            await asyncio.sleep(SPACING_S)
        return await self.come(names)

    async def burst(self, name: str, count: int) -> list[float]:
        """Milliseconds of `count` urgent tickets that are sent together."""
        names = [f"{name}-{number}" for number in range(count)]
        for ticket_id in names:
            await self.send_urgent(ticket_id)
        return await self.come(names)

    async def come(self, names: Sequence[str], within_s: float = STALL_S) -> list[float]:
        """Milliseconds of these urgent tickets, when the events of all have come. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not self.times_ms.keys() >= set(names):
                self.arrived.clear()
                await self.arrived.wait()
        return [self.times_ms[ticket_id] for ticket_id in names]

    async def labelled(self, count: int) -> None:
        """Return when so many bulk tickets have been labelled in all."""
        async with asyncio.timeout(STALL_S):
            while self.bulk_labelled < count:
                self.arrived.clear()
                await self.arrived.wait()

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Take note of every event, for ever."""
        while True:
            polled = await consumer.getmany(timeout_ms=1000)
            arrived_at = time.monotonic()
            values = [record.value for records in polled.values() for record in records]
            for event in (orjson.loads(value) for value in values if IS_BULK not in value):
                self.times_ms[event["ticket_id"]] = (arrived_at - self.sent_at[event["ticket_id"]]) * 1000
            self.bulk_labelled += sum(IS_BULK in value for value in values)
            if values:
                self.arrived.set()

    async def send_urgent(self, ticket_id: str) -> None:
        """Send an urgent ticket of this name."""
        text = f"{COMPLAINTS[len(self.sent_at) % len(COMPLAINTS)]}, see {ticket_id}"
        self.sent_at[ticket_id] = time.monotonic()
        ticket = {"ticket_id": ticket_id, "body": text, "priority": "urgent"}
        await self.producer.send(self.topics.input, orjson.dumps(ticket), partition=PARTITION)

    async def top_up(self, backlog: int) -> None:
        """Send bulk tickets, until so many are not labelled yet; each has a text of its own."""
        await self.send_bulk(backlog - (self.bulk_sent - self.bulk_labelled), invoice)

    async def send_bulk(self, count: int, value: Callable[[int], bytes], partition: int = PARTITION) -> None:
        """Send so many bulk tickets; `value` makes one by its number."""
        end = self.bulk_sent + count
        while self.bulk_sent < end:
            batch = self.producer.create_batch()
            while self.bulk_sent < end and batch.append(
                key=None, value=value(self.bulk_sent), timestamp=None
            ):
                self.bulk_sent += 1
            await (await self.producer.send_batch(batch, self.topics.input, partition=partition))


def invoice(number: int) -> bytes:
    """A bulk ticket with a text of its own."""
    return orjson.dumps({"ticket_id": f"B-{number}", "body": f"Please send invoice {number}"})


@asynccontextmanager
async def a_desk(topics: Topics, isolation_level: str = "read_uncommitted") -> AsyncIterator[Desk]:
    """A desk on these topics; its events are those that a reader of this isolation level sees."""
    servers = topics.bootstrap_servers
    reader = AIOKafkaConsumer(
        topics.output,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
    )
    async with (
        AIOKafkaProducer(bootstrap_servers=servers, max_batch_size=BATCH_BYTES) as producer,
        reader as consumer,
        asyncio.TaskGroup() as tasks,
    ):
        desk = Desk(topics=topics, producer=producer)
        following = tasks.create_task(desk.follow(consumer))
        yield desk
        following.cancel()
