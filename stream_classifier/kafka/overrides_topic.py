"""The overrides topic: whether it is there and fit, reading it from its start, writing a correction.

Rules
-----
* It need not exist, and is looked for by listing. One that is there must be compacted and allowed to us.
* Its end is that of the moment in which the reading began. A client's position moves over the markers of
  transactions and over what was compacted away, but not where nothing at all is left behind the last record:
  so a partition is also at its end when the broker has answered twice, at one position, with nothing.
* A topic that was made anew, or has more partitions now, is read from its start again.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.access import KafkaSettings
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.connection import admin_client, asking, client_kwargs
from stream_classifier.kafka.header_names import accept_any_header_name
from stream_classifier.kafka.rights import Operation, RightsMissing, missing_on_topics
from stream_classifier.kafka.topic_rules import Role, Severity, Topic, findings
from stream_classifier.kafka.topics import read_topics

POLL_MS = 500  # at the most: what comes is handed over at once
POLL_RECORDS = 250  # some 10 ms of work: tickets wait no longer for it
FETCH_BYTES = 4 << 20  # of one answer, which is in memory twice while it is read
REQUEST_S = 10.0  # above the 9 s after which a cluster gives the partitions of a node to others
METADATA_S = 5  # a topic that was deleted, or has more partitions, is noticed within this
OPEN_S = 15.0  # to ask where the partitions begin and end
STOP_S = 0.5  # to close connections; a broker that is frozen must not hold the process
WRITE_S = 30.0  # above a cluster's change of leader; the client itself would try on and on
EMPTY_ANSWERS = 2

Record: TypeAlias = ConsumerRecord[bytes, bytes]


async def find_overrides_topic(kafka: KafkaSettings, operation: Operation) -> Topic | None:
    """The topic, or None where it does not exist or this user may not see it. Raises `OperatorFault` where it
    is not compacted, or where `operation` on it is not allowed."""
    name = kafka.overrides_topic
    async with admin_client(kafka) as admin:
        topics = await read_topics(admin, [name])
    if name not in topics:
        return None
    for finding in findings({Role.OVERRIDES: name}, topics):
        if finding.severity is Severity.FAULT:
            raise OperatorFault(finding.sentence)
    with broker_faults(kafka):
        async with asking(client_kwargs(kafka)) as client:
            if missing := await missing_on_topics(client, {name: operation}):
                raise RightsMissing(missing)
    return topics[name]


class FromStart:
    """The topic's records, those that are there and those that come. `open_from_start` makes one."""

    def __init__(self, consumer: AIOKafkaConsumer, begins: dict[TopicPartition, int]) -> None:
        self.stale = False  # the topic is not the one that this reading began with
        self.gone = False
        self._consumer = consumer
        self._next = begins
        self._left: dict[TopicPartition, int] = {}
        self._answers: dict[TopicPartition, tuple[int, set[int]]] = {}

    def reach(self, ends: dict[TopicPartition, int]) -> None:
        """Begin at the start; `caught_up` is told of these ends."""
        for tp, begin in self._next.items():
            self._consumer.seek(tp, begin)
        self._left = {tp: end for tp, end in ends.items() if end > self._next[tp]}

    @property
    def caught_up(self) -> bool:
        """Whether everything was read that was there when the reading began."""
        return not self._left and not self.stale

    async def poll(self) -> Sequence[Record]:
        """What came, in order by partition; soon after it came, or nothing for a while. Raises aiokafka's
        errors."""
        polled = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=POLL_RECORDS)
        await asyncio.sleep(0)  # a full buffer would otherwise hold the loop
        for tp, records in polled.items():
            self.stale |= records[0].offset < self._next[tp]
            self._next[tp] = records[-1].offset + 1
        for tp in list(self._left):
            if await self._at_end(tp):
                del self._left[tp]
        self._look_at_topic()
        return [] if self.stale else [record for records in polled.values() for record in records]

    async def _at_end(self, tp: TopicPartition) -> bool:
        position = await self._position(tp)
        if position is None:
            return False
        seen_at, answers = self._answers.get(tp, (position, set()))
        if seen_at != position:
            answers = set()
        if (answered_ms := self._consumer.last_poll_timestamp(tp)) is not None:
            answers.add(answered_ms)
        self._answers[tp] = position, answers
        return position >= self._left[tp] or len(answers) > EMPTY_ANSWERS

    async def _position(self, tp: TopicPartition) -> int | None:
        """None while the client looks for it: what it stood at is no longer on the topic."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0):
                return int(await self._consumer.position(tp))
        return None

    def _look_at_topic(self) -> None:
        """While it is gone what was read stands: a broker that starts may not know its topics yet."""
        topic = next(iter(self._next)).topic
        partitions = self._consumer.partitions_for_topic(topic)
        if partitions is None:
            self.gone = True
        elif self.gone or len(partitions) != len(self._next):
            self.stale = True


def new_reader(client: dict[str, Any]) -> AIOKafkaConsumer:
    """A consumer without a group, not started: it reads what is committed, and leaves no trace."""
    accept_any_header_name()
    return AIOKafkaConsumer(
        **client,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
        metadata_max_age_ms=METADATA_S * 1000,
        request_timeout_ms=round(REQUEST_S * 1000),
    )


@asynccontextmanager
async def open_from_start(client: dict[str, Any], topic: Topic) -> AsyncIterator[FromStart]:
    """A consumer of its own, without a group: every process reads everything. Raises aiokafka's errors."""
    consumer = new_reader(client)
    try:
        async with asyncio.timeout(OPEN_S):
            await consumer.start()
            tps = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            consumer.assign(tps)
            reading = FromStart(consumer, await consumer.beginning_offsets(tps))
            reading.reach(await consumer.end_offsets(tps))
        yield reading
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await consumer.stop()


async def read_latest(
    kafka: KafkaSettings, topic: Topic, keys: Collection[bytes] | None = None
) -> dict[bytes | None, bytes]:
    """By key (of these, or of all), the last value of what is not taken back. Raises `OperatorFault`."""
    latest: dict[bytes | None, bytes] = {}
    with broker_faults(kafka):
        async with open_from_start(client_kwargs(kafka), topic) as reading:
            async with asyncio.timeout(WRITE_S) as limit:
                while not reading.caught_up:
                    for record in await reading.poll():
                        limit.reschedule(asyncio.get_running_loop().time() + WRITE_S)
                        if keys is None or record.key in keys:
                            _keep(latest, record)
    return latest


def _keep(latest: dict[bytes | None, bytes], record: Record) -> None:
    latest.pop(record.key, None)  # the last one comes last
    if record.value is not None:
        latest[record.key] = record.value


async def write(kafka: KafkaSettings, key: bytes, value: bytes | None) -> None:
    """Write a correction, and return when all replicas in sync have it. Raises `OperatorFault`."""
    producer = AIOKafkaProducer(**client_kwargs(kafka), acks="all", enable_idempotence=True)
    with broker_faults(kafka):
        try:
            async with asyncio.timeout(WRITE_S):
                await producer.start()
                await producer.send_and_wait(kafka.overrides_topic, value, key=key)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await producer.stop()
