"""One consumer's life: what is taken, thrown away and read again, and when the session counts as lost."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
)

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.journey import Partition
from stream_classifier.core.stillness import LoopBeat
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.claims import Claims
from stream_classifier.kafka.committing import Committing
from stream_classifier.kafka.consumer import LEAVE_S, patience_s
from stream_classifier.kafka.items import Items
from stream_classifier.kafka.lag import ASK_S
from stream_classifier.kafka.session import POLL_MS, ConsumerFailed, Session
from stream_classifier.kafka.transactional_commits import CommitsInTransactions
from stream_classifier.kafka.transactions import Transactions
from stream_classifier.settings.kafka import Kafka
from tests.unit.kafka_fakes import TOPIC, FakeConsumer, a_partition, record, tp
from tests.unit.transaction_fakes import FakeCoordinator

SETTINGS = Kafka(input_topic=TOPIC, session_timeout_s=6, max_in_flight_tickets=10, drain_s=2)


class World:
    """A session behind a scripted consumer; what it takes in is entered, and stays unfinished."""

    def __init__(self, committing: Committing | None = None) -> None:
        self.consumer = FakeConsumer(assigned={tp(0)})
        self.now = asyncio.get_running_loop().time
        self.beat = LoopBeat(self.now())
        self.taken: list[int] = []
        self.looks: list[list[int]] = []  # the offsets that were looked at, and
        self.look_s = 0.0  # how long that takes
        self.flush_hook: Callable[[], None] = lambda: None
        self.flush_s = 0.0
        self.abandoned = 0
        self.session = Session(
            settings=SETTINGS,
            client={},
            consumer=self.consumer,
            take=self.take,
            outgoing=self,
            tally=Tally(),
            now=self.now,
            beat=self.beat,
            committing=committing,
            foresee=self,
        )
        self.partition = a_partition()

    def take(self, partition: Partition, records: Sequence[ConsumerRecord[bytes, bytes]]) -> None:
        for one in records:
            self.taken.append(one.offset)
            partition.ledger.enter(one.offset, 1)

    async def look(self, polled: Mapping[Partition, Sequence[ConsumerRecord[bytes, bytes]]]) -> None:
        if polled:
            self.looks.append([one.offset for records in polled.values() for one in records])
            await asyncio.sleep(self.look_s)
            assert not set(self.looks[-1]) & set(self.taken)

    def taken_in(self, records: int) -> None: ...

    async def flush(self) -> None:
        await asyncio.sleep(self.flush_s)
        self.flush_hook()

    def abandon(self) -> None:
        self.abandoned += 1

    def open(self, start: int = 0) -> None:
        self.partition = a_partition(start=start)
        self.session.assignment.open({tp(0): self.partition})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The session runs while the block does, its loop beating."""
        running = asyncio.create_task(self.session.run())
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            self.session.end()
            beating.cancel()
            await running

    async def settled(self) -> None:
        """Time for a few polls."""
        await asyncio.sleep(1)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            self.session.alive()
            self.beat.beat(self.now())


async def test_records_of_open_partitions_are_taken_in_order() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(0), record(1)]})
    world.consumer.poll_brings({tp(0): [record(5)]})
    async with world.running():
        await world.settled()
    assert world.taken == [0, 1, 5]


async def test_what_a_poll_brings_before_the_opening_is_thrown_away() -> None:
    world = World()
    world.consumer.poll_brings({tp(0): [record(0)]})
    async with world.running():
        await world.settled()
    assert (world.taken, world.consumer.seeks) == ([], [])


async def test_what_a_poll_brings_across_an_opening_is_read_again_from_the_start() -> None:
    world = World()
    async with world.running():
        await asyncio.sleep(0.1)  # a poll is under way
        world.open(start=7)
        world.consumer.poll_brings({tp(0): [record(9)]})
        await world.settled()
    assert (world.taken, world.consumer.seeks) == ([], [(0, 7)])


async def test_a_poll_is_looked_at_before_it_is_taken_in() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(0), record(1)]})
    async with world.running():
        await world.settled()
    assert (world.looks, world.taken) == ([[0, 1]], [0, 1])


