"""The idempotent producer, replaced when it has failed.

Rules
-----
* After a send whose fate is unknown an idempotent producer's sequence numbers may have a hole, and every
  later send fails: so it is thrown away, and what was not acknowledged is sent again by a new one.
* The client never gives up by itself: while a broker is away it tries on and on, and what was meant for
  a partition that is long revoked would still go out. `abandon` ends that.
* Nor does it close a connection before all is written that it has for it; a broker that is frozen takes
  nothing, and would be sent the rest when it thaws. So connections that are given up are broken off.
* The client's own tasks are cancelled on the way, and it raises that in whoever waits for its end. There it
  would look as if we were cancelled: so its end is waited for from outside.
"""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerClosed
from aiokafka.producer.message_accumulator import BatchBuilder

log = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024  # a few hundred events: one request and one future for all of them
REQUEST_TIMEOUT_S = 10.0  # above the 9 s after which a cluster gives the partitions of a node to others
FLUSH_S = 5.0  # for the sends of others, where one has failed
STOP_S = 0.5  # at the process's end everything is flushed already, or its broker is away

Sendable = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]  # key, value, headers


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def _went_well(work: Coroutine[Any, Any, None], limit_s: float) -> bool:
    """Do it in a task of its own, no longer than `limit_s`. Whether it ended by itself and raised nothing."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=limit_s)
    finally:
        task.cancel()
    return task.done() and not task.cancelled() and task.exception() is None


@dataclass(slots=True, eq=False)
class _Life:
    """One client, from its start to its end; `over` ends the waiting for what it has under way."""

    client: AIOKafkaProducer
    over: asyncio.Future[None] = field(default_factory=_future)

    async def delivered(self, delivery: asyncio.Future[Any]) -> None:
        """Wait until the broker has it. Raises `ProducerClosed` where this life is cut off before."""
        await asyncio.wait((delivery, self.over), return_when=asyncio.FIRST_COMPLETED)
        if not delivery.done():
            raise ProducerClosed
        delivery.result()

    def cut_off(self) -> None:
        """Send nothing more, not even what is under way. The client has no such call: its own stop sends
        what is left, and waits for a broker that is away."""
        if not self.over.done():
            self.over.set_result(None)
        if (sending := self.client._sender.sender_task) is not None:  # noqa: SLF001
            sending.cancel()
        for connection in self.client.client._conns.values():  # noqa: SLF001
            if (writer := connection._writer) is not None:  # noqa: SLF001
                writer.transport.abort()

    async def end(self, flush_s: float) -> bool:
        """Stop the client, which sends what it still has for `flush_s` at most. Whether that went well."""
        if not self.over.done() and await _went_well(self.client.stop(), flush_s):
            return True
        cut_off_before = self.over.done()
        self.cut_off()
        closed = await _went_well(self.client.client.close(), STOP_S)
        await _went_well(self.client.stop(), STOP_S)
        return cut_off_before and closed


def fill(batch: BatchBuilder, records: Iterable[Sendable], timestamp_ms: int | None = None) -> int:
    """Put as many of these records into an empty batch as it holds, at least one. Returned is how many.

    By the client's own encoder: what stands between costs more than the encoding."""
    append, count = batch._builder.append, 0  # noqa: SLF001
    for key, value, headers in records:
        if append(count, timestamp_ms, key, value, headers) is None:
            break
        count += 1
    batch._relative_offset = count  # noqa: SLF001
    return count


class Producer:
    """Sends batches, and nothing else. Several tasks share it."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._client = client
        self._life: _Life | None = None
        self._abandoned = 0
        self._turn = asyncio.Lock()
        self._topics: dict[str, int] = {}

    async def start(self, topics: Sequence[str]) -> None:
        """Connect, and learn how many partitions these topics have. They must exist: to ask a broker
        for one by name may create it."""
        life = await self._started()
        for topic in topics:
            self._topics[topic] = len(await life.client.partitions_for(topic))

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._topics[topic]

    async def send(
        self, topic: str, partition: int, records: Sequence[Sendable], timestamp_ms: int | None = None
    ) -> int:
        """Send as many of these records as one batch holds, at least one, and wait until the broker has
        them, however long it is away. Returned is how many. Raises aiokafka's errors; then none may be
        taken for sent."""
        abandoned = self._abandoned
        life = await self._started()
        if abandoned != self._abandoned:  # while we connected
            raise ProducerClosed
        builder = life.client.create_batch()
        count = fill(builder, records, timestamp_ms)
        builder.close()
        try:
            await life.delivered(await life.client.send_batch(builder, topic, partition=partition))
        except KafkaError:
            await self._end(life, FLUSH_S)
            raise
        return count

    def abandon(self) -> None:
        """Give up what is under way: nothing more of it is sent, and whoever waits for it is told so."""
        self._abandoned += 1
        if self._life is not None:
            self._life.cut_off()

    async def renew(self) -> None:
        """Send by a new client from now on: the login has changed."""
        if self._life is not None:
            await self._end(self._life, FLUSH_S)

    async def stop(self) -> None:
        """Close the connections."""
        if self._life is not None:
            await self._end(self._life, STOP_S)

    async def _started(self) -> _Life:
        async with self._turn:
            if self._life is not None and self._life.over.done():
                await self._end(self._life, STOP_S)
            if self._life is None:
                self._life = _Life(await self._connected())
            return self._life

    async def _connected(self) -> AIOKafkaProducer:
        client = _producer(self._client)
        try:
            await client.start()
        except BaseException:
            await client.stop()  # it is open, started or not
            raise
        return client

    async def _end(self, life: _Life, flush_s: float) -> None:
        """Forget this client, if another task has not done so yet, and stop it."""
        if life is not self._life:
            return
        self._life = None
        if not await life.end(flush_s):
            log.warning("producer_stop_failed")


def _producer(client: dict[str, Any]) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **client,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=round(REQUEST_TIMEOUT_S * 1000),
    )
