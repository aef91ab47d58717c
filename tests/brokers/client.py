"""The few things that broker tests do to a cluster from outside: make a topic, write to it, read it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

READ_WAIT_S = 30.0
POLL_MS = 200
NO_ERROR = 0
MOST_COPIES = 3  # of each partition, where the cluster has as many nodes


@asynccontextmanager
async def admin_of(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def create_topic(
    bootstrap_servers: str, name: str, partitions: int, config: Mapping[str, str] | None = None
) -> None:
    """Makes a topic and returns when each partition has a leader. Raises RuntimeError where refused."""
    async with admin_of(bootstrap_servers) as admin:
        nodes = (await admin.describe_cluster())["brokers"]
        copies = min(MOST_COPIES, len(nodes))
        answer = await admin.create_topics(
            [NewTopic(name, partitions, copies, topic_configs=dict(config or {}))]
        )
        for _, code, message, *_ in answer.topic_errors:
            if code != NO_ERROR:
                raise RuntimeError(f"The topic {name} was refused: {message} (error {code}).")
        async with asyncio.timeout(READ_WAIT_S):
            await _until_led(admin, name, partitions)


async def produce(
    bootstrap_servers: str, topic: str, values: Iterable[bytes], *, partition: int | None = None
) -> None:
    """Writes the values in order, each acknowledged by all replicas."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True)
    try:
        await producer.start()
        sent = [await producer.send(topic, value, partition=partition) for value in values]
        for acknowledgement in sent:
            await acknowledgement
    finally:  # also where it did not start: it is open then, too
        await producer.stop()


async def read(
    bootstrap_servers: str, topic: str, count: int, *, committed_only: bool = True
) -> list[ConsumerRecord[bytes, bytes]]:
    """Reads from the topic's start until `count` records are there. Raises TimeoutError."""
    isolation = "read_committed" if committed_only else "read_uncommitted"
    records: list[ConsumerRecord[bytes, bytes]] = []
    async with (
        asyncio.timeout(READ_WAIT_S),
        AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",
            isolation_level=isolation,
        ) as consumer,
    ):
        while len(records) < count:
            for polled in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                records.extend(polled)
    return records


async def end_offsets(
    bootstrap_servers: str, topic: str, partitions: int, *, committed_only: bool = False
) -> list[int]:
    """The next offset of each partition; with `committed_only` that of its first open transaction."""
    names = [TopicPartition(topic, number) for number in range(partitions)]
    isolation = "read_committed" if committed_only else "read_uncommitted"
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, isolation_level=isolation) as consumer:
        ends = await consumer.end_offsets(names)
    return [ends[name] for name in names]


async def _until_led(admin: AIOKafkaAdminClient, name: str, partitions: int) -> None:
    while True:
        [topic] = await admin.describe_topics([name])
        leaders = [partition["leader"] for partition in topic["partitions"]]
        if len(leaders) == partitions and all(leader >= 0 for leader in leaders):
            return
        await asyncio.sleep(POLL_MS / 1000)
