"""Exactly once, before a scripted broker: what is committed, when, and in which pieces."""

import asyncio

import orjson
import pytest
from aiokafka.errors import (
    KafkaConnectionError,
)

from stream_classifier.core import measures
from stream_classifier.core.event import CONTENT_TYPE
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.finished_map import decode
from stream_classifier.kafka.transactions import RETRY_S
from tests.unit.kafka_fakes import TOPIC, deliver, tp
from tests.unit.transactions_world import DEAD, LABELS, SETTINGS, World, event


async def test_events_and_the_position_with_its_map_are_committed_together() -> None:
    world = World()
    async with world.running():
        deliver(world.partition, 0, 1, 2)
        for offset in (0, 2):
            world.transactions.publish(world.partition, offset, None, event(offset), [])
        await world.flush()
    position, text = world.coordinator.marks[tp(0)]
    assert (world.published, position, decode(TOPIC, 0, 1, text)) == ([0, 2], 1, ((2, 3),))
    assert world.partition.ledger.position == 1
    assert world.tally.count(measures.ACKNOWLEDGED, LABELS) == 2


async def test_a_record_is_done_when_its_transaction_is_committed_and_not_before() -> None:
    world = World()
    async with world.running():
        world.publish(0)
        world.coordinator.gate.clear()
        await asyncio.sleep(1)
        assert world.partition.ledger.position == 0
        world.coordinator.gate.set()
        await world.flush()
        assert world.partition.ledger.position == 1


async def test_all_events_of_a_record_are_in_one_transaction() -> None:
    world = World()
    async with world.running():
        world.publish(*range(5), events=3)
        await world.flush()
    assert all(len(written) % 3 == 0 for written in world.coordinator.transactions)
    assert len(world.published) == 15


async def test_what_gathers_while_a_transaction_is_under_way_is_one_more() -> None:
    world = World(committed=0)
    async with world.running():
        world.coordinator.gate.clear()
        world.publish(0)
        await asyncio.sleep(1)
        world.publish(*range(1, 50))
        world.coordinator.gate.set()
        await world.flush()
    assert [len(written) for written in world.coordinator.transactions] == [1, 49]


async def test_partitions_do_not_wait_for_one_another() -> None:
    world = World()
    async with world.running(0, 1):
        stuck, other = world.transactions.lines
        world.coordinator.outcomes.append(KafkaConnectionError())
        deliver(stuck, 0)
        world.transactions.publish(stuck, 0, None, event(0), [])
        world.coordinator.starts.extend([KafkaConnectionError()] * 20)
        await asyncio.sleep(RETRY_S / 2)
        deliver(other, 7)
        world.transactions.publish(other, 7, None, event(7), [])
        await asyncio.sleep(RETRY_S / 2)
        assert (other.ledger.position, stuck.ledger.position) == (8, 0)


async def test_every_try_that_fails_is_counted() -> None:
    world = World()
    async with world.running():
        world.coordinator.outcomes.append(KafkaConnectionError())
        deliver(world.partition, 0)
        world.publish(0)
        await world.flush()
    assert world.outcomes("failed") == 1
    assert world.outcomes("committed") == 1


async def test_dead_letters_are_in_transactions_too() -> None:
    world = World()
    async with world.running():
        deliver(world.partition, 0)
        world.transactions.dead_letter(world.partition, 0, b"key", b"value", [])
        await world.flush()
    assert world.coordinator.written == [(DEAD, 0, b"value")]
    assert world.partition.ledger.position == 1


async def test_a_partition_that_was_never_committed_is_once_and_then_not_again() -> None:
    world = World()
    async with world.running():
        await asyncio.sleep(60)
    assert world.coordinator.marks == {tp(0): (0, "")}
    assert world.outcomes("committed") == 1


async def test_one_whose_commit_says_all_is_left_in_peace() -> None:
    world = World(committed=7)
    async with world.running():
        await asyncio.sleep(60)
    assert world.coordinator.tries == 0


async def test_what_is_passed_over_moves_the_position_at_the_interval() -> None:
    world = World(committed=0)
    async with world.running():
        deliver(world.partition, *range(10))
        for offset in range(10):
            world.partition.ledger.done([offset])
            await asyncio.sleep(SETTINGS.commit_interval_s / 5)
        await asyncio.sleep(2 * SETTINGS.commit_interval_s)
        assert world.coordinator.marks[tp(0)] == (10, "")
    assert world.outcomes("committed") <= 4


async def test_a_flush_commits_what_was_passed_over_at_once() -> None:
    world = World(committed=0)
    async with world.running():
        deliver(world.partition, 0)
        world.partition.ledger.done([0])
        began = asyncio.get_running_loop().time()
        await world.flush()
        assert asyncio.get_running_loop().time() == began
        assert world.commits.committed(world.partition) == 1


async def test_what_was_committed_is_known_and_begins_where_the_partition_does() -> None:
    world = World(committed=7)
    async with world.running():
        assert world.commits.committed(world.partition) == 7
        world.publish(7, 8)
        await world.flush()
        assert world.commits.committed(world.partition) == 9


async def test_an_event_that_is_too_large_goes_without_the_copied_headers_and_the_others_with_theirs() -> (
    None
):
    world = World(committed=0)
    async with world.running():
        world.publish(0, 1)
        world.publish(2, headers=[CONTENT_TYPE, ("trace", b"x" * 1_000)])
        world.publish(3)
        await world.flush()
    dropped = [orjson.loads(value or b"")["headers_dropped"] for value in world.coordinator.values]
    assert (world.published, dropped) == ([0, 1, 2, 3], [False, False, True, False])


async def test_an_event_that_cannot_be_made_smaller_is_a_dead_letter_in_its_place() -> None:
    world = World(committed=0)
    world.coordinator.most_bytes = 400
    large = orjson.dumps({**orjson.loads(event(1)), "text": "x" * 1_000})
    async with world.running():
        deliver(world.partition, 0, 1, 2)
        for offset, value in ((0, event(0)), (1, large), (2, event(2))):
            world.transactions.publish(world.partition, offset, None, value, [CONTENT_TYPE])
        await world.flush()
    assert (world.published, world.partition.ledger.position) == ([0, 2], 3)
    assert [(topic, value) for topic, _, value in world.coordinator.written if topic == DEAD] == [
        (DEAD, None)
    ]
    assert world.tally.count(measures.DEAD_LETTERS, "too_large") == 1


async def test_a_topic_that_refuses_even_the_smallest_dead_letter_ends_the_process() -> None:
    world = World(committed=0)
    world.coordinator.most_bytes = 0
    await world.open(0)
    deliver(world.partition, 0)
    world.transactions.dead_letter(world.partition, 0, None, b"value", [("dlq.reason", b"not_json")])
    with pytest.RaisesGroup(pytest.RaisesExc(OperatorFault, match="max.message.bytes")):
        await world.transactions.run()
