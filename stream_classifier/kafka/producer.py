"""The idempotent producer, replaced when it has failed.

After a send whose fate is unknown an idempotent producer's sequence numbers may have a hole, and every
later send fails: so it is thrown away, and what was not acknowledged is sent again by a new one.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

log = structlog.get_logger(__name__)

BATCH_BYTES = 256 * 1024  # a few hundred events: one request and one future for all of them
REQUEST_TIMEOUT_S = 20.0
STOP_S = 5.0  # the client's own stop waits for a broker that is away without end

Sendable = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]  # key, value, headers


class Producer:
    """Sends batches, and nothing else. Several tasks share it."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._client = client
        self._producer: AIOKafkaProducer | None = None
        self._turn = asyncio.Lock()
        self._topics: dict[str, int] = {}

    async def start(self, topics: Sequence[str]) -> None:
        """Connect, and learn how many partitions these topics have. They must exist: to ask a broker
        for one by name may create it."""
        producer = await self._started()
        for topic in topics:
            self._topics[topic] = len(await producer.partitions_for(topic))

    def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return self._topics[topic]

    async def send(
        self, topic: str, partition: int, records: Sequence[Sendable], timestamp_ms: int | None = None
    ) -> int:
        """Send as many of these records as one batch holds, at least one, and wait until the broker has
        them. Returned is how many. Raises aiokafka's errors; then none may be taken for sent."""
        producer = await self._started()
        builder = producer.create_batch()
        count = 0
        for key, value, headers in records:
            if builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None:
                break
            count += 1
        builder.close()
        try:
            await (await producer.send_batch(builder, topic, partition=partition))
        except KafkaError:
            await self._discard(producer)
            raise
        return count

    async def stop(self) -> None:
        """Close the connections."""
        if (producer := self._producer) is not None:
            await self._discard(producer)

    async def _started(self) -> AIOKafkaProducer:
        async with self._turn:
            if self._producer is None:
                producer = _producer(self._client)
                await producer.start()
                self._producer = producer
            return self._producer

    async def _discard(self, producer: AIOKafkaProducer) -> None:
        """Forget this producer, if another task has not done so yet, and stop it."""
        if producer is self._producer:
            self._producer = None
            await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(STOP_S):
            await producer.stop()
    except (KafkaError, TimeoutError) as error:
        log.warning("producer_stop_failed", error=type(error).__name__)


def _producer(client: dict[str, Any]) -> AIOKafkaProducer:
    return AIOKafkaProducer(
        **client,
        acks="all",
        enable_idempotence=True,
        max_batch_size=BATCH_BYTES,
        request_timeout_ms=round(REQUEST_TIMEOUT_S * 1000),
    )
