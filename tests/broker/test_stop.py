"""Promise 10: told to stop, the service hands over what it has and ends in time, whatever is away."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Member
from tests.broker.stream import a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.conftest import StartKafka
from tests.patience import until

SHORT_S = 6.0  # `shutdown_s`: a second for calls, five for the last steps
SLACK_S = 0.5  # an interpreter's end on a busy machine
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)


async def stopped_within(member: Member, seconds: float, number: signal.Signals = signal.SIGTERM) -> float:
    """Tell it to stop, and see that it ends in good order and in time; returned is how long it took."""
    began = time.monotonic()
    member.tell(number)
    assert await member.exited() == 0
    took = time.monotonic() - began
    assert took < seconds + SLACK_S
    return took


@SIGNALS
async def test_calls_under_way_are_published_and_committed_and_the_rest_is_left(
    kafka: Kafka, tmp_path: Path, number: signal.Signals
) -> None:
    slow = SimulatorOptions(latency_s=1.5)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=slow) as stream:
        member = await stream.working_member(llm__concurrency=2, batch__max_wait_s=0.5)
        await stream.put(ticket(n) for n in range(50))
        await until(lambda: stream.simulator.stats.concurrent == 2)
        await stopped_within(member, 4, number)
        assert (await stream.committed())[0].offset == 20
        events = await stream.events()
        assert Counter(int(event["ticket_id"]) for event in events) == Counter(range(20))
        assert stream.tickets_asked == 20


async def test_the_partitions_move_to_another_member_at_once(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        first = await stream.working_member()
        second = await stream.member()
        await second.until_assigned(1)
        await stopped_within(first, 2)
        left = time.monotonic()
        await second.until_assigned(2)
        assert time.monotonic() - left < 4  # a heartbeat; the session of a member that is gone lasts six


async def test_a_provider_that_hangs_holds_the_stop_no_longer_than_the_time_for_calls(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, shutdown_s=SHORT_S) as stream:
        stream.simulator.faults.arm("hang", text="button")
        member = await stream.working_member()
        await stream.put([ticket(1), ticket(2, priority="urgent")])
        await until(lambda: stream.simulator.stats.concurrent == 2)
        assert await stopped_within(member, SHORT_S - 3) > 0.9
        assert (await stream.committed())[0].offset == 0


@pytest.mark.parametrize("away", ["kill", "freeze"])
async def test_a_broker_that_is_away_holds_the_stop_no_longer_than_its_time(
    start_kafka: StartKafka, tmp_path: Path, away: str
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    slow = SimulatorOptions(latency_s=0.5)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=slow, shutdown_s=SHORT_S) as stream:
        member = await stream.working_member()
        await stream.put([ticket(1)])
        await until(lambda: stream.simulator.stats.concurrent == 1)
        await asyncio.to_thread(getattr(kafka.nodes[0].process, away))
        await until(lambda: stream.simulator.stats.concurrent == 0)
        await stopped_within(member, SHORT_S)


@SIGNALS
async def test_it_stops_at_once_while_it_waits_for_a_broker(tmp_path: Path, number: signal.Signals) -> None:
    async with a_stream("127.0.0.1:1", tmp_path, topics=False) as stream:
        member = await stream.member()
        await member.until_logged("waiting_for_kafka")
        await stopped_within(member, 1, number)


async def test_it_stops_while_the_group_is_being_formed(kafka: Kafka, tmp_path: Path) -> None:
    """A frozen member holds the rebalance, so that the one that joins gets no assignment."""
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        frozen = await stream.working_member()
        joining = await stream.member_about_to_join()
        frozen.tell(signal.SIGSTOP)
        await stream.until_rebalancing()
        await stopped_within(joining, 3)


async def test_a_second_signal_ends_it_at_once(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        stream.simulator.faults.arm("hang", text="button")
        member = await stream.working_member()
        await stream.put([ticket(1)])
        await until(lambda: stream.simulator.stats.concurrent == 1)
        member.tell(signal.SIGINT)
        await member.until_logged("service_stopping")
        member.tell(signal.SIGINT)
        assert await member.exited() == -signal.SIGINT
