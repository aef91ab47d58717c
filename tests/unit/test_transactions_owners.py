"""Exactly once, before a scripted broker: partitions come and go, and nobody acts for what he has lost."""

import asyncio

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
)

from stream_classifier.kafka.transactions import RETRY_S
from tests.unit.kafka_fakes import deliver, tp
from tests.unit.transactions_world import World, event


async def test_a_claim_that_fails_says_why_and_the_next_one_begins_with_producers_of_its_own() -> None:
    world = World()
    async with world.running():
        world.coordinator.starts.append(KafkaConnectionError())
        with pytest.raises(KafkaConnectionError):
            await world.commits.claim([tp(1), tp(2)])
        world.close()
        await world.open(1, 2)
        await world.flush()
        assert len(world.coordinator.unclosed) == 2
    assert {tp(1): (0, ""), tp(2): (0, "")}.items() <= world.coordinator.marks.items()


async def test_a_claim_fences_side_by_side() -> None:
    world = World()
    world.coordinator.gate.clear()
    claiming = asyncio.create_task(world.commits.claim([tp(0), tp(1)]))
    await asyncio.sleep(1)
    world.coordinator.gate.set()
    began = asyncio.get_running_loop().time()
    await claiming
    assert asyncio.get_running_loop().time() == began
    assert world.coordinator.epochs == {tp(0): 1, tp(1): 1}


async def test_nothing_is_begun_for_a_partition_that_is_sealed() -> None:
    world = World(committed=0)
    async with world.running():
        world.publish(0)
        world.close()
        await world.flush()
    assert world.coordinator.tries == 0


async def test_a_transaction_under_way_is_cut_off_when_its_partition_is_sealed() -> None:
    world = World(committed=0)
    async with world.running():
        world.coordinator.gate.clear()
        world.publish(0)
        await asyncio.sleep(1)
        world.close()
        await world.flush()
        assert world.transactions.lines == {}
        world.coordinator.gate.set()
        await asyncio.sleep(10)
    assert (world.published, world.partition.ledger.position) == ([], 0)


async def test_a_partition_that_is_sealed_while_its_producer_is_replaced_is_not_claimed_again() -> None:
    world = World(KafkaConnectionError(), committed=0)
    async with world.running():
        world.coordinator.starts.extend([KafkaConnectionError()] * 4)
        world.publish(0)
        await asyncio.sleep(RETRY_S)
        world.close()
        await asyncio.sleep(60)
        assert world.coordinator.epochs == {tp(0): 1}


async def test_one_that_is_sealed_while_its_failed_producer_closes_is_not_claimed_again() -> None:
    world = World(KafkaConnectionError(), committed=0)
    world.coordinator.close_s = 1
    async with world.running():
        world.publish(0)
        await asyncio.sleep(RETRY_S + 0.5)
        world.close()
        await asyncio.sleep(60)
        assert world.coordinator.epochs == {tp(0): 1}


async def test_a_member_that_the_group_has_dropped_commits_nothing() -> None:
    world = World(committed=0)
    async with world.running():
        world.publish(0)
        world.is_ours = False
        await asyncio.sleep(60)
        assert world.coordinator.tries == 0
        world.close()


async def test_a_member_that_was_dropped_after_a_failure_fences_nobody() -> None:
    world = World(KafkaConnectionError(), committed=0)
    async with world.running():
        world.publish(0)
        await asyncio.sleep(RETRY_S / 2)
        world.is_ours = False
        await asyncio.sleep(60)
        assert world.coordinator.epochs == {tp(0): 1}
        world.close()


async def test_a_claim_under_way_ends_when_the_partitions_are_taken_away() -> None:
    world = World()
    world.coordinator.gate.clear()
    claiming = asyncio.create_task(world.commits.claim([tp(0)]))
    await asyncio.sleep(1)
    world.transactions.abandon()
    with pytest.raises(TimeoutError):
        await claiming


async def test_the_next_owner_publishes_only_what_the_one_before_has_not_committed() -> None:
    world = World(committed=0)
    async with world.running():
        deliver(world.partition, *range(10))
        for offset in (3, 7, 4):
            world.transactions.publish(world.partition, offset, None, event(offset), [])
        await world.flush()
        world.close()
        [partition] = await world.open(0)
        left = [offset for offset in range(10) if partition.ledger.enter(offset, 1)]
        for offset in left:
            world.transactions.publish(partition, offset, None, event(offset), [])
        await world.flush()
    assert sorted(world.published) == list(range(10))
    assert world.coordinator.marks[tp(0)] == (10, "")


async def test_what_comes_for_a_partition_that_is_gone_is_left_out() -> None:
    world = World(committed=0)
    async with world.running():
        world.close()
        await asyncio.sleep(1)
        world.publish(0)
        await world.flush()
    assert world.published == []


async def test_a_partition_whose_map_is_full_is_named_until_it_is_not() -> None:
    world = World(committed=0)
    async with world.running():
        deliver(world.partition, *range(8_000))
        for offset in range(1, 8_000, 2):
            world.transactions.publish(world.partition, offset, None, event(offset), [])
        await world.flush()
        assert world.commits.full_maps == {tp(0)}
        assert 1_000 < len(world.published) < 4_000
        for offset in range(0, 8_000, 2):
            world.transactions.publish(world.partition, offset, None, event(offset), [])
        await world.flush()
        assert world.commits.full_maps == set()
        assert world.partition.ledger.position == 8_000
    assert sorted(world.published) == list(range(8_000))
