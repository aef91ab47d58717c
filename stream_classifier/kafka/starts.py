"""Opening partitions: where each begins, and what an earlier owner had finished beyond that."""

from collections.abc import Collection
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_classifier.core.finished_map import Mark, decode
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.start_position import Start, StartPosition, start_position
from stream_classifier.kafka.committed import committed_marks
from stream_classifier.settings.kafka import Kafka

log = structlog.get_logger(__name__)


async def open_partitions(
    consumer: AIOKafkaConsumer,
    client: dict[str, Any],
    settings: Kafka,
    assigned: Collection[TopicPartition],
    *,
    known: int | None,
) -> dict[TopicPartition, Partition]:
    """New partitions with their ledgers, from the committed offsets and their maps. Raises aiokafka's
    errors where the broker does not tell.

    `kafka.auto_offset_reset` is about what was there before us. The topic had `known` partitions then; one
    that was added since is read from its start, or what was written to it before we saw it would be lost.
    """
    if not assigned:
        return {}
    tps = list(assigned)
    committed = await committed_marks(client, settings.group_id, tps)
    begins = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    opened = {}
    for tp in tps:
        offset = committed[tp][0] if committed[tp][0] >= 0 else None
        added = known is not None and tp.partition >= known
        earliest = added or settings.auto_offset_reset == "earliest"
        start = start_position(offset, begins[tp], ends[tp], earliest=earliest)
        opened[tp] = _partition(tp, start, committed[tp])
    return opened


def _partition(tp: TopicPartition, start: StartPosition, committed: Mark) -> Partition:
    if start.why in (Start.EXPIRED, Start.BEYOND_END):
        log.warning(
            "offset_out_of_range", partition=f"{tp.topic}:{tp.partition}", why=start.why, start=start.offset
        )
    text = committed[1] if start.why is Start.COMMITTED else ""
    restored = decode(tp.topic, tp.partition, start.offset, text)
    ledger = Ledger(start=start.offset, restored=restored)
    return Partition(topic=tp.topic, number=tp.partition, ledger=ledger, committed=committed)
