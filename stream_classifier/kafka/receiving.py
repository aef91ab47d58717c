"""Whom a session hands what it has polled, and who hands over what becomes of it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka import ConsumerRecord

from stream_classifier.core.journey import Partition


class Take(Protocol):
    """Takes one poll's records of a partition, in delivery order, without waiting."""

    def __call__(self, partition: Partition, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None: ...


class Foresee(Protocol):
    """Looks at a poll before it is taken in."""

    async def look(self, polled: Mapping[Partition, Sequence[ConsumerRecord[bytes, bytes]]]) -> None:
        """Find out what will be needed of these. It may wait for tens of milliseconds, and nothing is done
        yet: the partitions may be taken away meanwhile."""

    def taken_in(self, records: int) -> None:
        """A poll of so many records was taken in, or thrown away."""


class Outgoing(Protocol):
    """What must be out before partitions are given up."""

    async def flush(self) -> None:
        """Return when everything handed over is acknowledged."""

    def abandon(self) -> None:
        """Send nothing more that is under way for sealed partitions."""
