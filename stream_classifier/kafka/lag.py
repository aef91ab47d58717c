"""How far each partition's commit is behind its end.

A fetch tells the end by the way. From a paused partition nothing is fetched, so during a long pause, when
the lag matters most, the end is asked for.
"""

import asyncio
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream_classifier.kafka.assignment import Assignment
from stream_classifier.kafka.committing import Committing

ASK_S = 10.0  # below the pace of scrapes and of the summary line


@dataclass(slots=True, kw_only=True)
class Lag:
    """The lag of one consumer's assignment."""

    consumer: AIOKafkaConsumer
    assignment: Assignment
    commits: Committing
    _ends: dict[TopicPartition, int] = field(default_factory=dict)

    async def run(self) -> None:
        """Ask for the ends of what is paused, every `ASK_S`."""
        while True:
            await asyncio.sleep(ASK_S)
            if paused := self.consumer.paused():
                await self._ask(list(paused))

    def by_partition(self) -> dict[int, int]:
        """By partition, how many records lie between the commit and the end, as last heard."""
        lags = {}
        for tp, partition in self.assignment.partitions.items():
            if (end := self._end(tp)) is not None:
                lags[partition.number] = max(end - self.commits.committed(partition), 0)
        return lags

    def unread(self) -> int:
        """How many records of all partitions were not read yet, as last heard. Other than in the lag, what is
        done beyond the commit is not among them, nor are the markers of transactions."""
        ends = ((partition, self._end(tp)) for tp, partition in self.assignment.partitions.items())
        return sum(max(end - partition.ledger.next_offset, 0) for partition, end in ends if end is not None)

    def _end(self, tp: TopicPartition) -> int | None:
        """The end of a partition, as last heard."""
        ends = (self.consumer.highwater(tp), self._ends.get(tp))
        return max((end for end in ends if end is not None), default=None)

    async def _ask(self, paused: list[TopicPartition]) -> None:
        try:
            self._ends = await self.consumer.end_offsets(paused)
        except KafkaError:  # away: what was last heard stands
            return
