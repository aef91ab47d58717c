"""What is to be sent, in order, until the broker has it: at least once.

Rules
-----
* A line an output partition: first in, first out, one batch under way. So events of one key keep their
  order even where a send fails and is repeated.
* A record is marked done in its ledger only when its last event is acknowledged.
* What belongs to a closed partition is left out, also when a failed send is repeated. A send that is
  under way when the partitions are closed is given up, so that no later try of the client's goes out.
* What the broker finds too large is sent again by itself, then smaller: an event without the copied
  headers, a dead letter without its value, then without its headers. Nothing loops.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import orjson
import structlog
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)
from aiokafka.partitioner import murmur2

from stream_classifier.core import measures
from stream_classifier.core.dead_letter import VALUE_OMITTED, dead_letter_headers
from stream_classifier.core.event import CONTENT_TYPE, Rfc3339, without_headers
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.producer import BATCH_BYTES, Sendable

log = structlog.get_logger(__name__)

RETRY_S = 0.5
TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)
NOT_ALLOWED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
RECORD_OVERHEAD_BYTES = 80  # an item's part of a batch beside key and value, headers guessed


@dataclass(slots=True, eq=False)
class Item:
    """One output record, and what it makes done. `offset` is None for all but a record's last event."""

    partition: Partition
    offset: int | None
    key: bytes | None
    value: bytes | None
    headers: OwnHeaders
    shrunk: int = 0


Shrink = Callable[[Item], bool]


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
    shrink: Shrink
    items: deque[Item] = field(default_factory=deque)
    more: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    alone: int = 0  # so many items go one by one: the batch that held them was too large
    since: float | None = None  # the loop's clock when the batch under way was handed to the client

    def __post_init__(self) -> None:
        self.idle.set()

    def put(self, item: Item) -> None:
        """Take an item to send."""
        if not self.items:  # else whoever serves the line has been told
            self.idle.clear()
            self.more.set()
        self.items.append(item)

    def take(self) -> list[Item]:
        """The items of the next batch, those of closed partitions left out."""
        batch: list[Item] = []
        size_bytes = 0
        while self.items and size_bytes < BATCH_BYTES and not (batch and self.alone):
            item = self.items.popleft()
            if item.partition.open:
                batch.append(item)
                size_bytes += len(item.value or b"") + len(item.key or b"") + RECORD_OVERHEAD_BYTES
        return batch

    def put_back(self, batch: list[Item]) -> None:
        """These were not sent: they are the first again."""
        self.items.extendleft(reversed(batch))


