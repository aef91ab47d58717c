"""What is to be sent, in order, until the broker has it: at least once.

Rules
-----
* A line an output partition: first in, first out, one batch under way. So events of one key keep their
  order even where a send fails and is repeated.
* A record is marked done in its ledger only when its last event is acknowledged.
* What belongs to a closed partition is left out, also when a failed send is repeated.
* What the broker finds too large is sent again by itself, then smaller: an event without the copied
  headers, a dead letter without its value, then without its headers. Nothing loops.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

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
from stream_classifier.kafka.producer import BATCH_BYTES, Producer

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

    def __post_init__(self) -> None:
        self.idle.set()

    def put(self, item: Item) -> None:
        """Take an item to send."""
        self.items.append(item)
        self.idle.clear()
        self.more.set()

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

    producer: Producer
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
        """Return when everything that was handed over is acknowledged or left out."""
        for line in list(self._lines.values()):
            await line.idle.wait()

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
        producers put together stays together; else the key decides, as in Kafka's own clients.
        """
        count = self.producer.partitions(topic)
        if count != self.producer.partitions(self.input_topic):
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
            while self.alive() and (batch := line.take()):
                await self._send(line, batch)
            if not line.items:
                line.idle.set()

    async def _send(self, line: Line, batch: list[Item]) -> None:
        """Send one batch, or put it back for another try."""
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
        log.error("event_too_large", partition=str(item.partition), offset=item.offset)
        self.tally.add(measures.DEAD_LETTERS, "too_large")
        dead = self._line(self.dead_letter_topic, item.partition.number, item.key)
        dead.put(Item(item.partition, item.offset, item.key, item.value, self._too_large_headers(item)))

    def _too_large_headers(self, item: Item) -> OwnHeaders:
        return dead_letter_headers(
            item.headers,
            reason="too_large",
            sentence=f"Its event does not fit into {self.output_topic}: raise the topic's max.message.bytes.",
            topic=item.partition.topic,
            partition=item.partition.number,
            offset=item.offset or 0,
            failed_at=Rfc3339()(time.time_ns() // 1_000_000),
        )


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
