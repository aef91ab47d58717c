"""The cluster that is measured on, and what a benchmark does to its topics.

It is the one of the tests (`tests/brokers`): at `STREAM_CLASSIFIER_TEST_KAFKA` where that is set, else a
node that is started for the run, with as much of the JVM's compiler as a server has in production.
"""

import asyncio
import os
import time
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.partitioner import murmur2

from tests.brokers.client import admin_of, create_topic
from tests.brokers.installation import Installation, find_kafka
from tests.brokers.kafka import RealKafka

KAFKA_VARIABLE = "STREAM_CLASSIFIER_TEST_KAFKA"
PARTITIONS = 4
BATCH_BYTES = 256 * 1024
POLL_S = 0.02  # the resolution of a time that ends with the last record
COMMIT_WAIT_S = 10.0
STALL_S = 60.0  # no further record for so long: what is measured hangs
FAST_TO_START = "-XX:TieredStopAtLevel="  # the tests' flag: up sooner, and slower in the long run

Keyed = tuple[bytes | None, bytes]
"""A record's key and value."""


class Stalled(Exception):
    """What should arrive on a topic did not."""


class ServerInstallation(Installation):
    """Kafka as it runs in production, not as it starts soonest."""

    def command(self, main_class: str, *arguments: str, name: str, directory: Path) -> list[str]:
        """As the tests' own, but for the flag that keeps the JVM's better compiler off."""
        command = super().command(main_class, *arguments, name=name, directory=directory)
        return [word for word in command if not word.startswith(FAST_TO_START)]


@contextmanager
def a_kafka(directory: Path) -> Iterator[str]:
    """The bootstrap servers of a Kafka. Raises `tests.brokers.Unavailable` where none can be had."""
    if elsewhere := os.environ.get(KAFKA_VARIABLE):
        yield elsewhere
        return
    found = find_kafka()
    installation = ServerInstallation(java=found.java, libraries=found.libraries, image=found.image)
    with RealKafka(directory, installation) as kafka:
        yield kafka.bootstrap_servers


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The topics of one measurement, each known to it alone."""

    bootstrap_servers: str
    input: str
    output: str
    dead_letters: str
    group_id: str
    partitions: int = PARTITIONS  # of each


@asynccontextmanager
async def fresh_topics(
    bootstrap_servers: str, config: Mapping[str, str] | None = None, *, partitions: int = PARTITIONS
) -> AsyncIterator[Topics]:
    """New topics with this configuration, deleted after the block: what they hold would fill the broker's
    disk and page cache."""
    name = f"benchmark-{uuid.uuid4().hex[:8]}"
    topics = Topics(
        bootstrap_servers=bootstrap_servers,
        input=f"{name}-tickets",
        output=f"{name}-labels",
        dead_letters=f"{name}-dead-letters",
        group_id=name,
        partitions=partitions,
    )
    names = (topics.input, topics.output, topics.dead_letters)
    for topic in names:
        await create_topic(bootstrap_servers, topic, partitions, config)
    try:
        yield topics
    finally:
        async with admin_of(bootstrap_servers) as admin:
            await admin.delete_topics(list(names))


async def fill(
    bootstrap_servers: str, topic: str, records: Iterable[Keyed], partitions: int = PARTITIONS
) -> None:
    """Write keys and values as fast as it goes, each into the partition of its key."""
    lots: defaultdict[int, list[Keyed]] = defaultdict(list)
    for place, record in enumerate(records):
        lots[_partition(record[0], place, partitions)].append(record)
    async with _filler(bootstrap_servers) as producer, asyncio.TaskGroup() as tasks:
        for number, lot in lots.items():
            tasks.create_task(_fill_partition(producer, topic, number, lot))


def _filler(bootstrap_servers: str) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )


def _partition(key: bytes | None, place: int, partitions: int) -> int:
    """As Kafka's own clients choose it; records without a key take turns."""
    return (place if key is None else murmur2(key) & 0x7FFFFFFF) % partitions


async def _fill_partition(
    producer: AIOKafkaProducer, topic: str, number: int, records: Sequence[Keyed]
) -> None:
    waiting = deque(records)
    while waiting:
        batch = producer.create_batch()
        while waiting and batch.size() < BATCH_BYTES:
            key, value = waiting[0]
            if batch.append(key=key, value=value, timestamp=None) is None:
                break
            waiting.popleft()
        await (await producer.send_batch(batch, topic, partition=number))


class Ends:
    """How many records topics hold, asked of the broker: cheap enough to be asked while measuring."""

    def __init__(self, consumer: AIOKafkaConsumer, partitions: int) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def count(self, topic: str) -> int:
        """The records of a topic over all partitions."""
        ends = await self._consumer.end_offsets([TopicPartition(topic, n) for n in range(self._partitions)])
        return sum(ends.values())

    async def reached(self, count: int, *topics: str) -> None:
        """Return when the topics hold `count` records together. Raises `Stalled` where they cease to grow."""
        seen, seen_at = 0, time.monotonic()
        while (now := sum([await self.count(topic) for topic in topics])) < count:
            if now > seen:
                seen, seen_at = now, time.monotonic()
            if time.monotonic() - seen_at > STALL_S:
                raise Stalled(f"{now:,} of {count:,} records came; none in the last {STALL_S:.0f} s.")
            await asyncio.sleep(POLL_S)


@asynccontextmanager
async def the_ends(bootstrap_servers: str, partitions: int = PARTITIONS) -> AsyncIterator[Ends]:
    """Ask a cluster for the ends of its topics, which have so many partitions each."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        yield Ends(consumer, partitions)


async def committed(topics: Topics, count: int, within_s: float = COMMIT_WAIT_S) -> None:
    """Return when the group has committed so many records. Raises TimeoutError where it does not in time."""
    positions = 0
    async with asyncio.timeout(within_s), admin_of(topics.bootstrap_servers) as admin:
        while positions < count:
            await asyncio.sleep(POLL_S)
            with suppress(GroupCoordinatorNotAvailableError):  # of the first group on a new cluster
                offsets = await admin.list_consumer_group_offsets(topics.group_id)
                positions = sum(mark.offset for tp, mark in offsets.items() if tp.topic == topics.input)
