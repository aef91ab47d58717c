"""What the group has committed: positions with their maps.

Rules
-----
* Only what is settled: offsets of a transaction whose end is still being written make the coordinator say
  "not yet" (Kafka 2.5 and newer), and not what held before. Else whoever takes a partition over could begin
  before what its last owner has committed.
* Two of the client's own ways do not serve: `committed` leaves out the metadata, which holds the map, and no
  request of its asks for what is settled.
* A coordinator that is still loading answers with no partitions at all: that must not be read as "nothing
  was committed".
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest

from stream_classifier.core.finished_map import Mark
from stream_classifier.kafka.connection import asking
from stream_classifier.kafka.protocol import UNSETTLED, SettledOffsets


async def committed_marks(
    client: Mapping[str, Any], group_id: str, tps: Collection[TopicPartition]
) -> dict[TopicPartition, Mark]:
    """The committed mark of each of these partitions. Raises aiokafka's errors where the broker does not
    tell, or not yet."""
    partitions: dict[str, list[int]] = {}
    for tp in tps:
        partitions.setdefault(tp.topic, []).append(tp.partition)
    async with asking(client) as asker:
        rows = await _rows(asker, group_id, partitions)
    marks = dict(_marks(rows))
    if any(tp not in marks for tp in tps):
        raise GroupCoordinatorNotAvailableError("the coordinator does not tell the committed offsets yet")
    return marks


async def _rows(
    asker: AIOKafkaClient, group_id: str, partitions: Mapping[str, list[int]]
) -> list[tuple[TopicPartition, int, str | None, int]]:
    """Partition, offset, metadata and error code of each, as the coordinator answers."""
    coordinator = await asker.coordinator_lookup(CoordinationType.GROUP, group_id)
    try:
        answer = await asker.send(coordinator, SettledOffsets(group_id, partitions))
    except NotImplementedError:  # a broker before Kafka 2.5, or a stand-in for one
        answer = await asker.send(coordinator, OffsetFetchRequest(group_id, list(partitions.items())))
    told = answer.to_object()
    _require(told["error_code"])
    return [
        (TopicPartition(topic["topic"], row["partition"]), row["offset"], row["metadata"], row["error_code"])
        for topic in told["topics"]
        for row in topic["partitions"]
    ]


def _marks(
    rows: Iterable[tuple[TopicPartition, int, str | None, int]],
) -> Iterable[tuple[TopicPartition, Mark]]:
    for tp, offset, metadata, error_code in rows:
        _require(error_code)
        yield tp, (offset, metadata or "")


def _require(error_code: int) -> None:
    """Raises the error that the code stands for, if any."""
    if error_code == UNSETTLED:
        raise GroupCoordinatorNotAvailableError(
            "a transaction that holds committed offsets is not settled yet"
        )
    if error_code:
        raise for_code(error_code)
