"""What has left is freed at once, and not when the garbage collector comes to it.

The service lets the collector run seldom, and least over what has lived for some seconds: as long as a ticket
that is called. So the tests count what still lives while it does not run at all.
"""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from stream_classifier.core.journey import Ask, Delivery, Waiting
from tests.unit.lane_fakes import ticket
from tests.unit.lane_world import world

TICKETS = 60
HELD_MAX = 6  # a task may still name what it had last: of each lane a call and a ticket


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def alive() -> int:
    return sum(isinstance(each, Delivery | Waiting | Ask) for each in gc.get_objects())


async def test_a_labelled_record_holds_nothing_any_more() -> None:
    async with world() as w:
        before = alive()
        w.read(*(ticket(f"text {n}", urgent=n % 10 == 0) for n in range(TICKETS)))
        assert alive() >= before + 2 * TICKETS
        await w.events(TICKETS)
        await asyncio.sleep(60)
        assert alive() <= before + HELD_MAX


async def test_nor_do_records_of_one_key_that_left_in_turn() -> None:
    async with world() as w:
        before = alive()
        w.read(*(ticket(f"text {n}", key=b"k") for n in range(TICKETS)))
        await w.events(TICKETS)
        await asyncio.sleep(60)
        assert alive() <= before + HELD_MAX


async def test_nor_one_whose_partition_was_taken_away_before_its_answer_came() -> None:
    async with world() as w:
        before = alive()
        w.read(*(ticket(f"text {n}") for n in range(TICKETS)))
        await asyncio.sleep(0.1)
        w.partition.open = False
        await asyncio.sleep(300)
        assert alive() <= before + HELD_MAX
