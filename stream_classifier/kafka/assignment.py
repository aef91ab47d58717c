"""Which partitions are ours, and since when.

Rules
-----
* Revocation is final: what is answered is published and committed within the drain's budget, then the
  partitions are closed, and nothing of them is published or committed any more (promise 3).
* The rebalance callback does not return before that, and the client sends no JoinGroup before it
  returns: so nobody else owns a partition while we still publish for it.
* An assignment is opened apart from the callback, because the client sends no heartbeat while the
  callback runs, and a broker that is slow to tell the positions must not cost us the membership.
* `generation` rises with every change. A poll that was under way across a change is thrown away and
  read again: its records may belong to an assignment that is gone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition

from stream_classifier.core import measures
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions that this process owns. `drain` publishes and commits what is answered."""

    tally: Tally
    drain: Callable[[], Awaitable[None]]
    partitions: dict[TopicPartition, Partition] = field(default_factory=dict)
    generation: int = 0
    taking: bool = False  # records may be taken in: the partitions are open
    assigned: frozenset[TopicPartition] | None = None  # waits to be opened
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by the client before it rejoins the group."""
        self.generation += 1
        self.taking = False
        self.assigned = None
        if self.partitions:
            await self.drain()
            log.info("partitions_revoked", partitions=_names(self.partitions.values()))
            self.tally.add(measures.REBALANCES, "revoked")
        self.close()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by the client when it knows its partitions. They are opened by `open`."""
        self.generation += 1
        self.assigned = frozenset(assigned)
        self._changed.set()

    async def next_assigned(self) -> frozenset[TopicPartition]:
        """Wait for partitions that are to be opened."""
        while self.assigned is None:
            self._changed.clear()
            await self._changed.wait()
        return self.assigned

    def open(self, partitions: Mapping[TopicPartition, Partition]) -> None:
        """Begin work on these partitions."""
        self.partitions = dict(partitions)
        self.assigned = None
        self.generation += 1
        self.taking = True
        self.tally.add(measures.REBALANCES, "assigned")
        log.info("partitions_assigned", partitions=_names(partitions.values()))

    def close(self) -> None:
        """End all work on the partitions, at once: nothing of them leaves any more."""
        for partition in self.partitions.values():
            partition.open = False
        self.partitions = {}
        self.generation += 1
        self.taking = False

    @property
    def in_flight(self) -> tuple[int, int]:
        """Records and bytes that were read and are not done."""
        ledgers = [partition.ledger for partition in self.partitions.values()]
        return sum(len(ledger.unfinished) for ledger in ledgers), sum(ledger.size_bytes for ledger in ledgers)


def _names(partitions: Iterable[Partition]) -> list[str]:
    return sorted(str(partition) for partition in partitions)
