"""Exactly once, before a scripted broker: what a failure leaves behind, and that nothing goes twice."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InvalidProducerEpoch,
    KafkaConnectionError,
    KafkaError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.transactions import RETRY_S
from tests.unit.conftest import JumpingLoop
from tests.unit.kafka_fakes import deliver, tp
from tests.unit.transaction_fakes import Fate, Outcome
from tests.unit.transactions_world import World, event


@pytest.mark.parametrize("fate", [Fate.ABORTED, Fate.COMMITTED])
async def test_a_transaction_of_unknown_fate_is_looked_up_and_nothing_is_sent_twice(fate: Fate) -> None:
    world = World(fate, committed=0)
    async with world.running():
        world.publish(0, 1)
        await world.flush()
    assert world.published == [0, 1]
    assert world.outcomes("aborted") == (1 if fate is Fate.ABORTED else 0)
    assert world.outcomes("committed") == 1
    assert world.partition.ledger.position == 2


def scripted() -> st.SearchStrategy[list[Outcome]]:
    errors = st.sampled_from([KafkaConnectionError, KafkaError, TimeoutError])
    return st.lists(st.one_of(errors.map(lambda kind: kind()), st.sampled_from(Fate), st.none()), max_size=20)


@given(outcomes=scripted(), bursts=st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_events_are_committed_once_and_in_order_whatever_fails(
    outcomes: list[Outcome], bursts: Sequence[int]
) -> None:
    async def run() -> None:
        world = World(*outcomes)
        async with world.running():
            offsets = iter(range(sum(bursts)))
            for burst in bursts:
                world.publish(*(next(offsets) for _ in range(burst)))
                await asyncio.sleep(RETRY_S / 3)
            await world.flush()
            assert world.partition.ledger.position == sum(bursts)
        assert world.published == list(range(sum(bursts)))

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(run())


async def test_a_mark_of_somebody_else_gives_the_session_up() -> None:
    world = World(Fate.ABORTED, committed=0)
    async with world.running():
        world.publish(0, 1)
        world.coordinator.read_hook = lambda: world.coordinator.marks.update({tp(0): (1, "")})
        await asyncio.sleep(1)
        assert world.lost
    assert world.published == []
    assert world.partition.ledger.position == 0


@pytest.mark.parametrize("error", [ProducerFenced, InvalidProducerEpoch])
async def test_a_producer_that_is_fenced_gives_the_session_up_and_is_not_started_again(
    error: type[KafkaError],
) -> None:
    world = World(error(), error(), committed=0)
    async with world.running(0, 1):
        for partition in list(world.transactions.lines):
            deliver(partition, 0)
            world.transactions.publish(partition, 0, None, event(0), [])
        await asyncio.sleep(10)
        assert len(world.lost) == 1
        assert world.coordinator.epochs == {tp(0): 1, tp(1): 1}
    assert (world.published, world.outcomes("fenced")) == ([], 1)


async def test_an_owner_that_was_followed_by_another_commits_nothing_more() -> None:
    world, other = World(committed=0), World()
    other.coordinator = world.coordinator
    async with world.running():
        world.publish(0)
        await world.coordinator.producer(tp(0)).start()
        await asyncio.sleep(1)
        assert world.lost
        world.coordinator.unclosed.clear()
    assert world.published == []


async def test_while_a_broker_is_away_it_is_tried_on_and_on_and_the_silence_is_known() -> None:
    world = World(KafkaConnectionError(), committed=0)
    async with world.running():
        world.coordinator.starts.extend([KafkaConnectionError()] * 20)
        world.publish(0)
        await asyncio.sleep(6)
        assert world.transactions.unacknowledged_s() == pytest.approx(6)
        await world.flush()
        assert world.transactions.unacknowledged_s() == 0
    assert world.published == [0]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (TopicAuthorizationFailedError, "WRITE"),
        (GroupAuthorizationFailedError, "READ on the group"),
        (TransactionalIdAuthorizationFailed, "transactional ids"),
    ],
)
async def test_what_no_retry_mends_ends_the_process_with_a_sentence(
    error: type[KafkaError], remedy: str
) -> None:
    world = World(error(), committed=0)
    await world.open(0)
    world.publish(0)
    with pytest.RaisesGroup(pytest.RaisesExc(OperatorFault, match=remedy)):
        await world.transactions.run()
    assert not world.coordinator.unclosed
