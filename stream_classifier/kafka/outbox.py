"""What is to be sent, in order, until the broker has it: at least once.

Rules
-----
* A line an output partition: first in, first out, one batch under way. So events of one key keep their
  order even where a send fails and is repeated.
* A record is marked done in its ledger only when its last event is acknowledged.
* What belongs to a closed partition is left out, also when a failed send is repeated. A send that is
  under way when the partitions are closed is given up, so that no later try of the client's goes out.
* Nothing is begun while the group may have gone on without us: its next owner may be publishing the same.
* What the broker finds too large is sent again by itself, then smaller (`items`).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import structlog
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from stream_classifier.core import measures
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.items import SENT_AGAIN, TOO_LARGE, Acknowledged, Item, Items
from stream_classifier.kafka.producer import BATCH_BYTES, Sendable
from stream_classifier.kafka.protocol import InvalidRecord

log = structlog.get_logger(__name__)

RETRY_S = 0.5
HELD_S = 0.1  # how soon it is noticed that the group is there again
NOT_ALLOWED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)


class Sender(Protocol):
    """What the lines are sent with."""

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

    async def send(self, topic: str, partition: int, records: Sequence[Sendable]) -> int:
        """Send the first of these as one batch, and wait until the broker has them. Returned is how many.
        Raises aiokafka's errors; then none may be taken for sent."""

    def abandon(self) -> None:
        """Give up what is under way."""


@dataclass(slots=True)
class Line:
    """The items of one output partition."""

    topic: str
    number: int
    items: deque[Item] = field(default_factory=deque)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    alone: int = 0  # so many items go one by one: the batch that held them was too large
    since: float | None = None  # the loop's clock when the batch under way was handed to the client
    sending: int = 0  # items of the batch under way

    def __post_init__(self) -> None:
        self.idle.set()

    def take(self) -> list[Item]:
        """The items of the next batch, those of closed partitions left out."""
        batch: list[Item] = []
        size_bytes = 0
        items = self.items
        while items and size_bytes < BATCH_BYTES and not (batch and self.alone):
            item = items.popleft()
            if item.partition.open:
                batch.append(item)
                size_bytes += item.size_bytes
        return batch

    def put_back(self, batch: list[Item]) -> None:
        """These were not sent: they are the first again."""
        self.items.extendleft(reversed(batch))


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Sends labelled events and dead letters. `alive` says whether we may still act for our partitions,
    `in_touch` whether we can know."""

    producer: Sender
    input_topic: str
    output_topic: str
    dead_letter_topic: str
    tally: Tally
    alive: Callable[[], bool]
    in_touch: Callable[[], bool] = lambda: True
    acknowledged: Acknowledged | None = None
    items: Items = field(init=False)
    _lines: dict[tuple[str, int], Line] = field(default_factory=dict)
    _new_line: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.items = Items(
            input_topic=self.input_topic,
            output_topic=self.output_topic,
            dead_letter_topic=self.dead_letter_topic,
            partitions=self.producer.partitions,
            tally=self.tally,
        )
        for topic in (self.output_topic, self.dead_letter_topic):
            self.tally.add(measures.PUBLISH_FAILURES, topic, n=0)  # so that its first step is seen

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a labelled event."""
        self._put(self.items.event(partition, offset, key, value, headers))

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a dead letter."""
        self._put(self.items.dead_letter(partition, offset, key, value, headers))

    async def flush(self) -> None:
        """Return when everything that was handed over is acknowledged or left out: at that moment
        nothing is under way in any line."""
        while busy := [line for line in self._lines.values() if not line.idle.is_set()]:
            await busy[0].idle.wait()

    def abandon(self) -> None:
        """Partitions were closed: give up what is under way for them."""
        if any(line.since is not None for line in self._lines.values()):
            self.producer.abandon()

    def unacknowledged(self) -> int:
        """How many events and dead letters were handed over that the broker does not have yet, as far as it
        has told."""
        return sum(len(line.items) + line.sending for line in self._lines.values())

    def unacknowledged_s(self) -> float:
        """How long the broker has not acknowledged the batch that has waited longest."""
        now = asyncio.get_running_loop().time()
        return max((now - line.since for line in self._lines.values() if line.since is not None), default=0.0)

    async def run(self) -> None:
        """Send, for as long as the process lives. Raises where the broker forbids it."""
        served: set[tuple[str, int]] = set()
        async with asyncio.TaskGroup() as lines:
            while True:
                for name in self._lines.keys() - served:
                    served.add(name)
                    lines.create_task(self._serve(self._lines[name]))
                self._new_line.clear()
                await self._new_line.wait()

    def _put(self, item: Item) -> None:
        name = item.topic, item.number
        line = self._lines.get(name)
        if line is None:
            line = self._lines[name] = Line(*name)
            self._new_line.set()
        if not line.items:  # else whoever serves the line has been told
            line.idle.clear()
            line.more.set()
        line.items.append(item)

    async def _serve(self, line: Line) -> None:
        while True:
            await line.more.wait()
            line.more.clear()
            while batch := await self._next(line):
                line.sending = len(batch)
                await self._send(line, batch)
                line.sending = 0
            line.since = None
            line.idle.set()

    async def _next(self, line: Line) -> list[Item]:
        self.alive()  # closes first what a freeze has cost us
        while line.items and not self.in_touch():
            line.since = line.since or asyncio.get_running_loop().time()
            await asyncio.sleep(HELD_S)
            self.alive()
        return line.take()

    async def _send(self, line: Line, batch: list[Item]) -> None:
        """Send one batch, or put it back for another try."""
        line.since = line.since or asyncio.get_running_loop().time()
        try:
            sent = await self.producer.send(line.topic, line.number, [item.sendable for item in batch])
        except TOO_LARGE:
            self._make_smaller(line, batch)
        except NOT_ALLOWED as error:
            raise OperatorFault(
                f"The broker does not allow us to write to {line.topic}: grant the right WRITE on it."
            ) from error
        except InvalidRecord as error:
            raise OperatorFault(
                f"Topic {line.topic} refused a record as invalid: if it is compacted, it takes none without "
                "a key; set its cleanup.policy to delete, or give every ticket a key."
            ) from error
        except (KafkaError, TimeoutError) as error:
            line.put_back(batch)
            self.tally.add(measures.PUBLISH_FAILURES, line.topic)
            log.warning(
                "publish_failed",
                topic=line.topic,
                partition=line.number,
                error=type(error).__name__,
                remedy=SENT_AGAIN,
            )
            await asyncio.sleep(RETRY_S)
        else:
            line.since = None
            line.put_back(batch[sent:])
            line.alone = max(line.alone - sent, 0)
            self._acknowledged(line.topic, batch[:sent])

    def _acknowledged(self, topic: str, batch: list[Item]) -> None:
        self.tally.add(measures.ACKNOWLEDGED, topic, n=len(batch))
        for partition, items in groupby(batch, key=_partition):
            offsets = [item.offset for item in items if item.offset is not None]
            partition.ledger.done(offsets)
            if partition.follower is not None:
                partition.follower.acknowledged(offsets)
            if self.acknowledged is not None:
                self.acknowledged(partition, offsets)

    def _make_smaller(self, line: Line, batch: list[Item]) -> None:
        """Find the one that is too large by sending them one by one, then shrink that one."""
        if len(batch) > 1:
            line.alone = len(batch)
            line.put_back(batch)
            return
        [item] = batch
        self.items.make_smaller(item)
        if item.topic == line.topic:
            line.put_back(batch)
        else:
            self._put(item)


def _partition(item: Item) -> Partition:
    return item.partition
