"""One producer under a transactional id, from its start to its end. It makes transactions, one by one.

Rules
-----
* To start is to fence: the broker ends every earlier producer of the same id, aborts what that one had open
  or finishes what it had begun to commit, and only then lets this one in.
* A producer that has failed is never used again. What a failed send leaves behind (a hole in the sequence
  numbers, an open transaction) is the broker's to clear away when the next one starts.
* A send that fails does not end the transaction: the client would commit the rest. So every delivery is
  waited for and looked at before the offsets are sent.
* Each transaction as a whole has less time than the broker gives it. So the broker never aborts one behind
  our back, which would look as if another owner had fenced us.
* The client goes on by itself with what was begun, its commit too, for as long as it lives. `cut_off` ends
  that; to cancel whoever waits for it would not.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import (
    InvalidProducerEpoch,
    InvalidTransactionTimeout,
    KafkaError,
    OffsetMetadataTooLargeError,
    ProducerClosed,
    ProducerFenced,
)

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.items import TOO_LARGE
from stream_classifier.kafka.producer import BATCH_BYTES, REQUEST_TIMEOUT_S, Sendable, fill

log = structlog.get_logger(__name__)

START_S = 30.0  # past a bootstrap server that is frozen, and a coordinator that is being elected
CLOSE_S = 1.0  # one that is idle takes milliseconds; one that is not is cut off before
FENCED = (ProducerFenced, InvalidProducerEpoch)


class Parcel(NamedTuple):
    """Records for one partition of a topic, in order."""

    topic: str
    partition: int
    records: Sequence[Sendable]


class ParcelsTooLarge(KafkaError):  # type: ignore[misc]
    """The broker refuses batches of these parcels, by their index, as larger than the topic takes."""

    def __init__(self, indices: Sequence[int]) -> None:
        self.indices = tuple(indices)
        super().__init__(f"{len(self.indices)} parcels are too large")


def transactional_id(group_id: str, tp: TopicPartition) -> str:
    """The id of a partition's transactions: the same for each of its owners, and for nobody else."""
    return f"{group_id}-{tp.topic}-{tp.partition}"


