"""What the probes and the gauges say of the running parts."""

import asyncio

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.stillness import LoopBeat
from stream_classifier.core.tally import GaugeRows, Measure, Tally
from stream_classifier.kafka.outbox import Outbox
from stream_classifier.kafka.session import Session
from stream_classifier.service.building import Builder
from stream_classifier.service.watching import POLL_STALE_S, UNACKNOWLEDGED_S, Watch
from stream_classifier.settings.kafka import Kafka
from tests.unit.kafka_fakes import TOPIC, FakeConsumer, FakeSender, a_partition, deliver, tp
from tests.unit.lane_fakes import ScriptedProvider
from tests.unit.lane_world import settings

STALL_S = 600.0


class World:
    """A watch on parts that stand still, but for what a test does to them."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.tally, self.now = Tally(), loop.time
        self.sender = FakeSender({TOPIC: 2, "labels": 2, "dead": 2})
        self.outbox = Outbox(
            producer=self.sender,
            input_topic=TOPIC,
            output_topic="labels",
            dead_letter_topic="dead",
            tally=self.tally,
            alive=lambda: True,
        )
        builder = Builder(settings(), self.tally)
        providers = {lane: ScriptedProvider() for lane in Lane}
        self.pipeline = builder.pipeline(builder.cache(), providers, self.outbox)
        self.consumer = FakeConsumer(assigned={tp(0)})
        self.session: Session | None = None
        self.partition = a_partition()
        self.watch = Watch(
            tally=self.tally,
            pipeline=self.pipeline,
            outbox=self.outbox,
            session=lambda: self.session,
            now=self.now,
            stall_s=STALL_S,
        )
        self.health = self.watch.health()

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

    async def look_for(self, seconds: float) -> None:
        """Time passes, looked at every second, the poller polling."""
        for _ in range(round(seconds)):
            self.watch.look()
            if self.session is not None:
                self.session.polled_at = self.now()
            await asyncio.sleep(1)

    def gauge(self, measure: Measure) -> GaugeRows:
        return self.tally.gauges[measure]()


async def test_before_the_group_it_is_alive_and_not_ready() -> None:
    world = World()
    assert world.health.liveness().ok
    assert not world.health.readiness().ok


async def test_with_its_partitions_open_it_is_ready() -> None:
    world = World()
    session = world.join()
    assert not world.health.readiness().ok
    session.assignment.open({})
    assert world.health.readiness().ok


async def test_while_it_stops_it_is_alive_and_not_ready() -> None:
    world = World()
    world.work().stop()
    await asyncio.sleep(POLL_STALE_S + 1)
    assert world.health.liveness().ok
    assert not world.health.readiness().ok


async def test_a_poller_that_is_silent_is_not_alive() -> None:
    world = World()
    world.work()
    await asyncio.sleep(POLL_STALE_S)
    assert world.health.liveness().ok
    await asyncio.sleep(1)
    [reason] = world.health.liveness().reasons
    assert "31 s ago" in reason


async def test_a_poll_that_waits_for_the_group_is_alive_however_long_it_waits() -> None:
    world = World()
    session = world.work()
    await session.assignment.on_partitions_revoked({tp(0)})
    await asyncio.sleep(10 * POLL_STALE_S)
    assert world.health.liveness().ok


async def test_a_partition_with_work_that_stands_still_is_not_alive() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    await world.look_for(STALL_S + 5)
    [reason] = world.health.liveness().reasons
    assert "Partitions with work stand still: 0" in reason


async def test_a_broker_that_does_not_acknowledge_excuses_it() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    world.sender.gate.clear()
    running = asyncio.create_task(world.outbox.run())
    world.outbox.publish(world.partition, 0, None, b"{}", [])
    await world.look_for(STALL_S + UNACKNOWLEDGED_S)
    assert world.health.liveness().ok
    running.cancel()


async def test_a_pause_by_a_limit_excuses_it() -> None:
    world = World()
    world.work()
    deliver(world.partition, 0)
    world.pipeline.gate.pause(Lane.BULK, 2 * STALL_S)
    await world.look_for(STALL_S + 5)
    assert world.health.liveness().ok


async def test_the_gauges_tell_what_is_owned_held_and_behind() -> None:
    world = World()
    session = world.work()
    deliver(world.partition, 0, 1, 2)
    world.partition.ledger.done([0])
    world.consumer.ends[tp(0)] = 10
    await session.commits.commit()
    assert world.gauge(measures.PARTITIONS_OWNED) == {(): 1}
    assert world.gauge(measures.IN_FLIGHT) == {(): 2}
    assert world.gauge(measures.POSITION) == {("0",): 1}
    assert world.gauge(measures.LAG) == {("0",): 9}


async def test_the_gauges_of_a_service_without_a_session_are_empty() -> None:
    world = World()
    assert world.gauge(measures.PARTITIONS_OWNED) == {(): 0}
    assert [world.gauge(m) for m in (measures.LAG, measures.POSITION, measures.OLDEST)] == [{}, {}, {}]
