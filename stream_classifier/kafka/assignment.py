"""Which partitions are ours, and since when.

Rules
-----
* Revocation is final: what is answered is published within the drain's budget, then the partitions are
  sealed and what is done is committed, then they are closed (promise 3). Sealed before the commit, because
  what was published while a commit is under way would be missing in it, and come again.
* The rebalance callback does not return before that, and the client sends no JoinGroup before it
  returns: so nobody else owns a partition while we still publish for it.
* The client calls the same callback where the group has dropped us. Then others own the partitions
  already: they are closed without a drain.
* An assignment is opened apart from the callback, because the client sends no heartbeat while the
  callback runs, and a broker that is slow to tell the positions must not cost us the membership.
* `generation` rises with every change. A poll that was under way across a change is thrown away and
  read again: its records may belong to an assignment that is gone.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition

from stream_classifier.core import measures
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)


class Owner(Protocol):
    """Whose partitions these are."""

    async def drain(self) -> None:
        """Publish what is answered within a budget, then seal the partitions and commit."""

    def dropped(self) -> bool:
        """Whether the group has gone on without us, so that others own the partitions already."""

    def sealed(self) -> None:
        """Nothing more may be published: give up what is still being sent."""

    def closed(self) -> None:
        """Nothing more may be committed: give up the commit under way."""


@dataclass(slots=True)
class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions that this process owns."""

    tally: Tally
    owner: Owner
    partitions: dict[TopicPartition, Partition] = field(default_factory=dict)
    generation: int = 0
    taking: bool = False  # records may be taken in: the partitions are open
    assigned: frozenset[TopicPartition] | None = None  # waits to be opened
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by the client before it rejoins the group. It swallows what is raised here, so the
        partitions are closed whatever happens to the drain."""
        self.generation += 1
        self.taking = False
        self.assigned = None
        try:
            if self.partitions:
                await self._give_back()
        finally:
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

    def seal(self) -> None:
        """Publish nothing of the partitions any more; a last commit may still say what is done."""
        for partition in self.partitions.values():
            partition.open = False
        self.owner.sealed()

    def close(self) -> None:
        """End all work on the partitions, at once: nothing of them leaves or is committed any more."""
        self.seal()
        self.partitions = {}
        self.generation += 1
        self.taking = False
        self.owner.closed()

    @property
    def in_flight(self) -> tuple[int, int]:
        """Records and bytes that were read and are not done."""
        ledgers = [partition.ledger for partition in self.partitions.values()]
        tickets = sum(len(ledger.unfinished) + len(ledger.early) for ledger in ledgers)
        return tickets, sum(ledger.size_bytes for ledger in ledgers)

    async def _give_back(self) -> None:
        names = _names(self.partitions.values())
        if self.owner.dropped():
            log.error("session_lost", why="the group has gone on without this process")
            self.tally.add(measures.REBALANCES, "lost")
            return
        await self.owner.drain()
        self.tally.add(measures.REBALANCES, "revoked")
        log.info("partitions_revoked", partitions=names)


def _names(partitions: Iterable[Partition]) -> list[str]:
    return sorted(str(partition) for partition in partitions)
