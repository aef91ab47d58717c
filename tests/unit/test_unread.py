"""A partition whose next record cannot be read yet rests there, while the others go on."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord

from tests.unit.kafka_fakes import a_partition, record, tp
from tests.unit.test_session import World


class Known:
    """A reader that can read every offset but those in `unknown`."""

    def __init__(self, *unknown: int) -> None:
        self.unknown = set(unknown)

    def ready(self, records: Sequence[ConsumerRecord[Any, Any]]) -> int:
        places = (place for place, one in enumerate(records) if one.offset in self.unknown)
        return next(places, len(records))


def a_world(*unknown: int) -> tuple[World, Known]:
    world, known = World(), Known(*unknown)
    world.session.unread.reader = known
    world.open()
    return world, known


async def test_what_stands_before_is_taken_and_the_client_is_sent_back_to_what_cannot_be_read() -> None:
    world, _ = a_world(1)
    world.consumer.poll_brings({tp(0): [record(0), record(1), record(2)]})
    async with world.running():
        await world.settled()
    assert (world.taken, world.consumer.seeks, world.consumer.resting) == ([0], [(0, 1)], {tp(0)})


async def test_it_is_read_on_from_there_when_it_can_be() -> None:
    world, known = a_world(1)
    world.consumer.poll_brings({tp(0): [record(0), record(1)]})
    async with world.running():
        await world.settled()
        known.unknown.clear()
        await world.settled()
        resting = set(world.consumer.resting)
        world.consumer.poll_brings({tp(0): [record(1), record(2)]})
        await world.settled()
    assert (resting, world.taken) == (set(), [0, 1, 2])


async def test_the_commit_does_not_pass_a_record_that_waits_for_its_schema() -> None:
    world, _ = a_world(0)
    world.consumer.poll_brings({tp(0): [record(0), record(1)]})
    async with world.running():
        await world.settled()
    assert (world.taken, world.partition.ledger.position) == ([], 0)


async def test_other_partitions_go_on() -> None:
    world, _ = a_world(7)
    other = a_partition(1)
    world.consumer.assigned.add(tp(1))
    world.session.assignment.open({tp(0): world.partition, tp(1): other})
    world.consumer.poll_brings({tp(0): [record(7)], tp(1): [record(0, partition=1)]})
    async with world.running():
        await world.settled()
    assert (world.taken, world.consumer.resting) == ([0], {tp(0)})


async def test_a_partition_that_is_given_anew_begins_without_the_wait_of_the_one_before() -> None:
    world, _ = a_world(1)
    world.consumer.poll_brings({tp(0): [record(1)]})
    async with world.running():
        await world.settled()
        world.session.assignment.close()
        world.open()
        await asyncio.sleep(1)
    assert world.consumer.resting == set()
