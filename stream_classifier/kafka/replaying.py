"""Sends records through again: reads what was selected, finds the records, writes them to the input topic.

Rules
-----
* What was read and what was written for it are one transaction: the offsets of the topic that is searched are
  committed with the records, under a group that is named after the selection. So each record is sent once by
  a selection, whatever ends this process and when, and the same command goes on where the last one ended.
* It is searched up to the end that it has at the beginning: what a replay brings about is not replayed by it.
* In order: each partition from its start, and to the partition that the record came from, so that a key keeps
  its order. Where that partition, or the topic, is another now, the key decides as in Kafka's own clients.
* A record that is no longer on its topic, or went through too often, is passed over and named.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.partitioner import murmur2

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import Headers
from stream_classifier.core.replay import MAX_TRIPS, Origin, Place, Selection, choose, headers_for, trips_of
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.committed import committed_marks
from stream_classifier.kafka.connection import admin_client, asking, client_kwargs, reachable
from stream_classifier.kafka.producer import Sendable
from stream_classifier.kafka.reading import Reader, Record, Spans, open_reader
from stream_classifier.kafka.rights import (
    Operation,
    RightsMissing,
    missing_on_topics,
    told_on_group,
)
from stream_classifier.kafka.topic_rules import Topic
from stream_classifier.kafka.topics import missing_sentence, read_topics
from stream_classifier.kafka.transactional_producer import (
    FENCED,
    Parcel,
    ParcelsTooLarge,
    TransactionalProducer,
)
from stream_classifier.settings.kafka import Kafka

SEEN_BEFORE = 100_000  # places that are remembered, so that an array's events send its record once
NAMED_PLACES = 1_000  # of those that could not be sent; the rest is counted


@dataclass(slots=True, kw_only=True)
class Account:
    """What has come of a replay so far. `looked_at` are records of the topic that is searched, of which
    `chosen` were meant; each of these was sent, or is one of the others."""

    looked_at: int = 0
    chosen: int = 0
    sent: int = 0
    repeated: int = 0  # stand for a record that was sent already: an array's tickets, a redelivery
    gone: int = 0  # no longer on their topic
    worn: int = 0  # went through `MAX_TRIPS` times
    reasons: Counter[str] = field(default_factory=Counter)  # of those sent
    gone_places: list[str] = field(default_factory=list)
    worn_places: list[str] = field(default_factory=list)  # where they were found

    @property
    def left(self) -> int:
        """How many were meant and not sent."""
        return self.gone + self.worn


class Found(NamedTuple):
    """A record that was chosen: where it was found, what it stands for, why, and what the finding holds."""

    at: Place
    place: Place
    reason: str
    holder: Record | None


class Original(NamedTuple):
    """A record as it came in."""

    key: bytes | None
    value: bytes | None
    headers: Headers


class Replay:
    """One replay. `stopping` is asked between transactions; with `dry` nothing is written."""

    def __init__(
        self,
        kafka: Kafka,
        selection: Selection,
        *,
        force: bool = False,
        dry: bool = False,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self.account = Account()
        self.group_id = f"{kafka.group_id}-replay-{selection.digest}"
        self._kafka = kafka
        self._selection = selection
        self._force = force
        self._dry = dry
        self._stopping = stopping
        dead = selection.origin is Origin.DEAD_LETTERS
        self._searched = kafka.dead_letter_topic if dead else kafka.output_topic
        self._topics: Mapping[str, Topic] = {}
        self._seen: OrderedDict[str, None] = OrderedDict()  # places of records
        self._last: dict[TopicPartition, str] = {}  # the last of them that was found in each partition

    async def run(self) -> None:
        """Send everything that is there now, or until `stopping`. Raises `OperatorFault`."""
        await self._require_rights()
        await self._find_topics()
        client = client_kwargs(self._kafka)
        producer = TransactionalProducer(client, self.group_id, self._kafka.transaction_timeout_s)
        try:
            if not self._dry:
                with broker_faults(self._kafka):
                    await producer.start()
            async with open_reader(self._kafka) as searching, open_reader(self._kafka) as finding:
                spans = await self._spans(searching)
                await self._work_off(searching, finding, spans, producer)
        finally:
            await producer.close()

    async def _require_rights(self) -> None:
        """A topic that may not be seen would look missing."""
        kafka = self._kafka
        await reachable(kafka)
        with broker_faults(kafka):
            async with asking(client_kwargs(kafka)) as client:
                needed = {self._searched: Operation.READ, kafka.input_topic: Operation.READ}
                missing = await missing_on_topics(client, needed)
                if not self._dry:
                    missing += await missing_on_topics(client, {kafka.input_topic: Operation.WRITE})
                told = await told_on_group(client, self.group_id)
            missing += [right for right, granted in told.items() if granted is False]
            if missing:
                raise RightsMissing(missing)

    async def _find_topics(self) -> None:
        needed = (self._searched, self._kafka.input_topic)
        async with admin_client(self._kafka) as admin:
            listed = await admin.list_topics()
            self._topics = await read_topics(admin, listed)
        if missing := [name for name in needed if name not in self._topics]:
            raise OperatorFault(missing_sentence(missing))

    async def _spans(self, reader: Reader) -> Spans:
        """From where the last run ended, or what is meant begins, to the end of now."""
        topic, since_ms = self._topics[self._searched], self._selection.since_ms
        bounds = await reader.bounds(topic)
        with broker_faults(self._kafka):
            marks = await committed_marks(client_kwargs(self._kafka), self.group_id, list(bounds))
        dated = {} if since_ms is None else await reader.offsets_at(topic, since_ms)
        for tp, (_, told) in marks.items():
            self._remember(tp, told)
        spans = {}
        for tp, (begin, end) in bounds.items():
            meant = [row for row in self._selection.offsets if row.partition == tp.partition]
            first = min((row.first for row in meant), default=begin)
            last = max((row.last for row in meant), default=begin - 1 if self._selection.offsets else end)
            from_ = max(begin, marks[tp][0], first, dated.get(tp) or begin)
            spans[tp] = (min(from_, end), min(last + 1, end))
        return spans

    async def _work_off(
        self, searching: Reader, finding: Reader, spans: Spans, producer: TransactionalProducer
    ) -> None:
        done: dict[TopicPartition, int] = {}
        async with aclosing(searching.records(spans)) as searched:
            async for records in searched:
                if self._stopping():
                    break
                done |= {_partition(record): record.offset + 1 for record in records}
                self.account.looked_at += len(records)
                if parcels := await self._parcels(finding, self._choose(records)):
                    await self._send(producer, parcels, done)
            else:
                done |= {tp: end for tp, (begin, end) in spans.items() if begin < end}
        if done:  # also of what was looked at in vain
            await self._send(producer, [], done)

    def _choose(self, records: Iterable[Record]) -> list[Found]:
        """Those that are meant, each once."""
        found = []
        for record in records:
            if not self._selection.meant(record.partition, record.offset, record.timestamp):
                continue
            chosen = choose(self._selection, record.value, record.headers)
            if chosen is None:
                continue
            self.account.chosen += 1
            if str(chosen.place) in self._seen:
                self.account.repeated += 1
                continue
            at = Place(record.topic, record.partition, record.offset)
            self._remember(_partition(record), str(chosen.place))
            found.append(Found(at, chosen.place, chosen.reason, record if chosen.held else None))
        return found

    async def _parcels(self, reader: Reader, found: Sequence[Found]) -> list[Parcel]:
        """What is to be written, by partition, in the order in which it was found."""
        originals = await self._originals(reader, found)
        by_partition: dict[int, list[Sendable]] = {}
        for one in found:
            original = originals.get(one.place)
            if original is None or original.value is None:
                self.account.gone += 1
                _name(self.account.gone_places, one.place)
            elif trips_of(original.headers) >= MAX_TRIPS and not self._force:
                self.account.worn += 1
                _name(self.account.worn_places, one.at)
            else:
                self.account.reasons[one.reason] += 1
                headers = headers_for(original.headers, one.place)
                number = self._number(one.place, original.key)
                by_partition.setdefault(number, []).append((original.key, original.value, headers))
        return [Parcel(self._kafka.input_topic, n, records) for n, records in by_partition.items()]

    async def _originals(self, reader: Reader, found: Sequence[Found]) -> dict[Place, Original]:
        """The records as they came in: held by what was found, or read again."""
        originals: dict[Place, Original] = {}
        wanted: dict[str, dict[int, set[int]]] = {}
        for one in found:
            if one.holder is not None:
                originals[one.place] = _original(one.holder)
            elif one.place.topic in self._topics:
                wanted.setdefault(one.place.topic, {}).setdefault(one.place.partition, set()).add(
                    one.place.offset
                )
        for topic, offsets in wanted.items():
            read = await reader.single(self._topics[topic], offsets)
            originals |= {Place(topic, *at): _original(record) for at, record in read.items()}
        return originals

    async def _send(
        self, producer: TransactionalProducer, parcels: list[Parcel], done: dict[TopicPartition, int]
    ) -> None:
        """Write these, and commit that everything up to there is done."""
        if not self._dry:
            offsets = {tp: OffsetAndMetadata(end, self._last.get(tp, "")) for tp, end in done.items()}
            with broker_faults(self._kafka):
                await _transact(producer, parcels, offsets, self.group_id)
        self.account.sent += sum(len(parcel.records) for parcel in parcels)
        done.clear()

    def _number(self, place: Place, key: bytes | None) -> int:
        count = self._topics[self._kafka.input_topic].partitions
        if (place.topic == self._kafka.input_topic and place.partition < count) or key is None:
            return place.partition % count
        return int(murmur2(key) & 0x7FFFFFFF) % count

    def _remember(self, tp: TopicPartition, place: str) -> None:
        self._last[tp] = place
        self._seen[place] = None
        if len(self._seen) > SEEN_BEFORE:
            self._seen.popitem(last=False)


async def _transact(
    producer: TransactionalProducer,
    parcels: list[Parcel],
    offsets: Mapping[TopicPartition, OffsetAndMetadata],
    group_id: str,
) -> None:
    try:
        await producer.transact(parcels, offsets, group_id)
    except FENCED as error:
        raise OperatorFault(
            "Another replay of the same selection has begun, and goes on from where this one ended: leave it "
            "to that one."
        ) from error
    except ParcelsTooLarge as error:
        raise OperatorFault(
            f"A record and the two headers that a replay adds do not fit into {parcels[0].topic}: raise the "
            "topic's max.message.bytes, then give the same command again."
        ) from error


def _partition(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


def _original(record: Record) -> Original:
    return Original(record.key, record.value, record.headers)


def _name(places: list[str], place: Place) -> None:
    if len(places) < NAMED_PLACES:
        places.append(str(place))
