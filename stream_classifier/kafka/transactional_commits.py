"""What a session knows of its commits, where transactions make them."""

from collections.abc import Collection
from dataclasses import dataclass

from aiokafka import TopicPartition

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Partition
from stream_classifier.kafka.transactions import Transactions, of


@dataclass(frozen=True, slots=True)
class CommitsInTransactions:
    """A session's commits: none but the transactions' own."""

    transactions: Transactions

    async def claim(self, tps: Collection[TopicPartition]) -> None:
        """Fence the owners before us."""
        await self.transactions.claim(tps)

    def begin(self, partitions: Collection[Partition]) -> None:
        """Work for partitions that were claimed."""
        self.transactions.begin(partitions)

    async def run(self) -> None:
        """The lines commit by themselves."""

    async def commit(self) -> None:
        """Every transaction has committed; where partitions are sealed, nothing may be committed any more."""

    def give_up(self) -> None:
        """What was under way was cut off when the partitions were sealed."""

    def in_touch(self) -> bool:
        """Always: whoever takes a partition over fences us."""
        return True

    def committed(self, partition: Partition) -> int:
        """The last position that was committed, or where the partition began."""
        line = self.transactions.lines.get(partition)
        return partition.ledger.start if line is None else max(line.last[0], partition.ledger.start)

    def mark(self, partition: Partition) -> Mark:
        """The last mark that was committed, or what the partition was assigned with."""
        line = self.transactions.lines.get(partition)
        return partition.committed if line is None else line.last

    @property
    def full_maps(self) -> set[TopicPartition]:
        """The partitions that take no more until their map fits."""
        return {of(partition) for partition, line in self.transactions.lines.items() if line.full}
