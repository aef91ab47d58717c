"""The second reader: when it looks ahead, from where, and that the first one never suffers by it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError

from stream_classifier.core import measures
from stream_classifier.core.journey import Partition
from stream_classifier.kafka.look_ahead import (
    FAR_RECORDS,
    LINGER_S,
    MAX_BYTES,
    READ_OVER,
    RETRY_S,
    First,
    LookAhead,
    Record,
)
from stream_classifier.kafka.turns import SMALLEST
from tests.unit.kafka_fakes import FakeConsumer, a_partition, record, tp
from tests.unit.test_session import SETTINGS
from tests.unit.test_session import World as SessionWorld
from tests.unit.test_unread import Known

WINDOW = SETTINGS.max_in_flight_tickets


@dataclass
class UrgentOnes:
    """Takes the offsets that it is told."""

    offsets: set[int]
    most: int = 100
    size_bytes: int = 1
    seen: list[int] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)

    def room(self) -> bool:
        return len(self.taken) < self.most

    def find(self, partition: Partition, one: Record) -> bool:
        self.seen.append(one.offset)
        if one.offset not in self.offsets or partition.ledger.knows(one.offset):
            return False
        partition.ledger.take_early(one.offset, self.size_bytes, 0.0)
        self.taken.append(one.offset)
        return True


class World(SessionWorld):
    """A session whose window is full, before a scripted second consumer."""

    def __init__(self, *urgent: int, known: Known | None = None) -> None:
        super().__init__()
        self.early = UrgentOnes(set(urgent))
        self.consumer.asked_ends[tp(0)] = 1_000
        self.second = FakeConsumer()
        self.made: list[FakeConsumer] = []
        self.session.reader = known
        self.session.look_ahead = LookAhead(
            first=self.session, early=self.early, new_consumer=self.new_consumer
        )

    def new_consumer(self, _: First) -> AIOKafkaConsumer:
        self.made.append(self.second)
        return self.second

    def ended(self) -> bool:
        return self.second.stopped

    @asynccontextmanager
    async def at_the_bounds(self) -> AsyncIterator[None]:
        """Reading rests: as many are in flight as may be."""
        self.open()
        self.consumer.poll_brings({tp(0): [record(n) for n in range(WINDOW)]})
        async with self.running():
            await self.settled()
            yield

    async def looks_at(self, *offsets: int) -> None:
        self.second.poll_brings({tp(0): [record(offset) for offset in offsets]})
        await self.settled()


async def test_there_is_no_second_reader_while_reading_goes_on() -> None:
    world = World()
    world.open()
    world.consumer.poll_brings({tp(0): [record(0)]})
    async with world.running():
        await asyncio.sleep(60)
    assert world.made == []


async def test_it_begins_where_reading_rests_and_takes_what_is_urgent() -> None:
    world = World(17)
    async with world.at_the_bounds():
        await world.looks_at(*range(WINDOW, 20))
        assert (world.second.seeks, world.early.taken) == ([(0, WINDOW)], [17])
        assert world.session.look_ahead is not None
        assert world.session.look_ahead.ahead() == {0: 20 - WINDOW}
        assert world.session.tally.count(measures.LOOKED_AHEAD) == 20 - WINDOW
    assert world.ended()


async def test_it_ends_when_the_reading_has_come_to_where_it_is() -> None:
    world = World()
    async with world.at_the_bounds():
        await world.looks_at(WINDOW)
        world.partition.ledger.done(range(WINDOW))
        await world.settled()
        assert not world.ended()
        world.consumer.poll_brings({tp(0): [record(WINDOW)]})
        await asyncio.sleep(LINGER_S + 2)
        assert world.ended()
        assert world.session.alive()


async def test_it_looks_ahead_of_a_long_burst_that_is_read_slowly() -> None:
    world = World(700)
    world.open()
    world.consumer.ends[tp(0)] = 701
    async with world.running():
        world.session.turns.records = SMALLEST
        await world.settled()
        await world.looks_at(*range(100, 701))
        assert world.early.taken == [700]


async def test_a_short_burst_is_left_to_the_first_reader() -> None:
    world = World()
    world.open()
    world.consumer.ends[tp(0)] = FAR_RECORDS
    async with world.running():
        world.session.turns.records = SMALLEST
        await world.settled()
    assert world.made == []


async def test_it_rests_while_reading_is_quick_again() -> None:
    world = World(20)
    async with world.at_the_bounds():
        await world.looks_at(11, 12)
        world.partition.ledger.done(range(WINDOW))
        await world.settled()
        assert world.second.resting == {tp(0)}
        assert not world.ended()


async def test_it_goes_on_from_where_the_reading_is_where_that_has_passed_it_far() -> None:
    world = World()
    async with world.at_the_bounds():
        world.partition.ledger.done(range(WINDOW))
        await world.settled()
        world.consumer.poll_brings({tp(0): [record(n) for n in range(READ_OVER + 1, READ_OVER + 1 + WINDOW)]})
        await world.settled()
        assert world.second.seeks[-1] == (0, READ_OVER + 1 + WINDOW)


async def test_a_broker_that_fails_it_costs_the_first_reader_nothing_and_it_begins_anew() -> None:
    world = World(12)
    async with world.at_the_bounds():
        world.second.poll_brings(KafkaConnectionError())
        await world.settled()
        assert world.session.alive()
        world.second = FakeConsumer()
        await asyncio.sleep(RETRY_S + 1)
        await world.looks_at(11, 12)
        assert (len(world.made), world.early.taken) == (2, [12])


async def test_it_stops_where_there_is_no_room_and_goes_on_from_there() -> None:
    world = World(11, 13)
    world.early.most = 1
    async with world.at_the_bounds():
        await world.looks_at(10, 11, 12, 13)
        assert (world.early.taken, world.second.seeks[-1], world.second.resting) == ([11], (0, 12), {tp(0)})
        world.early.most = 2
        await world.settled()
        assert world.second.resting == set()
        await world.looks_at(12, 13)
        assert world.early.taken == [11, 13]


async def test_large_records_have_a_bound_of_their_own() -> None:
    world = World(11, 12)
    world.early.size_bytes = MAX_BYTES
    async with world.at_the_bounds():
        await world.looks_at(11, 12)
        assert world.early.taken == [11]


async def test_a_record_whose_schema_is_not_known_yet_is_waited_for() -> None:
    known = Known(11)
    world = World(11, known=known)
    async with world.at_the_bounds():
        await world.looks_at(10, 11, 12)
        assert (world.early.seen, world.second.seeks[-1]) == ([10], (0, 11))
        known.unknown.clear()
        await world.settled()
        await world.looks_at(11, 12)
        assert world.early.taken == [11]


async def test_nothing_is_taken_of_a_partition_that_was_taken_away() -> None:
    world = World(12)
    async with world.at_the_bounds():
        world.session.assignment.close()
        await world.looks_at(11, 12)
        assert world.early.seen == []


async def test_a_new_assignment_is_looked_through_from_its_own_start() -> None:
    world = World(60)
    async with world.at_the_bounds():
        await world.looks_at(10, 11)
        world.partition = a_partition(start=50)
        world.session.assignment.open({tp(0): world.partition})
        world.consumer.poll_brings({tp(0): [record(n) for n in range(50, 50 + WINDOW)]})
        await asyncio.sleep(LINGER_S)
        await world.looks_at(60)
        assert (world.second.seeks[-1], world.early.taken) == ((0, 50), [60])
