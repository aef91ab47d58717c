"""Kafka's client without a broker: its real parser and its real producer, but for the way to the wire.

A producer enqueues, builds and resolves as it does elsewhere. What takes its batches, in the place of the
client's own sender, finishes each batch's bytes, checksum included, and takes it for acknowledged at once.
"""

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.protocol.metadata import MetadataResponse_v1
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from benchmarks.kafka import Keyed

INPUT = TopicPartition("tickets", 0)
OUTPUT = "ticket-labels"
FETCHED_BYTES = 1 << 20  # of a batch as a broker hands it out: a producer's batches are as large at most
NODE, NOWHERE = 0, "localhost"
READ_COMMITTED = 1

# The client's own class, whatever the service has put in its place.
PartitionRecords = next(
    each for each in fetcher.PartitionRecords.__mro__ if each.__module__ == fetcher.__name__
)


def batch_of(records: Sequence[Keyed]) -> bytearray:
    """The records as a broker has them, from offset 0 on."""
    builder = BatchBuilder(FETCHED_BYTES, 0)
    for key, value in records:
        assert builder.append(timestamp=1_767_600_000_000, key=key, value=value, headers=[]) is not None
    return bytearray(builder._build())  # noqa: SLF001


def at_offset(batch: bytearray, offset: int) -> bytes:
    """The same batch further on in its partition: the checksum does not cover where it stands."""
    moved = bytearray(batch)
    struct.pack_into(">q", moved, 0, offset)
    return bytes(moved)


def read_as_any(batch: bytes, offset: int) -> Any:
    """As every consumer reads a broker's answer."""
    return PartitionRecords(INPUT, MemoryRecords(batch), [], offset, None, None, True, READ_COMMITTED)


def read_as_asked(batch: bytes, offset: int, deserializer: Any) -> Any:
    """As the service's consumer reads it, with the classes that it has put in the client's places."""
    return fetcher.PartitionRecords(
        INPUT,
        fetcher.MemoryRecords(batch),
        [],
        offset,
        None,
        deserializer,
        True,
        READ_COMMITTED,
    )


@asynccontextmanager
async def a_producer(**settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer whose batches are acknowledged as soon as they are whole."""
    producer = AIOKafkaProducer(bootstrap_servers=NOWHERE, acks="all", enable_idempotence=True, **settings)
    topics = [(0, OUTPUT, False, [(0, 0, NODE, [NODE], [NODE])])]
    metadata = MetadataResponse_v1(brokers=[(NODE, NOWHERE, 1, None)], controller_id=NODE, topics=topics)
    producer.client.cluster.update_metadata(metadata)
    producer._txn_manager.set_pid_and_epoch(1, 0)  # noqa: SLF001
    taking = asyncio.create_task(_take(producer._message_accumulator))  # noqa: SLF001
    try:
        yield producer
    finally:
        taking.cancel()
        producer._closed = True  # noqa: SLF001 - it was never started: there is nothing to end


async def _take(accumulator: Any) -> None:
    while True:
        await accumulator.waiter()
        by_node, _ = accumulator.drain_by_nodes(ignore_nodes=[])
        for batches in by_node.values():
            for batch in batches.values():
                batch.get_data_buffer()
                batch.done(base_offset=0)
