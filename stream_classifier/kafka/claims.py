"""The transactional producers of this process: each is a claim on its partition, and ends all claims before.

A claim is made before it is read what was committed, is taken by whoever works for the partition then, and is
closed in the end, whatever became of it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import OffsetAndMetadata, TopicPartition

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.transactional_producer import Parcel


class Producing(Protocol):
    """One producer under a partition's id, as `TransactionalProducer` describes it."""

    async def start(self) -> None:
        """Fence all earlier producers of this id."""

    async def transact(
        self, parcels: Sequence[Parcel], offsets: Mapping[TopicPartition, OffsetAndMetadata], group_id: str
    ) -> None:
        """Send and commit; where it raises, the producer is done."""

    def cut_off(self) -> None:
        """Send and commit nothing more."""

    async def close(self) -> None:
        """Let go of everything."""


@dataclass(slots=True)
class Claims:
    """Makes producers, and forgets none that is not closed."""

    new_producer: Callable[[TopicPartition], Producing]
    _waiting: dict[TopicPartition, Producing] = field(default_factory=dict)
    _unclosed: set[Producing] = field(default_factory=set)

    async def claim(self, tps: Collection[TopicPartition]) -> None:
        """Start a producer for each, side by side. Raises aiokafka's errors, TimeoutError and
        `OperatorFault`."""
        left, self._waiting = self._waiting, {}
        await self._close_all(left.values())
        self._waiting = {tp: self.new(tp) for tp in tps}
        try:
            async with asyncio.TaskGroup() as starting:
                for producer in self._waiting.values():
                    starting.create_task(producer.start())
        except ExceptionGroup as failures:
            errors = failures.exceptions
            raise next((e for e in errors if isinstance(e, OperatorFault)), errors[0]) from failures

    def take(self, tp: TopicPartition) -> Producing:
        """The producer that was claimed for this partition: the caller's from now on."""
        return self._waiting.pop(tp)

    def cut_off(self) -> None:
        """The assignment that was claimed for is gone."""
        for producer in self._waiting.values():
            producer.cut_off()

    def new(self, tp: TopicPartition) -> Producing:
        """A producer that is not started."""
        producer = self.new_producer(tp)
        self._unclosed.add(producer)
        return producer

    async def close(self, producer: Producing) -> None:
        """Let go of this one."""
        await producer.close()
        self._unclosed.discard(producer)

    async def stop(self) -> None:
        """Let go of all that are left."""
        await self._close_all(self._unclosed.copy())

    async def _close_all(self, producers: Collection[Producing]) -> None:
        async with asyncio.TaskGroup() as closing:
            for producer in producers:
                closing.create_task(self.close(producer))
