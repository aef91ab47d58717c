"""Members that come and go while tickets flow: how soon partitions move, and what it costs."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.flow import came, flowing
from tests.broker.service_process import Member
from tests.broker.stream import a_stream
from tests.brokers.kafka import Kafka
from tests.patience import until

QUICK = SimulatorOptions(latency_s=0.05)
SESSION_S = 6.0  # as `Stream` sets it
REQUEST_S = 3.0  # what a request of such a session may take
REBALANCE_S = 6.0  # a heartbeat until the others know, their drains, and two busy cores
DELIVERIES = pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])


@DELIVERIES
async def test_from_one_member_to_four_and_back_nothing_is_lost_or_comes_twice(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=4, provider=QUICK, kafka__delivery=delivery
    ) as stream:
        first = await stream.working_member()
        async with flowing(stream) as flow:
            await flow.goes_on(first)
            more = await asyncio.gather(*(stream.member() for _ in range(3)))
            await until(lambda: all(owned(member) == 1 for member in (first, *more)))
            await flow.goes_on(first, *more)
            for member in more:
                member.process.terminate()
            assert [await member.exited() for member in more] == [0, 0, 0]
            await until(lambda: owned(first) == 4)
            await flow.goes_on(first)
        assert await came(stream) == Counter(range(flow.count))


async def test_after_a_kill_the_partitions_move_within_the_session_and_a_rebalance(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=4, provider=QUICK) as stream:
        killed, left = await stream.working_member(), await stream.member()
        await until(lambda: owned(killed) == owned(left) == 2)
        async with flowing(stream) as flow:
            await flow.goes_on(killed, left)
            await killed.kill()
            began = time.monotonic()
            await until(lambda: owned(left) == 4)
            assert time.monotonic() - began < SESSION_S + REBALANCE_S
            await flow.goes_on(left)
        assert (await came(stream)).keys() == set(range(flow.count))


async def test_a_member_waits_longer_for_the_group_than_for_a_broker(kafka: Kafka, tmp_path: Path) -> None:
    """A frozen member holds the join up until its session ends. A join that is sent again begins the wait
    anew with some brokers."""
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        frozen = await stream.working_member()
        joining = await stream.member_about_to_join()
        frozen.tell(signal.SIGSTOP)
        began = time.monotonic()
        await joining.until_assigned(2)
        assert time.monotonic() - began > REQUEST_S
    said = [line["message"] for line in joining.logged("library")]
    assert not [message for message in said if "JoinGroup" in message]


def owned(member: Member) -> int:
    """How many partitions it was given last."""
    assignments = member.logged("partitions_assigned")
    return len(assignments[-1]["partitions"]) if assignments else 0
