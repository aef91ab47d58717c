"""What the running parts tell the live page."""

import asyncio
from typing import Any

import pytest

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, RateHeaders, Signal
from stream_classifier.core.finished_map import encode
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.ledger import Ledger
from stream_classifier.lanes.calls import Called
from stream_classifier.observe.live.recent import Recent
from stream_classifier.observe.live.state import Now
from stream_classifier.service.showing import LimitsTold, Showing, done_ahead
from tests.unit.kafka_fakes import TOPIC, a_partition, deliver, record, tp
from tests.unit.lane_fakes import MODEL
from tests.unit.lane_world import settings
from tests.unit.test_unread import Known
from tests.unit.watch_world import STALL_S, World


class Shown(World):
    """The watch's world, and the page that reads it."""

    def __init__(self, **groups: Any) -> None:
        super().__init__(**groups)
        self.limits = LimitsTold(self.now)
        self.stopping = False
        self.registry_away_s = 0.0
        self.showing = Showing(
            settings=settings(**groups),
            tally=self.tally,
            pipeline=self.pipeline,
            outbox=self.outbox,
            watch=self.watch,
            limits=self.limits,
            recent=Recent(),
            session=lambda: self.session,
            now=self.now,
            clock=lambda: 0.0,
            registry_away_s=lambda: self.registry_away_s,
            stopping=lambda: self.stopping,
            calls_wait_s=20.0,
        )

    @property
    def state(self) -> Now:
        return self.showing.state()


async def test_before_kafka_was_reached_there_is_a_page() -> None:
    state = Shown().state
    assert not state.ready.ok
    assert (state.partitions, state.left) == ((), 0)


async def test_a_partition_tells_its_commit_its_work_and_what_a_kill_would_repeat() -> None:
    world = Shown()
    session = world.work()
    deliver(world.partition, *range(10))
    world.partition.ledger.done([0, 1])
    await session.commits.commit()
    world.partition.ledger.done([2, 5, 6])
    world.consumer.ends[tp(0)] = 40
    [partition] = world.state.partitions
    assert (partition.committed, partition.unfinished, partition.done_ahead) == (2, 5, 3)
    assert partition.lag == 38
    await session.commits.commit()
    assert world.state.done_ahead == 0


async def test_events_that_the_broker_does_not_have_yet_are_counted() -> None:
    world = Shown()
    world.work()
    deliver(world.partition, 0, 1)
    world.sender.gate.clear()
    running = asyncio.create_task(world.outbox.run())
    for offset in (0, 1):
        world.outbox.publish(world.partition, offset, None, b"{}", [])
    await asyncio.sleep(7)
    assert world.state.unacknowledged == 2
    assert world.state.unacknowledged_s == pytest.approx(7)
    world.sender.gate.set()
    await asyncio.sleep(1)
    assert (world.state.unacknowledged, world.state.unacknowledged_s) == (0, 0)
    running.cancel()


async def test_a_partition_that_stands_still_is_told_with_its_time() -> None:
    world = Shown()
    world.work()
    deliver(world.partition, 0)
    await world.look_for(STALL_S + 5)
    [partition] = world.state.partitions
    assert partition.still_s > STALL_S
    assert not world.state.alive.ok


async def test_a_partition_whose_next_record_waits_for_its_schema_is_told_until_it_can_be_read() -> None:
    world, known = Shown(), Known(7)
    session = world.work()
    session.unread.reader = known
    session.unread.ready(tp(0), world.partition, [record(7)])
    world.registry_away_s = 90.0
    assert (world.state.schemas_wait, world.state.schemas_wait_s) == (1, 90.0)
    known.unknown.clear()
    assert (world.state.schemas_wait, world.state.schemas_wait_s) == (0, 0.0)


async def test_an_outage_is_told_with_its_reason_its_remedy_and_its_next_try() -> None:
    world = Shown()
    breaker = world.pipeline.gate.breaker(MODEL)
    breaker.success()
    breaker.failure(Signal.QUOTA, world.now())
    [model] = world.state.models
    assert (model.reason, set(model.lanes)) == (Signal.QUOTA, set(Lane))
    assert "quota" in model.remedy
    assert model.probe_in_s == 1.0
    assert {lane.held_by for lane in world.state.lanes.values()} == {HeldBy.OUTAGE}


async def test_a_model_that_is_only_new_is_no_outage() -> None:
    world = Shown()
    world.pipeline.gate.breaker(MODEL)
    assert {lane.held_by for lane in world.state.lanes.values()} == {None}


async def test_a_limit_and_a_spent_budget_hold_their_lane() -> None:
    world = Shown(llm={"budget_usd_per_day": 1e-9})
    world.pipeline.gate.pause(Lane.URGENT, 5)
    assert world.state.lanes[Lane.URGENT].held_by is HeldBy.LIMIT
    world.pipeline.gate.spending.budgets[Lane.BULK].recall(0, 1.0)
    world.pipeline.gate.spending.clock = lambda: 0.0
    assert world.state.lanes[Lane.BULK].held_by is HeldBy.BUDGET


async def test_what_the_provider_says_of_its_limits_is_told_with_its_age() -> None:
    world = Shown()
    told = RateHeaders(limit_requests=100, remaining_requests=7)
    for rate in (told, RateHeaders()):
        outcome = Outcome(signal=Signal.ANSWERED, rate=rate)
        world.limits.heard(Called(batch_id="b", model=MODEL, outcome=outcome, asks=()))
    await asyncio.sleep(3)
    [model] = world.state.models
    assert model.rate == told
    assert model.told_s == pytest.approx(3)


async def test_a_whole_view_is_made_of_a_service_at_work_and_of_one_that_stops() -> None:
    world = Shown()
    async with world.running():
        view = world.showing.view()
        assert view["text:state"] == "Idle"
        world.stopping = True
        assert world.showing.view()["text:state"] == "Stopping"


def test_what_an_earlier_owner_had_finished_is_not_done_ahead_of_the_commit() -> None:
    partition = a_partition()
    partition.ledger = Ledger(10, restored=((12, 15),))
    text, _ = encode(TOPIC, 0, 10, [(12, 15)])
    assert done_ahead(partition, (10, text)) == 0
    assert done_ahead(partition, (-1, "")) == 0
    for offset in (10, 11):
        partition.ledger.enter(offset, 1)
    partition.ledger.done([11])
    assert done_ahead(partition, (10, text)) == 1