class TransactionalProducer:
    """`client` is what clients of the cluster take, `name` its id, `timeout_s` what the broker gives a
    transaction."""

    def __init__(self, client: Mapping[str, Any], name: str, timeout_s: float) -> None:
        self._producer = AIOKafkaProducer(
            **client,
            acks="all",
            transactional_id=name,
            transaction_timeout_ms=round(timeout_s * 1000),
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=round(min(timeout_s, REQUEST_TIMEOUT_S) * 1000),
        )
        self._timeout_s = timeout_s
        self._deadline: asyncio.Timeout | None = None
        self._over = False

    async def start(self) -> None:
        """Fence all earlier producers of this id. Raises aiokafka's errors and TimeoutError; `OperatorFault`
        where the broker does not give a transaction so much time."""
        try:
            await self._in_time(START_S, self._producer.start)
        except InvalidTransactionTimeout as error:
            raise OperatorFault(
                f"The brokers give a transaction less than {self._timeout_s:g} s: lower "
                "kafka.transaction_timeout_s, or raise the brokers' transaction.max.timeout.ms."
            ) from error

    async def transact(
        self, parcels: Sequence[Parcel], offsets: Mapping[TopicPartition, OffsetAndMetadata], group_id: str
    ) -> None:
        """Send the parcels and the offsets as one transaction, and commit it.

        Raises aiokafka's errors and TimeoutError; then nobody knows whether it was committed, and this
        producer is done. `ParcelsTooLarge` says that it was not.
        """

        async def steps() -> None:
            await self._producer.begin_transaction()
            self._ended().add_done_callback(_looked_at)
            await self._send(parcels)
            await self._producer.send_offsets_to_transaction(dict(offsets), group_id)
            await self._producer.commit_transaction()

        try:
            await self._in_time(self._timeout_s, steps)
        except AssertionError as error:  # so the client says that its sender has failed between two steps
            raise ProducerClosed from error
        except KafkaError as error:
            if isinstance(error.__cause__, OffsetMetadataTooLargeError):
                raise OperatorFault(
                    "The brokers refuse the map of finished offsets in a commit: raise their "
                    "offset.metadata.max.bytes to 4096 or more."
                ) from error
            raise

    def cut_off(self) -> None:
        """Send nothing more, and commit nothing: whoever waits is told TimeoutError or ProducerClosed."""
        self._over = True
        if self._deadline is not None and not self._deadline.expired():
            self._deadline.reschedule(0)
        if (sending := self._sending()) is not None:
            sending.cancel()  # then it waits for what it has begun, and is to be told again
            asyncio.get_running_loop().call_soon(sending.cancel)

    async def close(self) -> None:
        """Close the connections, whatever became of it."""
        self.cut_off()
        self._forget_deliveries()
        try:
            async with asyncio.timeout(CLOSE_S):
                if (sending := self._sending()) is not None:
                    await asyncio.wait([sending])  # the client's stop would take its cancellation for ours
                await self._producer.stop()
        except (KafkaError, TimeoutError) as error:
            log.warning("producer_stop_failed", error=type(error).__name__)

    async def _in_time(self, limit_s: float, steps: Callable[[], Any]) -> None:
        if self._over:
            raise ProducerClosed
        try:
            async with asyncio.timeout(limit_s) as self._deadline:
                await steps()
        finally:
            self._deadline = None

    async def _send(self, parcels: Sequence[Parcel]) -> None:
        """Send all of them, and wait until the broker has them."""
        deliveries: list[asyncio.Future[Any]] = []
        origins: list[int] = []
        for index, parcel in enumerate(parcels):
            for batch in self._batches(parcel.records):
                delivery = await self._producer.send_batch(batch, parcel.topic, partition=parcel.partition)
                delivery.add_done_callback(_looked_at)
                deliveries.append(delivery)
                origins.append(index)
        await self._delivered(deliveries)
        _raise_worst(
            [(i, error) for i, d in zip(origins, deliveries, strict=True) if (error := d.exception())]
        )

    async def _delivered(self, deliveries: Sequence[asyncio.Future[Any]]) -> None:
        """Wait for all of them, but no longer than the transaction lives: where the client has given it
        up, some are never answered."""
        left = set(deliveries)
        while left:
            done, left = await asyncio.wait({*left, self._ended()}, return_when=asyncio.FIRST_COMPLETED)
            left.discard(self._ended())
            if self._ended() in done:
                self._ended().result()
                raise ProducerClosed

    def _batches(self, records: Sequence[Sendable]) -> list[Any]:
        """These records as batches of the client."""
        batches, filled = [], 0
        while filled < len(records):
            batch = self._producer.create_batch()
            filled += fill(batch, islice(records, filled, None))
            batch.close()
            batches.append(batch)
        return batches

    def _ended(self) -> "asyncio.Future[None]":
        """The client's future of the transaction's end."""
        waiter: asyncio.Future[None] = self._producer._txn_manager._transaction_waiter  # noqa: SLF001
        return waiter

    def _sending(self) -> "asyncio.Task[None] | None":
        """The client's task that does all the work."""
        task: asyncio.Task[None] | None = self._producer._sender.sender_task  # noqa: SLF001
        return task

    def _forget_deliveries(self) -> None:
        """Nobody waits for these any more; the client's own stop would, and for ever."""
        accumulator = self._producer._message_accumulator  # noqa: SLF001
        waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
        for batch in (*waiting, *accumulator._pending_batches):  # noqa: SLF001
            batch.done_noack()
            batch._drain_waiter.add_done_callback(_looked_at)  # noqa: SLF001


def _raise_worst(failed: Sequence[tuple[int, BaseException]]) -> None:
    """Raise what matters of these errors, each with the index of its parcel, if there are any. A batch that
    is too large leaves a gap in the sequence numbers, of which those behind it complain."""
    fenced = [error for _, error in failed if isinstance(error, FENCED)]
    too_large = {index for index, error in failed if isinstance(error, TOO_LARGE)}
    if fenced:
        raise fenced[0]
    if too_large:
        raise ParcelsTooLarge(sorted(too_large))
    if failed:
        raise failed[0][1]


def _looked_at(future: "asyncio.Future[Any]") -> None:
    """Its error is known: asyncio need not complain that nobody asked for it."""
    if not future.cancelled():
        future.exception()