async def test_what_is_not_open_is_not_looked_at() -> None:
    world = World()
    world.consumer.poll_brings({tp(0): [record(0)]})
    async with world.running():
        await world.settled()
    assert world.looks == []


async def test_what_was_looked_at_across_a_rebalance_is_read_again() -> None:
    world = World()
    world.look_s = 0.05
    world.open()
    world.consumer.poll_brings({tp(0): [record(0)]})
    async with world.running():
        await asyncio.sleep(0.02)  # it is being looked at
        world.open(start=7)
        await world.settled()
    assert (world.looks, world.taken, world.consumer.seeks) == ([[0]], [], [(0, 7)])


async def test_offsets_below_what_was_read_lose_the_session_and_are_not_taken() -> None:
    world = World()
    world.open(start=100)
    world.consumer.poll_brings({tp(0): [record(0)]})
    async with world.running():
        await world.settled()
        assert not world.session.alive()
    assert (world.taken, world.partition.open) == ([], False)


async def test_the_commit_follows_the_client_over_what_is_never_delivered() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(0)]})
    world.consumer.positions[tp(0)] = 3  # a transaction's marker, and an aborted record
    async with world.running():
        await world.settled()
        assert world.consumer.commits[-1][tp(0)].offset == 0
        world.partition.ledger.done([0])
        await world.settled()
        assert world.consumer.commits[-1][tp(0)].offset == 3


async def test_a_client_that_looks_for_its_position_holds_up_no_poll() -> None:
    world = World()
    world.open()
    async with world.running():
        await world.settled()
        assert world.now() - world.session.polled_at <= POLL_MS / 1000
        assert world.partition.ledger.next_offset == 0


async def test_a_gap_in_the_loop_closes_everything_before_anything_else() -> None:
    world = World()
    world.open()
    await asyncio.sleep(patience_s(SETTINGS) - 0.1)
    assert world.session.alive()
    await asyncio.sleep(0.2)
    assert not world.session.alive()
    assert not world.partition.open


async def test_a_lost_session_ends_by_itself() -> None:
    world = World()
    world.open()
    running = asyncio.create_task(world.session.run())
    await asyncio.sleep(0.1)
    world.session.lose("a reason")
    await running


async def test_full_bounds_pause_what_is_ours_and_room_resumes_it() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(offset) for offset in range(12)]})
    async with world.running():
        await world.settled()
        assert world.consumer.resting == {tp(0)}
        world.partition.ledger.done(range(6))
        await world.settled()
        assert world.consumer.resting == set()


async def test_a_pause_that_a_rebalance_has_made_the_client_forget_is_set_again() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(offset) for offset in range(12)]})
    async with world.running():
        await world.settled()
        world.consumer.resting.clear()
        await world.settled()
        assert world.consumer.resting == {tp(0)}


async def test_the_lag_of_a_paused_partition_goes_on_growing() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(offset) for offset in range(12)]})
    world.consumer.ends[tp(0)], world.consumer.asked_ends[tp(0)] = 12, 5_000
    async with world.running():
        await world.settled()
        assert world.session.lag.by_partition() == {0: 12}
        await asyncio.sleep(ASK_S)
        assert world.session.lag.by_partition() == {0: 5_000}


async def test_what_is_no_longer_assigned_is_neither_paused_nor_resumed() -> None:
    world = World()
    world.open()
    world.consumer.assigned.clear()
    world.consumer.poll_brings({tp(0): [record(offset) for offset in range(12)]})
    async with world.running():
        await world.settled()
        assert world.consumer.resting == set()


async def test_nothing_is_read_after_a_stop_and_what_is_done_is_still_committed() -> None:
    world = World()
    world.open()
    async with world.running():
        await world.settled()
        world.session.stop()
        await world.settled()
        world.consumer.poll_brings({tp(0): [record(0)]})
        world.partition.ledger.enter(0, 1)
        world.partition.ledger.done([0])
        await world.settled()
        assert world.taken == []
        assert world.consumer.commits[-1][tp(0)].offset == 1


