"""Batches that no client of ours can write: headers whose names are no text, as other clients write them."""

import gzip
import struct
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from tests.patience import until

Headers = Sequence[tuple[str, bytes | None]]

STAND_IN, NO_TEXT = "AAAA", b"gr\xfcn"  # as many bytes: Latin-1 for "grün"
NO_TEXT_READ = "gr\ufffdn"
HEADER_BYTES, LENGTH_AT, CRC_AT, ATTRIBUTES_AT = 61, 8, 17, 21  # of a batch, by Kafka's protocol
GZIP = 1


def raw_batch(*records: tuple[bytes, Headers], compress: bool = False) -> bytes:
    """A batch of records, each a value and headers. Those named `STAND_IN` are named `NO_TEXT` in it."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 20)
    for offset, (value, headers) in enumerate(records):
        builder.append(offset, 1_767_225_600_000 + offset, b"key", value, list(headers))
    batch = bytearray(bytes(builder.build()).replace(STAND_IN.encode(), NO_TEXT))
    if compress:
        batch[HEADER_BYTES:] = gzip.compress(batch[HEADER_BYTES:])
        struct.pack_into(">h", batch, ATTRIBUTES_AT, GZIP)
    struct.pack_into(">i", batch, LENGTH_AT, len(batch) - LENGTH_AT - 4)
    struct.pack_into(">I", batch, CRC_AT, calc_crc32c(memoryview(batch)[ATTRIBUTES_AT:]))
    return bytes(batch)


async def put_raw(bootstrap_servers: str, topic: str, batch: bytes) -> None:
    """Write a batch to the topic's first partition, and wait until it is taken. Raises RuntimeError where it
    is refused."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    try:
        await client.force_metadata_update()
        client.add_topic(topic)
        await until(lambda: 0 in (client.cluster.available_partitions_for_topic(topic) or ()))
        [node] = {partition.leader for partition in client.cluster._partitions[topic].values()}
        request = ProduceRequest(
            transactional_id=None, required_acks=-1, timeout=10_000, topics=[(topic, [(0, batch)])]
        )
        answer = await client.send(node, request)
        [(_, [(_, code, *_)])] = answer.topics
        if code:
            raise RuntimeError(f"The batch was refused (error {code}).")
    finally:
        await client.close()
