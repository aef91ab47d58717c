"""One producer under a transactional id, on a real Kafka: all or nothing, within its time, and no longer."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import OffsetAndMetadata, TopicPartition
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    KafkaConnectionError,
    KafkaError,
    ProducerClosed,
    ProducerFenced,
)

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.finished_map import Mark
from stream_classifier.kafka.committed import committed_marks
from stream_classifier.kafka.transactional_producer import Parcel, ParcelsTooLarge, TransactionalProducer
from tests.broker.stream import read_to
from tests.brokers.client import create_topic, end_offsets
from tests.brokers.kafka import Kafka
from tests.brokers.ports import free_ports
from tests.conftest import StartKafka
from tests.patience import until

TIMEOUT_S = 4.0


@dataclass(slots=True)
class World:
    """A topic, a group, and producers of one id, each closed in the end."""

    bootstrap_servers: str
    name: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    producers: list[TransactionalProducer] = field(default_factory=list)

    def producer(self, timeout_s: float = TIMEOUT_S) -> TransactionalProducer:
        client = {"bootstrap_servers": self.bootstrap_servers}
        self.producers.append(TransactionalProducer(client, self.name, timeout_s))
        return self.producers[-1]

    async def started(self) -> TransactionalProducer:
        producer = self.producer()
        await producer.start()
        return producer

    async def transact(
        self, producer: TransactionalProducer, values: Sequence[bytes], position: int, text: str = ""
    ) -> None:
        """Each value in a parcel of its own, and this mark."""
        parcels = [Parcel(self.name, 0, [(None, value, [])]) for value in values]
        await producer.transact(
            parcels, {TopicPartition(self.name, 0): OffsetAndMetadata(position, text)}, self.name
        )

    async def mark(self) -> Mark:
        tp = TopicPartition(self.name, 0)
        client = {"bootstrap_servers": self.bootstrap_servers}
        return (await committed_marks(client, self.name, [tp]))[tp]

    async def values(self) -> list[bytes | None]:
        ends = await end_offsets(self.bootstrap_servers, self.name, 1, committed_only=True)
        return [record.value for record in await read_to(self.bootstrap_servers, self.name, ends)]


@asynccontextmanager
async def a_world(kafka: Kafka, **config: str) -> AsyncIterator[World]:
    """Nothing is left behind: no task, no future whose error nobody has looked at."""
    loop = asyncio.get_running_loop()
    complaints: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    world = World(kafka.bootstrap_servers)
    await create_topic(
        kafka.bootstrap_servers, world.name, 1, {k.replace("_", "."): v for k, v in config.items()}
    )
    tasks = asyncio.all_tasks()
    try:
        yield world
    finally:
        for producer in world.producers:
            await producer.close()
    await asyncio.sleep(0.1)  # what is cancelled ends at the loop's next turns
    gc.collect()  # the loop complains of a future's error when the future is gone
    left = [task for task in asyncio.all_tasks() - tasks if not task.done()]
    assert (complaints, left) == ([], [])


async def test_a_transaction_is_seen_as_a_whole_with_its_mark(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        producer = await world.started()
        await world.transact(producer, [b"one", b"two"], 7, "a map")
        await world.transact(producer, [], 9)
        assert (await world.values(), await world.mark()) == ([b"one", b"two"], (9, ""))


async def test_a_second_producer_of_an_id_fences_the_first(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        first, second = await world.started(), await world.started()
        with pytest.raises(ProducerFenced):
            await world.transact(first, [b"zombie"], 1)
        await world.transact(second, [b"owner"], 2)
        assert (await world.values(), await world.mark()) == ([b"owner"], (2, ""))


async def test_parcels_that_are_too_large_are_named_and_nothing_is_seen(kafka: Kafka) -> None:
    async with a_world(kafka, max_message_bytes="1000") as world:
        producer = await world.started()
        with pytest.raises(ParcelsTooLarge) as refused:
            await world.transact(producer, [b"small", b"x" * 2_000, b"small"], 1)
        assert refused.value.indices == (1,)
        await world.transact(await world.started(), [b"small"], 1)
        assert await world.values() == [b"small"]


async def test_a_map_that_the_broker_refuses_is_a_sentence(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        with pytest.raises(OperatorFault, match=r"offset\.metadata\.max\.bytes"):
            await world.transact(await world.started(), [b"one"], 1, "x" * 5_000)


async def test_more_time_than_the_broker_gives_is_a_sentence(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        with pytest.raises(OperatorFault, match=r"transaction\.max\.timeout\.ms"):
            await world.producer(timeout_s=100_000).start()


async def test_a_start_where_nobody_listens_says_so(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        world.bootstrap_servers = f"127.0.0.1:{free_ports(1)[0]}"
        with pytest.raises(KafkaConnectionError):
            await world.producer().start()


async def test_what_was_cut_off_sends_nothing_more(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        producer = await world.started()
        producer.cut_off()
        with pytest.raises(ProducerClosed):
            await world.transact(producer, [b"late"], 1)
        assert await world.mark() == (-1, "")


@pytest.mark.parametrize("way", ["deadline", "cut off"])
async def test_what_is_given_up_while_the_node_is_frozen_is_not_committed_when_it_wakes(
    start_kafka: StartKafka, way: str
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    async with a_world(kafka) as world:
        producer = await world.started()
        await world.transact(producer, [b"first"], 1)
        [node] = kafka.nodes
        await asyncio.to_thread(node.process.freeze)
        began = asyncio.get_running_loop().time()
        sending = asyncio.create_task(world.transact(producer, [b"given up"], 2))
        await asyncio.wait([sending], timeout=1)
        if way == "cut off":
            producer.cut_off()
        with pytest.raises((TimeoutError, KafkaError)):
            await sending
        waited_s = asyncio.get_running_loop().time() - began
        await producer.close()
        await asyncio.to_thread(node.process.thaw)
        await world.transact(await world.started(), [b"second"], 3)
        assert (await world.values(), await world.mark()) == ([b"first", b"second"], (3, ""))
    assert waited_s < (TIMEOUT_S - 1 if way == "cut off" else TIMEOUT_S + 1)


async def test_what_is_committed_is_not_told_while_a_transaction_that_holds_it_is_open(kafka: Kafka) -> None:
    async with a_world(kafka) as world:
        producer = await world.started()
        await world.transact(producer, [b"one"], 1)
        client = producer._producer
        await client.begin_transaction()
        tp = TopicPartition(world.name, 0)
        await client.send_offsets_to_transaction({tp: OffsetAndMetadata(2, "")}, world.name)
        with pytest.raises(GroupCoordinatorNotAvailableError, match="not settled"):
            await world.mark()
        await client.commit_transaction()
        await until(lambda: _is(world, (2, "")))


async def _is(world: World, mark: Mark) -> bool:
    try:
        return await world.mark() == mark
    except GroupCoordinatorNotAvailableError:
        return False