async def test_a_drain_seals_before_it_commits_and_commits_what_was_flushed() -> None:
    world = World()
    world.open()
    world.partition.ledger.enter(0, 1)
    world.flush_hook = lambda: world.partition.ledger.done([0])
    sealed: list[bool] = []
    world.consumer.commit_hook = lambda: sealed.append(not world.partition.open)
    await world.session.drain()
    assert (sealed, world.consumer.commits[-1][tp(0)].offset) == ([True], 1)


async def test_a_drain_takes_no_longer_than_its_budget_whatever_hangs() -> None:
    world = World()
    world.open()
    world.partition.ledger.enter(0, 1)
    world.partition.ledger.done([0])
    world.flush_s = 2 * SETTINGS.drain_s
    world.consumer.commit_hook = lambda: asyncio.sleep(2 * SETTINGS.drain_s)
    began = world.now()
    await world.session.drain()
    assert world.now() - began == pytest.approx(SETTINGS.drain_s)
    assert not world.partition.open


async def test_a_drain_that_cannot_publish_all_leaves_time_for_the_commit() -> None:
    world = World()
    world.open()
    world.partition.ledger.enter(0, 1)
    world.partition.ledger.done([0])
    world.flush_s = 2 * SETTINGS.drain_s
    await world.session.drain()
    assert world.consumer.commits[-1][tp(0)].offset == 1


async def test_a_consumer_that_is_slow_to_leave_is_not_waited_for_and_not_cut_off() -> None:
    world = World()
    world.consumer.stop_s = 10 * LEAVE_S
    began = world.now()
    await world.session.close()
    assert world.now() - began == pytest.approx(LEAVE_S)
    await asyncio.sleep(10 * LEAVE_S)
    assert world.consumer.stopped


async def test_a_member_that_was_dropped_neither_drains_nor_commits() -> None:
    world = World()
    world.open()
    async with world.running():
        await asyncio.sleep(0.1)
        world.consumer.drop()
        world.partition.ledger.enter(0, 1)
        world.partition.ledger.done([0])
        await world.session.commits.commit()
        await world.session.assignment.on_partitions_revoked({tp(0)})
    assert world.consumer.commits == []


@pytest.mark.parametrize(
    ("error", "raised"), [(UnknownError, ConsumerFailed), (GroupAuthorizationFailedError, OperatorFault)]
)
async def test_an_error_of_the_client_closes_everything_and_says_whether_another_consumer_may_help(
    error: type[Exception], raised: type[Exception]
) -> None:
    world = World()
    world.open()
    world.consumer.poll_brings(error())
    with pytest.raises(raised):
        await world.session.run()
    assert not world.partition.open


def in_transactions(coordinator: FakeCoordinator) -> CommitsInTransactions:
    """Commits before a scripted coordinator, where nothing is sent."""
    tally = Tally()
    items = Items(
        input_topic=TOPIC, output_topic="", dead_letter_topic="", partitions=lambda _: 1, tally=tally
    )
    transactions = Transactions(
        settings=SETTINGS,
        items=items,
        tally=tally,
        ours=lambda: True,
        lose=lambda why: None,
        claims=Claims(coordinator.producer),
        read_mark=coordinator.read_mark,
    )
    return CommitsInTransactions(transactions)


async def test_earlier_owners_are_shut_out_before_anything_is_opened() -> None:
    coordinator = FakeCoordinator()
    coordinator.gate.clear()
    world = World(in_transactions(coordinator))
    async with world.running():
        await world.session.assignment.on_partitions_assigned({tp(0)})
        await world.settled()
        assert (coordinator.epochs, world.session.assignment.taking) == ({}, False)
        world.session.assignment.close()
        await world.settled()
        coordinator.gate.set()
    assert coordinator.epochs == {}


async def test_a_right_on_transactions_that_is_missing_ends_the_session_with_a_sentence() -> None:
    coordinator = FakeCoordinator()
    coordinator.starts.append(TransactionalIdAuthorizationFailed())
    world = World(in_transactions(coordinator))
    await world.session.assignment.on_partitions_assigned({tp(0)})
    with pytest.raises(OperatorFault, match="transactional ids"):
        await world.session.run()
