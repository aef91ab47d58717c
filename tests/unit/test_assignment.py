"""Which partitions are ours: what a revocation does, in which order, and that nothing stops it."""

import asyncio

import pytest

from stream_classifier.core import measures
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.assignment import Assignment
from tests.unit.kafka_fakes import a_partition, deliver, tp


class Owner:
    """Notes what it is asked for, and whether the partition was open then."""

    def __init__(self) -> None:
        self.partition = a_partition()
        self.heard: list[tuple[str, bool]] = []
        self.is_dropped = False
        self.fails_with: Exception | None = None

    async def drain(self) -> None:
        self._note("drain")
        if self.fails_with is not None:
            raise self.fails_with

    def dropped(self) -> bool:
        return self.is_dropped

    def sealed(self) -> None:
        self._note("sealed")

    def closed(self) -> None:
        self._note("closed")

    def _note(self, what: str) -> None:
        self.heard.append((what, self.partition.open))


def an_open_assignment() -> tuple[Assignment, Owner]:
    owner = Owner()
    assignment = Assignment(Tally(), owner)
    assignment.open({tp(0): owner.partition})
    return assignment, owner


async def test_a_revocation_drains_while_open_then_seals_then_closes() -> None:
    assignment, owner = an_open_assignment()
    await assignment.on_partitions_revoked({tp(0)})
    assert owner.heard == [("drain", True), ("sealed", False), ("closed", False)]
    assert (assignment.partitions, assignment.taking, owner.partition.open) == ({}, False, False)


async def test_a_member_that_the_group_has_dropped_closes_without_a_drain() -> None:
    assignment, owner = an_open_assignment()
    owner.is_dropped = True
    await assignment.on_partitions_revoked({tp(0)})
    assert owner.heard == [("sealed", False), ("closed", False)]
    assert assignment.tally.count(measures.REBALANCES, "lost") == 1


async def test_a_drain_that_fails_closes_the_partitions_all_the_same() -> None:
    assignment, owner = an_open_assignment()
    owner.fails_with = RuntimeError()
    with pytest.raises(RuntimeError):
        await assignment.on_partitions_revoked({tp(0)})
    assert not owner.partition.open
    assert assignment.partitions == {}


async def test_nothing_is_taken_in_between_revocation_and_opening() -> None:
    assignment, _ = an_open_assignment()
    await assignment.on_partitions_revoked({tp(0)})
    await assignment.on_partitions_assigned({tp(0)})
    assert not assignment.taking
    assignment.open({tp(0): a_partition()})
    assert assignment.taking


async def test_every_change_raises_the_generation() -> None:
    assignment, owner = an_open_assignment()
    seen = [assignment.generation]
    await assignment.on_partitions_revoked({tp(0)})
    seen.append(assignment.generation)
    await assignment.on_partitions_assigned({tp(0)})
    seen.append(assignment.generation)
    assignment.open({tp(0): owner.partition})
    seen.append(assignment.generation)
    assignment.close()
    seen.append(assignment.generation)
    assert seen == sorted(set(seen))


async def test_who_opens_waits_for_an_assignment() -> None:
    assignment = Assignment(Tally(), Owner())
    waiting = asyncio.create_task(assignment.next_assigned())
    await asyncio.sleep(1)
    assert not waiting.done()
    await assignment.on_partitions_assigned({tp(0)})
    assert await waiting == {tp(0)}


async def test_an_assignment_that_is_revoked_before_it_was_opened_is_forgotten() -> None:
    assignment = Assignment(Tally(), Owner())
    await assignment.on_partitions_assigned({tp(0)})
    await assignment.on_partitions_revoked({tp(0)})
    assert assignment.assigned is None


async def test_a_member_without_partitions_is_a_member() -> None:
    assignment = Assignment(Tally(), Owner())
    await assignment.on_partitions_assigned(set())
    assert await assignment.next_assigned() == frozenset()
    assignment.open({})
    assert assignment.taking


def test_in_flight_is_what_all_partitions_hold() -> None:
    partitions = {tp(number): a_partition(number) for number in range(2)}
    assignment = Assignment(Tally(), Owner())
    assignment.open(partitions)
    deliver(partitions[tp(0)], 0, 1)
    deliver(partitions[tp(1)], 5)
    assert assignment.in_flight == (3, 3)
