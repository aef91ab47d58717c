"""Partitions whose next record cannot be read yet: its schema is still to be fetched.

What a poll brought from there on is not taken: the client is sent back to it and the partition rests, so that
nothing of it is held in memory and its order stays. All other partitions go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import ConsumerRecord, TopicPartition

from stream_classifier.core.journey import Partition

Records = Sequence[ConsumerRecord[bytes, bytes]]


class Reader(Protocol):
    """Knows what can be read."""

    def ready(self, records: Records) -> int:
        """How many of these, from the first on, can be read now; the others are seen to."""


@dataclass(slots=True)
class Unread:
    """`reader` is None where everything can be read."""

    reader: Reader | None
    _next: dict[TopicPartition, tuple[Partition, ConsumerRecord[bytes, bytes]]] = field(default_factory=dict)

    def ready(self, tp: TopicPartition, partition: Partition, records: Records) -> int:
        """How many of these can be taken now. Where not all can, the partition rests."""
        if self.reader is None:
            return len(records)
        ready = self.reader.ready(records)
        if ready < len(records):
            self._next[tp] = partition, records[ready]
        return ready

    def waiting(self) -> set[TopicPartition]:
        """The partitions that rest. Those that are ours no more, or whose record can be read now, do not."""
        if self._next and self.reader is not None:
            self._next = {
                tp: (partition, record)
                for tp, (partition, record) in self._next.items()
                if partition.open and not self.reader.ready([record])
            }
        return set(self._next)
