"""A world for the watch: the real parts around one session, between scripted ends, and time that passes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from stream_classifier.cache import Cache, MemoryFront
from stream_classifier.cache.backend import Backend
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Partition
from stream_classifier.core.stillness import LoopBeat
from stream_classifier.core.tally import GaugeRows, Measure, Tally
from stream_classifier.kafka.claims import Claims
from stream_classifier.kafka.items import Items
from stream_classifier.kafka.outbox import Outbox
from stream_classifier.kafka.session import Session
from stream_classifier.kafka.transactions import Transactions
from stream_classifier.service.building import Builder
from stream_classifier.service.watching import Watch
from stream_classifier.settings.kafka import Kafka
from tests.unit.kafka_fakes import TOPIC, FakeConsumer, FakeSender, a_partition, tp
from tests.unit.lane_fakes import Record, ScriptedProvider
from tests.unit.lane_world import settings
from tests.unit.transaction_fakes import FakeCoordinator

STALL_S = 600.0


class World:
    """A watch on parts that stand still, but for what a test does to them; within `running` they work."""

    def __init__(self, *, backend: Backend | None = None, **groups: Any) -> None:
        loop = asyncio.get_running_loop()
        self.tally, self.now = Tally(), loop.time
        self.sender = FakeSender({TOPIC: 2, "labels": 2, "dead": 2})
        self.outbox: Outbox | Transactions = Outbox(
            producer=self.sender,
            input_topic=TOPIC,
            output_topic="labels",
            dead_letter_topic="dead",
            tally=self.tally,
            alive=lambda: True,
        )
        builder = Builder(settings(**groups), self.tally)
        self.providers = {lane: ScriptedProvider() for lane in Lane}
        self.cache = builder.cache() if backend is None else _cache_of(backend, self.tally)
        self.pipeline = builder.pipeline(self.cache, self.providers, self.outbox)
        self.consumer = FakeConsumer(assigned={tp(0)})
        self.session: Session | None = None
        self.partition, self.other = a_partition(), a_partition(1)
        self.watch = Watch(
            tally=self.tally,
            pipeline=self.pipeline,
            outbox=self.outbox,
            session=lambda: self.session,
            now=self.now,
            stall_s=STALL_S,
        )
        self.health = self.watch.health()

    def use_transactions(self) -> FakeCoordinator:
        """Exactly-once from now on, before this coordinator."""
        coordinator = FakeCoordinator()
        items = Items(
            input_topic=TOPIC,
            output_topic="labels",
            dead_letter_topic="dead",
            partitions=lambda _: 2,
            tally=self.tally,
        )
        self.outbox = Transactions(
            settings=Kafka(input_topic=TOPIC, delivery="exactly-once"),
            items=items,
            tally=self.tally,
            ours=lambda: True,
            lose=lambda _: None,
            claims=Claims(coordinator.producer),
            read_mark=coordinator.read_mark,
        )
        self.watch.outbox = self.outbox
        self.pipeline.arrivals.departures.outbox = self.outbox
        return coordinator

    def join(self) -> Session:
        """A session begins; it has no partitions yet."""
        self.session = Session(
            settings=Kafka(input_topic=TOPIC, max_in_flight_tickets=2),
            client={},
            consumer=self.consumer,
            take=lambda *_: None,
            outgoing=self.outbox,
            tally=self.tally,
            now=self.now,
            beat=LoopBeat(self.now()),
        )
        return self.session

    def work(self) -> Session:
        """A session that owns a partition."""
        session = self.join()
        session.assignment.open({tp(0): self.partition})
        return session

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Session]:
        """Lanes and outbox at work for a session with two partitions."""
        session = self.join()
        session.assignment.open({tp(0): self.partition, tp(1): self.other})
        if isinstance(self.outbox, Transactions):
            await self.outbox.claim([tp(0), tp(1)])
            for number in (0, 1):
                await self.outbox.read_mark(tp(number))
            self.outbox.begin([self.partition, self.other])
        lanes = self.pipeline.lanes
        for models in self.pipeline.prober.models.values():
            for model in models:
                self.pipeline.gate.breaker(model).success()
        look_ups = (look_ups.run() for look_ups in self.pipeline.look_ups.values())
        work = (
            lanes.bulk.run(),
            lanes.urgent.run(),
            self.outbox.run(),
            self.pipeline.prober.run(),
            *look_ups,
        )
        async with self.cache, asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(run) for run in work]
            yield session
            for task in running:
                task.cancel()

    def read(self, partition: Partition, *records: Record) -> None:
        """These come to the partition, and are polled at once."""
        first = partition.ledger.next_offset
        partition.ledger.mark(self.now())
        numbered = [replace(record, offset=first + number) for number, record in enumerate(records)]
        self.pipeline.arrivals.take(partition, numbered)

    def close(self) -> None:
        """The partitions are taken away."""
        for partition in (self.partition, self.other):
            partition.open = False
        self.outbox.abandon()

    async def look_for(self, seconds: float) -> None:
        """Time passes, looked at every second, the poller polling."""
        for _ in range(round(seconds)):
            self.watch.look()
            if self.session is not None:
                self.session.polled_at = self.now()
            await asyncio.sleep(1)

    def gauge(self, measure: Measure) -> GaugeRows:
        return self.tally.gauges[measure]()


def _cache_of(backend: Backend, tally: Tally) -> Cache:
    front = MemoryFront(1_000, 1 << 20, clock=lambda: 0.0)
    return Cache(front, backend, ttl_s=3600.0, timeout_s=1 / 16, tally=tally, clock=lambda: 0.0)