@dataclass(slots=True, kw_only=True)
class Outbox:
    """Sends labelled events and dead letters. `alive` says whether we may still act for our partitions."""

    producer: Sender
    input_topic: str
    output_topic: str
    dead_letter_topic: str
    tally: Tally
    alive: Callable[[], bool]
    _lines: dict[tuple[str, int], Line] = field(default_factory=dict)
    _new_line: asyncio.Event = field(default_factory=asyncio.Event)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a labelled event."""
        self._line(self.output_topic, partition.number, key).put(Item(partition, offset, key, value, headers))

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """Send a dead letter."""
        item = Item(partition, offset, key, value, headers)
        self._line(self.dead_letter_topic, partition.number, key).put(item)

    async def flush(self) -> None:
        """Return when everything that was handed over is acknowledged or left out: at that moment
        nothing is under way in any line."""
        while busy := [line for line in self._lines.values() if not line.idle.is_set()]:
            await busy[0].idle.wait()

    def abandon(self) -> None:
        """Partitions were closed: give up what is under way for them."""
        if any(line.since is not None for line in self._lines.values()):
            self.producer.abandon()

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

    def _line(self, topic: str, number: int, key: bytes | None) -> Line:
        """The line of an output partition.

        It has the input's number where the topic has as many partitions, so that what the input's
        producers put together stays together; else the key decides, as in Kafka's own clients. So it does
        for partitions that the input was given after our start.
        """
        count = self.producer.partitions(topic)
        if count != self.producer.partitions(self.input_topic) or number >= count:
            number = number % count if key is None else (murmur2(key) & 0x7FFFFFFF) % count
        line = self._lines.get((topic, number))
        if line is None:
            shrink = _shrink_event if topic == self.output_topic else _shrink_dead_letter
            line = self._lines[topic, number] = Line(topic, number, shrink)
            self._new_line.set()
        return line

    async def _serve(self, line: Line) -> None:
        while True:
            await line.more.wait()
            line.more.clear()
            while batch := self._next(line):
                await self._send(line, batch)
            line.since = None
            line.idle.set()

    def _next(self, line: Line) -> list[Item]:
        self.alive()  # closes first what a freeze has cost us
        return line.take()

    async def _send(self, line: Line, batch: list[Item]) -> None:
        """Send one batch, or put it back for another try."""
        line.since = line.since or asyncio.get_running_loop().time()
        try:
            records = [(item.key, item.value, item.headers) for item in batch]
            sent = await self.producer.send(line.topic, line.number, records)
        except TOO_LARGE:
            self._make_smaller(line, batch)
        except NOT_ALLOWED as error:
            raise OperatorFault(
                f"The broker does not allow us to write to {line.topic}: grant the right WRITE on it."
            ) from error
        except (KafkaError, TimeoutError) as error:
            line.put_back(batch)
            log.warning("publish_failed", topic=line.topic, partition=line.number, error=type(error).__name__)
            await asyncio.sleep(RETRY_S)
        else:
            line.since = None
            line.put_back(batch[sent:])
            line.alone = max(line.alone - sent, 0)
            self._acknowledged(line.topic, batch[:sent])

    def _acknowledged(self, topic: str, batch: list[Item]) -> None:
        self.tally.add(measures.ACKNOWLEDGED, topic, n=len(batch))
        for partition, items in groupby(batch, key=_partition):
            partition.ledger.done([item.offset for item in items if item.offset is not None])

    def _make_smaller(self, line: Line, batch: list[Item]) -> None:
        """Find the one that is too large by sending them one by one, then shrink that one."""
        if len(batch) > 1:
            line.alone = len(batch)
            line.put_back(batch)
        elif line.shrink(batch[0]):
            line.put_back(batch)
        else:
            self._leave_out(line, batch[0])

    def _leave_out(self, line: Line, item: Item) -> None:
        """Nothing more can be left away: an event becomes a dead letter; a dead letter without value,
        headers and key is some hundred bytes, and a topic that refuses it takes nothing."""
        if line.topic == self.dead_letter_topic:
            raise OperatorFault(
                f"Topic {line.topic} refuses a record of a few hundred bytes: raise its max.message.bytes "
                "(`stream-classifier topics` shows it)."
            )
        source = orjson.loads(item.value or b"")["source"]
        log.error("event_too_large", partition=str(item.partition), offset=source["offset"])
        self.tally.add(measures.DEAD_LETTERS, "too_large")
        headers = dead_letter_headers(
            item.headers,
            reason="too_large",
            sentence=f"Its event does not fit into {self.output_topic}: raise the topic's max.message.bytes.",
            **source,
            failed_at=Rfc3339()(time.time_ns() // 1_000_000),
        )
        dead = self._line(self.dead_letter_topic, item.partition.number, item.key)
        dead.put(Item(item.partition, item.offset, item.key, item.value, headers))


def _partition(item: Item) -> Partition:
    return item.partition


def _shrink_event(item: Item) -> bool:
    """An event without the headers that it copied."""
    if item.shrunk or item.value is None:
        return False
    item.shrunk, item.headers, item.value = 1, [CONTENT_TYPE], without_headers(item.value)
    return True


def _shrink_dead_letter(item: Item) -> bool:
    """A dead letter without its value, then without the record's own headers and key."""
    item.shrunk += 1
    if item.shrunk == 1:
        item.value, item.headers = None, [*item.headers, VALUE_OMITTED]
    else:
        item.key, item.headers = None, [h for h in item.headers if h[0].startswith("dlq.")]
    return item.shrunk <= 2
