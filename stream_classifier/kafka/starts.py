"""Opening partitions: where each begins, and what an earlier owner had finished beyond that."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from stream_classifier.core.finished_map import decode
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.start_position import Start, StartPosition, start_position

log = structlog.get_logger(__name__)


async def open_partitions(
    consumer: AIOKafkaConsumer,
    client: dict[str, Any],
    group_id: str,
    assigned: Collection[TopicPartition],
    *,
    earliest: bool,
) -> dict[TopicPartition, Partition]:
    """New partitions with their ledgers, from the committed offsets and their maps. Raises aiokafka's
    errors where the broker does not tell."""
    if not assigned:
        return {}
    tps = list(assigned)
    async with _admin(client) as admin:
        committed = await _committed(admin, group_id, tps)
    begins = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    opened = {}
    for tp in tps:
        commit = committed[tp]
        offset = commit.offset if commit.offset >= 0 else None
        start = start_position(offset, begins[tp], ends[tp], earliest=earliest)
        opened[tp] = _partition(tp, start, commit)
    return opened


@asynccontextmanager
async def _admin(client: dict[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client for this one question: assignments are rare, and one that is kept would lose its brokers."""
    admin = AIOKafkaAdminClient(**client)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _committed(
    admin: AIOKafkaAdminClient, group_id: str, tps: list[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """Committed offsets with their metadata, -1 where there is none.

    The consumer's own `committed` leaves out the metadata, which holds the map. A coordinator that is
    still loading answers with no partitions at all: that must not be read as "nothing committed".
    """
    committed: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(
        group_id, partitions=tps
    )
    if any(tp not in committed for tp in tps):
        raise GroupCoordinatorNotAvailableError("the coordinator does not tell the committed offsets yet")
    return committed


def _partition(tp: TopicPartition, start: StartPosition, commit: OffsetAndMetadata) -> Partition:
    if start.why in (Start.EXPIRED, Start.BEYOND_END):
        log.warning(
            "offset_out_of_range", partition=f"{tp.topic}:{tp.partition}", why=start.why, start=start.offset
        )
    text = commit.metadata if start.why is Start.COMMITTED else ""
    restored = decode(tp.topic, tp.partition, start.offset, text)
    ledger = Ledger(start=start.offset, restored=restored)
    return Partition(topic=tp.topic, number=tp.partition, ledger=ledger)
