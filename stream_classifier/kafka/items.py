"""What is sent, an item a record: to which partition of which topic, and how it is made smaller.

Rules
-----
* An event goes to the partition of the input's number where its topic has as many partitions, so that what
  the input's producers put together stays together; else the key decides, as in Kafka's own clients. So it
  does for partitions that the input was given after our start.
* What the broker finds too large is made smaller step by step: an event goes without the copied headers,
  then becomes a dead letter; a dead letter goes without its value, then without its headers and key. Then
  it is some hundred bytes, and a topic that refuses it takes nothing. Nothing loops.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import orjson
import structlog
from aiokafka.errors import MessageSizeTooLargeError, RecordTooLargeError
from aiokafka.partitioner import murmur2

from stream_classifier.core import measures
from stream_classifier.core.dead_letter import VALUE_OMITTED, dead_letter_headers
from stream_classifier.core.event import CONTENT_TYPE, Rfc3339, without_headers
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.producer import Sendable

log = structlog.get_logger(__name__)

TOO_LARGE = (MessageSizeTooLargeError, RecordTooLargeError)
SENT_AGAIN = (
    "Nothing is lost, and it is sent again. If it goes on, `stream-classifier topics` shows whether the topic"
    " is there and has its replicas; with --create it makes a missing one."
)
OUR_HEADERS = 7  # of a dead letter without its value, the last; before them the record's own, of any name
RECORD_OVERHEAD_BYTES = 80  # an item's part of a batch beside key and value, headers guessed

Acknowledged = Callable[[Partition, Collection[int]], None]
"""Is told of the input records, by offset, whose events the broker has all taken."""


@dataclass(slots=True, eq=False)
class Item:
    """One output record, and what it makes done. `offset` is None for all but a record's last event,
    `alone` says that it goes in a batch of its own: one that it was in was too large."""

    partition: Partition
    offset: int | None
    topic: str
    number: int
    key: bytes | None
    value: bytes | None
    headers: OwnHeaders
    shrunk: int = 0
    alone: bool = False

    @property
    def size_bytes(self) -> int:
        """Its part of a batch, about."""
        return len(self.value or b"") + len(self.key or b"") + RECORD_OVERHEAD_BYTES

    @property
    def sendable(self) -> Sendable:
        """As the client takes it."""
        return self.key, self.value, self.headers


@dataclass(slots=True, kw_only=True)
class Items:
    """Makes items, and makes them smaller. `partitions` tells how many partitions a topic has."""

    input_topic: str
    output_topic: str
    dead_letter_topic: str
    partitions: Callable[[str], int]
    tally: Tally
    _straight: dict[str, int] = field(default_factory=dict)  # partitions of a topic that match the input's

    def event(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> Item:
        """A labelled event."""
        topic = self.output_topic
        number = partition.number
        if number >= self._straight.get(topic, 0):
            number = self._number(topic, number, key)
        return Item(partition, offset, topic, number, key, value, headers)

    def dead_letter(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> Item:
        """A dead letter."""
        number = self._number(self.dead_letter_topic, partition.number, key)
        return Item(partition, offset, self.dead_letter_topic, number, key, value, headers)

    def make_smaller(self, item: Item) -> None:
        """Leave something away from an item that is too large by itself. An event that can lose nothing more
        becomes a dead letter. Raises `OperatorFault` where a topic refuses a dead letter of nothing."""
        item.shrunk += 1
        if item.topic == self.output_topic and item.shrunk == 1:
            item.headers, item.value = [CONTENT_TYPE], without_headers(item.value or b"")
        elif item.topic == self.output_topic:
            self._bury(item)
        else:
            _shrink_dead_letter(item)

    def _bury(self, item: Item) -> None:
        source = orjson.loads(item.value or b"")["source"]
        log.error("event_too_large", partition=str(item.partition), offset=source["offset"])
        self.tally.add(measures.DEAD_LETTERS, "too_large")
        if item.partition.follower is not None:
            item.partition.follower.buried(source["offset"])
        item.headers = dead_letter_headers(
            item.headers,
            reason="too_large",
            sentence=f"Its event does not fit into {self.output_topic}: raise the topic's max.message.bytes.",
            **source,
            failed_at=Rfc3339()(time.time_ns() // 1_000_000),
        )
        item.number = self._number(self.dead_letter_topic, item.partition.number, item.key)
        item.topic, item.shrunk = self.dead_letter_topic, 0

    def _number(self, topic: str, number: int, key: bytes | None) -> int:
        count = self.partitions(topic)
        if count == self.partitions(self.input_topic):
            self._straight[topic] = count
            if number < count:
                return number
        return number % count if key is None else (murmur2(key) & 0x7FFFFFFF) % count


def _shrink_dead_letter(item: Item) -> None:
    if item.shrunk == 1:
        item.value, item.headers = None, [*item.headers, VALUE_OMITTED]
    elif item.shrunk == 2:
        item.key, item.headers = None, item.headers[-OUR_HEADERS:]
    else:
        raise OperatorFault(
            f"Topic {item.topic} refuses a record of a few hundred bytes: raise its max.message.bytes "
            "(`stream-classifier topics` shows it)."
        )
