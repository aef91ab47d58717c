"""Plays records onto a topic, at a rate or as fast as it goes.

Rules:
- The rate is a schedule fixed at the start, not a pause between sends: what a slow moment delays is caught
  up, so the mean rate is the one that was asked for and a slow broker does not hide its own latency.
- Every record is counted once: acknowledged by all replicas in sync, or failed. `Played` may be read at any
  time, also after an interruption.
- A broker that acknowledges nothing for `STALL_S` ends the play: aiokafka itself would wait for ever.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.connection import ConnectionSettings, admin_client, client_kwargs
from stream_classifier.kafka.topics import missing_sentence, missing_topics
from stream_classifier.lab.rows import BadRow, Row, TicketRow

STALL_S = 30.0
"""A cluster that moves a partition to another broker takes a few seconds; beyond this a person is asked."""

STOP_S = 10.0
"""For what is still in the producer when the play ends or is interrupted."""

LINGER_MS = 5
"""Fills batches when records come fast; adds nothing that a person would see at a slow rate."""

BATCH_BYTES = 256 * 1024
MAX_REQUEST_BYTES = 8 * 1024 * 1024
"""Above any row that a backlog yields, so that the topic's own limit is the one that counts."""

KEY_FIELDS = ("ticket_id", "id")


class Playable(Protocol):
    """A record to be sent."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Sender(Protocol):
    """Takes a record and hands back what resolves when the broker has acknowledged it."""

    def send(
        self, topic: str, value: bytes, key: bytes | None, *, headers: Sequence[tuple[str, bytes]]
    ) -> Awaitable[asyncio.Future[Any]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """`rate` tickets a second (None: no limit), `burst` of them at a time."""

    rate: float | None = None
    burst: int = 1

    def due_s(self, index: int) -> float:
        """When the record with this index (from 0) is due, in seconds after the start."""
        return 0.0 if self.rate is None else index // self.burst * self.burst / self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedRecord:
    """A row of a backlog as a record."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True, kw_only=True)
class Played:
    """What has become of the records so far; `errors` counts the failures by their kind."""

    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    errors: Counter[type[BaseException]] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        """Records that the broker, or the client for it, has refused for good."""
        return self.errors.total()

    def settle(self, future: asyncio.Future[Any]) -> None:
        """Count one record by what its future holds; a cancelled one stays unknown."""
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self.acknowledged += 1
        else:
            self.errors[type(error)] += 1


def records(
    rows: Iterable[Row], key_fields: Sequence[str], on_bad: Callable[[BadRow], None]
) -> Iterator[LoadedRecord]:
    """Each ticket as a record, keyed by the first of the fields that it has; bad rows go to `on_bad`."""
    for row in rows:
        if isinstance(row, BadRow):
            on_bad(row)
        else:
            yield LoadedRecord(key=_key(row, key_fields), value=orjson.dumps(row.ticket))


def _key(row: TicketRow, fields: Sequence[str]) -> bytes | None:
    named = (row.ticket[name] for name in fields if row.ticket.get(name) is not None)
    key = next(named, None)
    return None if key is None else str(key).encode()


async def play(
    records: AsyncIterable[Playable], sender: Sender, topic: str, *, pace: Pace, played: Played
) -> None:
    """Send every record when it is due, then wait until all are acknowledged or refused.

    Counts into `played` as it goes. Raises `OperatorFault` where the broker stops answering, and aiokafka's
    own errors where no record can be sent at all.
    """
    start = asyncio.get_running_loop().time()
    pending: set[asyncio.Future[Any]] = set()
    try:
        async for record in records:
            await _until(start + pace.due_s(played.sent))
            if future := await _send(sender, topic, record, played):
                pending.add(future)
                future.add_done_callback(played.settle)
                future.add_done_callback(pending.discard)
        await _all_settled(pending)
    finally:
        played.seconds = asyncio.get_running_loop().time() - start


async def _until(due: float) -> None:
    wait_s = due - asyncio.get_running_loop().time()
    if wait_s > 0:
        await asyncio.sleep(wait_s)


async def _send(sender: Sender, topic: str, record: Playable, played: Played) -> asyncio.Future[Any] | None:
    """Hand one record over; None where it is counted as failed already."""
    played.sent += 1
    try:
        async with asyncio.timeout(STALL_S):
            return await sender.send(topic, record.value, record.key, headers=list(record.headers))
    except MessageSizeTooLargeError as error:
        played.errors[type(error)] += 1
        return None
    except TimeoutError as error:
        raise _stalled() from error


async def _all_settled(pending: set[asyncio.Future[Any]]) -> None:
    while pending:
        done, _ = await asyncio.wait(pending, timeout=STALL_S, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            raise _stalled()


def _stalled() -> OperatorFault:
    return OperatorFault(
        f"Kafka has acknowledged nothing for {STALL_S:.0f} s: see whether the brokers are up and the topic's "
        "partitions have leaders, then load again what was not confirmed."
    )


@asynccontextmanager
async def open_sender(kafka: ConnectionSettings, topic: str) -> AsyncIterator[AIOKafkaProducer]:
    """An idempotent producer that waits for all replicas in sync, for a topic that is there.

    Raises `OperatorFault` where the broker cannot be reached or the topic is missing.
    """
    async with admin_client(kafka) as admin:
        if await missing_topics(admin, [topic]):
            raise OperatorFault(missing_sentence([topic]))
    producer = AIOKafkaProducer(
        **client_kwargs(kafka),
        enable_idempotence=True,
        acks="all",
        linger_ms=LINGER_MS,
        max_batch_size=BATCH_BYTES,
        max_request_size=MAX_REQUEST_BYTES,
    )
    with broker_faults(kafka):
        await producer.start()
        try:
            yield producer
        finally:
            # Where it cannot finish, the counts say what is unconfirmed; what ended the play is told.
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await producer.stop()
