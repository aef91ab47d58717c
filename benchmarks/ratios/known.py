"""A ticket that the cache knows, from the broker's bytes to a batch that is acknowledged: the service's own
parts, and the work of the bare loop (`benchmarks/bare_loop.py`) on the same bytes.

What is left out on both sides: sockets, and the commit, of which there is one a poll.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.hot_path import EVENT_BYTES, made_ticket
from benchmarks.kafka import Keyed
from benchmarks.ratios.kafka import INPUT, OUTPUT, a_producer, at_offset, batch_of, read_as_any, read_as_asked
from stream_classifier.cache import Cache, MemoryFront
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Order, Outcome
from stream_classifier.core.journey import Partition
from stream_classifier.core.known import Known
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.kafka.consumer import new_consumer
from stream_classifier.kafka.outbox import Outbox
from stream_classifier.kafka.producer import BATCH_BYTES, Producer
from stream_classifier.kafka.turns import LARGEST
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.service.building import Builder
from stream_classifier.service.parts import Pipeline
from stream_classifier.settings import Settings

TICKETS = 1_000  # a slice: some ten milliseconds
TEXTS = 200  # among them
FETCHED = 500  # records in a batch of the input topic


def made_batches() -> list[bytearray]:
    """The input of a slice."""
    records: list[Keyed] = [made_ticket(number, number % TEXTS) for number in range(TICKETS)]
    return [batch_of(records[first : first + FETCHED]) for first in range(0, TICKETS, FETCHED)]


@dataclass(slots=True)
class Topic:
    """Hands out the same batches again and again, further on each time."""

    batches: Sequence[bytearray] = field(default_factory=made_batches)
    end: int = 0

    def more(self) -> list[tuple[bytes, int]]:
        """A slice's bytes, each batch with its first offset."""
        first, self.end = self.end, self.end + TICKETS
        return [
            (at_offset(batch, first + n * FETCHED), first + n * FETCHED)
            for n, batch in enumerate(self.batches)
        ]


@dataclass(slots=True)
class BareLoop:
    """Reads, sends a constant for each record, waits for all: as `bare_loop.copy`."""

    producer: AIOKafkaProducer
    topic: Topic = field(default_factory=Topic)
    value: bytes = b"x" * EVENT_BYTES
    fetched: list[tuple[bytes, int]] = field(default_factory=list)

    async def prepare(self) -> None:
        self.fetched = self.topic.more()

    async def run(self) -> float:
        for batch, offset in self.fetched:
            sent = []
            for record in read_as_any(batch, offset):
                orjson.loads(record.value)
                sent.append(await self.producer.send(OUTPUT, self.value, key=record.key, partition=0))
            await asyncio.gather(*sent)
        return 0.0


class Unconnected(Producer):
    """The service's producer on a client without a broker."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        super().__init__({})
        self._without_broker = client
        self._topics = {OUTPUT: 1, INPUT.topic: 1}

    async def _connected(self) -> AIOKafkaProducer:
        return self._without_broker


@dataclass(slots=True, kw_only=True)
class Service:
    """Polls as the session does: so many records of the partition at a time."""

    pipeline: Pipeline
    outbox: Outbox
    deserializer: Any
    partition: Partition = field(
        default_factory=lambda: Partition(topic=INPUT.topic, number=0, ledger=Ledger(start=0))
    )
    topic: Topic = field(default_factory=Topic)
    fetched: list[tuple[bytes, int]] = field(default_factory=list)

    async def prepare(self) -> None:
        self.fetched = self.topic.more()

    async def run(self) -> float:
        for batch, offset in self.fetched:
            records = list(read_as_asked(batch, offset, self.deserializer))
            for first in range(0, len(records), LARGEST):
                self.pipeline.arrivals.take(self.partition, records[first : first + LARGEST])
                await asyncio.sleep(0)
        await self.outbox.flush()
        assert self.partition.ledger.position == self.topic.end
        return 0.0


class Nobody:
    """The provider: every text is known."""

    async def ask(self, order: Order) -> Outcome:
        raise AssertionError("a text was not known")


@asynccontextmanager
async def sides() -> AsyncIterator[tuple[Service, BareLoop]]:
    """Both, on producers of their own; the service knows every text."""
    async with a_producer(max_batch_size=BATCH_BYTES) as ours, a_producer() as theirs, _cache() as cache:
        service = await _service(cache, ours)
        _learn(cache, service.pipeline)
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(service.outbox.run())
            yield service, BareLoop(producer=theirs)
            sending.cancel()


def _cache() -> Cache:
    front = MemoryFront(10 * TEXTS, 1 << 26, clock=time.time)
    return Cache(front, None, ttl_s=3600, timeout_s=1, tally=Tally(), clock=time.time)


async def _service(cache: Cache, client: AIOKafkaProducer) -> Service:
    settings, tally = Settings(taxonomy=read_taxonomy(DEMO_TAXONOMY)), Tally()
    consumer = new_consumer(settings.kafka, {})  # puts the service's classes in the client's places
    await consumer.stop()
    outbox = Outbox(
        producer=Unconnected(client),
        input_topic=INPUT.topic,
        output_topic=OUTPUT,
        dead_letter_topic=OUTPUT,
        tally=tally,
        alive=lambda: True,
    )
    return Service(
        pipeline=Builder(settings, tally).pipeline(cache, dict.fromkeys(Lane, Nobody()), outbox),
        outbox=outbox,
        deserializer=consumer._value_deserializer,  # noqa: SLF001
    )


def _learn(cache: Cache, pipeline: Pipeline) -> None:
    arrivals = pipeline.arrivals
    for number in range(TEXTS):
        [ticket] = arrivals.reader.read(made_ticket(number, number)[1], ())
        now = time.time()
        known = Known(
            labels=("bug",),
            model="m",
            prompt_digest="0",
            taxonomy_digest="0",
            written_at=now,
            expires_at=now + 3600,
        )
        cache.store({arrivals.preparer(ticket).bulk_key: known})
