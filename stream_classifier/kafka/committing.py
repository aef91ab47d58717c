"""What a session asks of its commits, whichever way they are made."""

from collections.abc import Collection
from typing import Protocol

from aiokafka import TopicPartition

from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Partition


class Committing(Protocol):
    """Commits of one assignment after another."""

    @property
    def full_maps(self) -> set[TopicPartition]:
        """The partitions that take no more until their map fits."""

    async def claim(self, tps: Collection[TopicPartition]) -> None:
        """Before it is read what was committed of these partitions: shut out who owned them before."""

    def begin(self, partitions: Collection[Partition]) -> None:
        """These were opened: from now on they are committed."""

    async def run(self) -> None:
        """Commit what is new, for as long as the session lives."""

    async def commit(self) -> None:
        """Commit what may still be committed, now."""

    def give_up(self) -> None:
        """The partitions are gone: end what is under way."""

    def committed(self, partition: Partition) -> int:
        """The last position that was committed, or where the partition began."""

    def mark(self, partition: Partition) -> Mark:
        """The same with its map."""

    def in_touch(self) -> bool:
        """Whether we can know that the partitions are still ours, as far as it matters for publishing."""
