"""The committer: what it says, when it says nothing, and what an attempt that fails leaves behind."""

import asyncio
from collections.abc import Coroutine

import pytest
import structlog
from aiokafka import OffsetAndMetadata
from aiokafka.errors import CommitFailedError, KafkaConnectionError

from stream_classifier.core import measures
from stream_classifier.core.finished_map import MAX_CHARS, decode
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment
from stream_classifier.kafka.commits import ATTEMPT_S, Commits
from tests.unit.kafka_fakes import TOPIC, FakeConsumer, a_partition, deliver, tp
from tests.unit.test_assignment import Owner

PATIENCE_S = 15.0


class World:
    """Commits of one partition, behind a scripted consumer."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.assignment = Assignment(Tally(), Owner())
        self.ours = True
        self.partition = self.assign()
        self.commits = Commits(
            consumer=self.consumer,
            assignment=self.assignment,
            tally=self.assignment.tally,
            interval_s=0.5,
            ours=lambda: self.ours,
            now=asyncio.get_running_loop().time,
            patience_s=PATIENCE_S,
        )

    def assign(self, start: int = 0) -> Partition:
        """A new assignment of the partition, as after a rebalance."""
        self.partition = a_partition(start=start)
        self.assignment.open({tp(0): self.partition})
        return self.partition

    def finish(self, *offsets: int) -> None:
        deliver(self.partition, *offsets)
        self.partition.ledger.done(offsets)

    @property
    def last(self) -> OffsetAndMetadata:
        return self.consumer.commits[-1][tp(0)]

    def outcomes(self, name: str) -> float:
        return self.assignment.tally.count(measures.OFFSETS_COMMITTED, name)


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_the_commit_says_the_position_and_what_is_finished_beyond_it() -> None:
    world = World()
    deliver(world.partition, 0, 1, 2, 3)
    world.partition.ledger.done([0, 2, 3])
    await world.commits.commit()
    assert world.last.offset == 1
    assert decode(TOPIC, 0, 1, world.last.metadata) == ((2, 4),)
    assert world.commits.committed(world.partition) == 1


async def test_what_was_said_is_not_said_again() -> None:
    world = World()
    world.finish(0)
    await world.commits.commit()
    await world.commits.commit()
    assert world.consumer.commits == [{tp(0): OffsetAndMetadata(1, "")}]


async def test_a_partition_that_was_never_committed_is_where_nothing_is_done() -> None:
    world = World()
    world.assign(start=7)
    await world.commits.commit()
    assert world.last == OffsetAndMetadata(7, "")


async def test_commits_follow_at_the_interval() -> None:
    world = World()
    running = asyncio.create_task(world.commits.run())
    for offset in range(3):
        world.finish(offset)
        await asyncio.sleep(0.6)
    running.cancel()
    assert [commit[tp(0)].offset for commit in world.consumer.commits] == [1, 2, 3]


async def test_an_attempt_that_hangs_ends_and_the_next_says_more() -> None:
    world = World()
    world.finish(0)
    world.consumer.commit_hook = never
    began = asyncio.get_running_loop().time()
    await world.commits.commit()
    assert asyncio.get_running_loop().time() - began == pytest.approx(ATTEMPT_S)
    world.consumer.commit_hook = None
    world.finish(1)
    await world.commits.commit()
    assert (world.outcomes("failed"), world.last.offset) == (1, 2)


@pytest.mark.parametrize(
    ("error", "outcome"), [(CommitFailedError, "not_mine"), (KafkaConnectionError, "failed")]
)
async def test_an_attempt_that_is_refused_is_counted_and_not_remembered(
    error: type[Exception], outcome: str
) -> None:
    world = World()
    world.finish(0)

    def refuse() -> None:
        raise error

    world.consumer.commit_hook = refuse
    await world.commits.commit()
    assert (world.outcomes(outcome), world.commits.committed(world.partition)) == (1, 0)


async def test_what_is_not_ours_is_not_committed() -> None:
    world = World()
    world.finish(0)
    world.ours = False
    await world.commits.commit()
    assert world.consumer.commits == []


async def test_an_attempt_is_given_up_at_once_when_the_partitions_are_gone() -> None:
    world = World()
    world.finish(0)
    world.consumer.commit_hook = never
    committing = asyncio.create_task(world.commits.commit())
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    world.commits.give_up()
    world.commits.give_up()
    await committing
    assert asyncio.get_running_loop().time() == began


async def test_two_attempts_take_turns() -> None:
    world = World()
    world.finish(0)
    world.consumer.commit_hook = lambda: asyncio.sleep(1)
    first = asyncio.create_task(world.commits.commit())
    await asyncio.sleep(0.1)
    world.finish(1)
    await world.commits.commit()
    await first
    assert [commit[tp(0)].offset for commit in world.consumer.commits] == [1, 2]


async def test_a_commit_of_an_earlier_assignment_is_not_taken_for_one_of_the_next() -> None:
    world = World()
    world.finish(0)

    async def rebalance() -> None:
        world.assignment.close()
        world.assign(start=1)

    def once() -> Coroutine[None, None, None]:
        world.consumer.commit_hook = None
        return rebalance()

    world.consumer.commit_hook = once
    await world.commits.commit()
    await world.commits.commit()
    assert [commit[tp(0)].offset for commit in world.consumer.commits] == [1, 1]


async def test_where_nothing_is_new_it_is_said_again_before_the_group_may_have_gone_on() -> None:
    world = World()
    running = asyncio.create_task(world.commits.run())
    await asyncio.sleep(4 * PATIENCE_S)
    running.cancel()
    assert world.commits.in_touch()
    assert len(world.consumer.commits) == 1 + 7  # the first, then one in a little more than half a patience


async def test_without_a_commit_for_a_session_it_is_out_of_touch_until_the_next_goes_through() -> None:
    world = World()
    world.consumer.commit_hook = never
    running = asyncio.create_task(world.commits.run())
    await asyncio.sleep(PATIENCE_S - 0.1)
    assert world.commits.in_touch()
    await asyncio.sleep(0.2)
    assert not world.commits.in_touch()
    world.consumer.commit_hook = None
    await asyncio.sleep(ATTEMPT_S + 1)
    assert world.commits.in_touch()
    running.cancel()


async def test_whoever_has_no_partitions_has_nothing_to_be_in_touch_for() -> None:
    world = World()
    world.assignment.close()
    await asyncio.sleep(2 * PATIENCE_S)
    assert world.commits.in_touch()


async def test_partitions_that_are_given_are_a_sign_of_the_group() -> None:
    world = World()
    await asyncio.sleep(2 * PATIENCE_S)
    world.commits.begin([world.assign()])
    assert world.commits.in_touch()


async def test_failures_in_a_row_are_told_at_growing_distances() -> None:
    world = World()
    world.consumer.commit_hook = never
    with structlog.testing.capture_logs() as told:
        for _ in range(9):
            await world.commits.commit()
        world.consumer.commit_hook = None
        await world.commits.commit()
    assert [line["in_a_row"] for line in told if line["event"] == "commit_failed"] == [1, 2, 4, 8]
    assert [line["event"] for line in told if "publishing" in line["event"]] == [
        "publishing_held",
        "publishing_resumed",
    ]


async def test_a_partition_whose_map_does_not_fit_is_named_until_it_does() -> None:
    world = World()
    deliver(world.partition, *range(2 * MAX_CHARS))
    world.partition.ledger.done(range(1, 2 * MAX_CHARS, 2))
    await world.commits.commit()
    assert world.commits.full_maps == {tp(0)}
    world.partition.ledger.done(range(0, 2 * MAX_CHARS, 2))
    await world.commits.commit()
    assert world.commits.full_maps == set()


async def test_a_full_map_is_forgotten_with_its_partition() -> None:
    world = World()
    deliver(world.partition, *range(2 * MAX_CHARS))
    world.partition.ledger.done(range(1, 2 * MAX_CHARS, 2))
    await world.commits.commit()
    world.assignment.close()
    await world.commits.commit()
    assert world.commits.full_maps == set()
