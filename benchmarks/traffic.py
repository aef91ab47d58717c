"""Tickets as a helpdesk has them, written at a pace.

The writer holds back where too much is unfinished, so that a stream that cannot be kept up with does not
outgrow the topics' retention; what was held back is not made up for, and shows in the pace that was held.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.hot_path import made_ticket
from benchmarks.kafka import BATCH_BYTES, PARTITIONS, Topics

Record = tuple[bytes | None, bytes | None]
"""A key and a value; a value of None is a tombstone."""

KNOWN_TEXTS = 2_000
SHARES: Mapping[str, float] = {
    "new": 0.008,  # a text that nobody has asked about
    "repeat": 0.001,  # the newest of these again, while it is being asked
    "revised": 0.01,  # a known text, by a ticket that says its revision
    "urgent": 0.0002,
    "no_text": 0.0001,
    "not_json": 0.0001,
    "not_a_ticket": 0.0001,
    "tombstone": 0.0001,
}
"""The rest, 98 %, are known texts. From 10,000 tickets a second on these shares fill whatever the service
keeps of bounded size (50,000 tickets' revisions are the most) within ten minutes."""
FLAWED: Mapping[str, bytes | None] = {
    "no_text": b'{"ticket_id":"without a text"}',
    "not_json": b"{",
    "not_a_ticket": b'{"subject":"without an id"}',
    "tombstone": None,
}
TICK_S = 0.05
MADE_UP_S = 1.0  # what is overdue by more is not written any more
LOOK_S = 0.25  # between two looks at what is unfinished
SEED = 1


@dataclass(slots=True)
class Mix:
    """Makes the records, one after another; `shares` are of those that are no known text."""

    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    known_only: bool = False
    made: int = 0
    tombstones: int = 0
    _new: int = 0
    _random: Random = field(default_factory=lambda: Random(SEED))
    _known: list[tuple[bytes, bytes]] = field(init=False)
    _thresholds: list[tuple[float, str]] = field(init=False)

    def __post_init__(self) -> None:
        self._known = [_around_the_number(text) for text in range(KNOWN_TEXTS)]
        self._thresholds = list(zip(itertools.accumulate(self.shares.values()), self.shares, strict=True))

    def next(self) -> Record:
        """One more of any kind."""
        chance = 1.0 if self.known_only else self._random.random()
        for threshold, kind in self._thresholds:
            if chance < threshold:
                return self.of_kind(kind)
        self.made += 1
        return self._known_ticket()

    def _known_ticket(self) -> Record:
        number = b"%09d" % self.made
        before, after = self._known[self.made % KNOWN_TEXTS]
        return b"T-" + number, before + number + after

    def of_kind(self, kind: str) -> Record:
        """One more, of a kind that `SHARES` names."""
        self.made += 1
        key = b"T-%09d" % self.made
        if kind in FLAWED:
            self.tombstones += FLAWED[kind] is None
            return key, FLAWED[kind]
        if kind == "revised":
            before, after = self._known[self.made % KNOWN_TEXTS]
            revision = b'"revision":"%d","priority"' % self.made
            return key, before + b"%09d" % self.made + after.replace(b'"priority"', revision)
        self._new += kind != "repeat"
        _, value = made_ticket(self.made, KNOWN_TEXTS + self._new)
        return key, value.replace(b'"normal"', b'"urgent"') if kind == "urgent" else value


def _around_the_number(text: int) -> tuple[bytes, bytes]:
    """A ticket of this text, without its number: before it, and after it."""
    before, _, after = made_ticket(0, text)[1].partition(b"%09d" % 0)
    return before, after


@dataclass(slots=True, kw_only=True)
class Writer:
    """Writes onto the input topic. `sent` records in all; no more than `unfinished_max` wait to be done."""

    topics: Topics
    producer: AIOKafkaProducer
    admin: AIOKafkaAdminClient
    mix: Mix
    unfinished_max: int
    sent: int = 0
    held_back: int = 0  # records that the pace asked for and that were not written

    async def play(self, per_s: float, until: Callable[[], bool]) -> None:
        """Write at this pace until told otherwise."""
        began_s, asked = time.monotonic(), 0
        room, looked_s = 0, -LOOK_S
        while not until():
            now_s = time.monotonic() - began_s
            if now_s - looked_s >= LOOK_S:
                room, looked_s = self.unfinished_max - self.sent + await self.finished(), now_s
            due = int(per_s * now_s) - asked
            count = max(min(due, room), 0)
            await self.write(*(self.mix.next() for _ in range(count)))
            room -= count
            given_up = max(due - count - int(per_s * MADE_UP_S), 0)
            self.held_back += given_up
            asked += count + given_up
            await asyncio.sleep(TICK_S)

    async def finished(self) -> int:
        """How many of the records the group has committed."""
        offsets = await self.admin.list_consumer_group_offsets(self.topics.group_id)
        return sum(mark.offset for tp, mark in offsets.items() if tp.topic == self.topics.input)

    async def write(self, *records: Record) -> None:
        """Write these now."""
        self.sent += len(records)
        async with asyncio.TaskGroup() as tasks:
            for partition in range(PARTITIONS):
                tasks.create_task(self._write_to(partition, iter(records[partition::PARTITIONS])))

    async def _write_to(self, partition: int, records: Iterator[Record]) -> None:
        record = next(records, None)
        while record is not None:
            batch = self.producer.create_batch()
            while record is not None and batch.size() < BATCH_BYTES:
                key, value = record
                if batch.append(key=key, value=value, timestamp=None) is None:
                    break
                record = next(records, None)
            await (await self.producer.send_batch(batch, self.topics.input, partition=partition))
