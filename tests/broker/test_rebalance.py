"""Promises 1 and 3 while members come, go, freeze and are thrown out, always with calls in flight."""

import asyncio
import signal
from collections import Counter
from pathlib import Path

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Event, Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.patience import until

SLOW = SimulatorOptions(latency_s=0.3)


def times(events: list[Event]) -> Counter[int]:
    """How often each ticket came out."""
    return Counter(int(event["ticket_id"]) for event in events)


def by_process(events: list[Event]) -> dict[str, int]:
    """How many events each process made by calls of its own, which carry a name of its own."""
    return Counter(event["batch_id"].partition("-")[0] for event in events if event["batch_id"])


async def test_members_that_join_and_leave_lose_nothing_and_repeat_nothing(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=4, provider=SLOW) as stream:
        settings = {"llm__concurrency": 4, "batch__max_tickets": 5}  # so the first lot takes ten seconds
        await stream.put(ticket(number) for number in range(600))
        first = await stream.working_member(**settings)
        await stream.until_events(100)
        second = await stream.member(**settings)
        await second.until_assigned(2)
        await stream.put(ticket(number) for number in range(600, 800))  # however long it took to start
        await stream.until_events(300)
        first.process.terminate()
        assert await first.exited() == 0
        await second.until_assigned(4)
        await stream.settled()
        events = await stream.events()
    assert times(events) == Counter(range(800))
    assert len(by_process(events)) == 2


async def test_a_record_that_comes_back_joins_its_running_call(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2, batch__max_tickets=1) as stream:
        stream.simulator.faults.arm("slow", delay_s=8, text="button")  # a member takes 5 to start
        for number in range(2):
            await stream.put([ticket(number)], partition=number)
        first = await stream.working_member()
        await until(lambda: stream.simulator.stats.concurrent == 2)
        second = await stream.member()
        await first.until_assigned(1, after=1)
        await second.until_assigned(1)
        [kept] = first.logged("partitions_assigned")[-1]["partitions"]
        await stream.settled()
        asked = [
            stream.simulator.stats.times_asked(f"Nothing happens when I press button {n}") for n in (0, 1)
        ]
    assert asked[int(kept[-1])] == 1
    assert asked[1 - int(kept[-1])] == 2  # by its new owner, who could not know of the call


async def test_what_was_finished_beyond_the_gap_is_not_labelled_again_by_the_next_owner(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, batch__max_tickets=1) as stream:
        stream.simulator.faults.arm("hang", text="frozen")
        await stream.put([ticket(0, "frozen"), *(ticket(number) for number in range(1, 100))])
        first = await stream.working_member(shutdown_s=5.5)
        await stream.until_events(99)
        first.process.terminate()
        await first.exited()
        stream.simulator.faults.clear()
        await stream.working_member()
        await stream.settled()
        events = await stream.events()
    assert times(events) == Counter(range(100))
    assert sorted(by_process(events).values()) == [1, 99]


async def test_a_member_that_was_frozen_publishes_and_commits_nothing_of_what_it_has_lost(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2, batch__max_tickets=1) as stream:
        frozen, other = await two_members(stream)
        stream.simulator.faults.arm("slow", delay_s=2, count=20)
        for partition in range(2):
            await stream.put((ticket(n) for n in range(partition, 20, 2)), partition=partition)
        await until(lambda: stream.simulator.stats.concurrent == 16)
        frozen.tell(signal.SIGSTOP)
        await other.until_assigned(2)
        await stream.settled()
        before, assignments = await stream.committed(), len(frozen.logged("partitions_assigned"))
        frozen.tell(signal.SIGCONT)
        await frozen.until_logged("session_lost")
        await frozen.until_assigned(1, after=assignments)
        await stream.put(ticket(number) for number in range(20, 40))
        await stream.settled()
        after = await stream.committed()
        events = await stream.events()
    assert times(events) == Counter(range(40))
    assert all(after[number].offset >= before[number].offset for number in range(2))


async def two_members(stream: Stream) -> tuple[Member, Member]:
    """Two members with a partition each."""
    first, second = await stream.member(), await stream.member()
    await first.until_logged("partitions_assigned")
    await second.until_logged("partitions_assigned")
    await until(lambda: all(assigned(member) == 1 for member in (first, second)))
    return first, second


def assigned(member: Member) -> int:
    """How many partitions it was given last."""
    return len(member.logged("partitions_assigned")[-1]["partitions"])


async def test_a_member_that_was_thrown_out_publishes_nothing_of_it_and_joins_again(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        stream.simulator.faults.arm("slow", delay_s=1, text="button")
        member = await stream.working_member()
        await stream.put(ticket(number) for number in range(30))
        await until(lambda: stream.tickets_asked and stream.simulator.stats.concurrent)
        await stream.evict()
        await member.until_logged("session_lost")
        await stream.settled()
        events = await stream.events()
        assert not member.logged("partitions_revoked")
        assert member.process.returncode is None
    assert times(events) == Counter(range(30))
    assert stream.simulator.stats.totals()["texts_asked_again"] == 0


async def test_a_member_without_partitions_is_ready_and_takes_over(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        members = [await stream.working_member() for _ in range(2)]
        await until(lambda: sorted(assigned(member) for member in members) == [0, 1])
        owner, idle = sorted(members, key=assigned, reverse=True)
        assert (await idle.get("/readyz")).status_code == 200
        owner.process.terminate()
        await stream.put([ticket(1)])
        await stream.settled()
        assert times(await stream.events()) == Counter([1])


async def test_a_group_that_is_joined_in_a_storm_loses_nothing(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=4, provider=SLOW) as stream:
        await stream.put(ticket(number) for number in range(200))
        members = await asyncio.gather(*(stream.member(llm__concurrency=2) for _ in range(3)))
        await stream.until_events(40)
        for member in members[:2]:
            member.process.terminate()
        await stream.settled()
        assert times(await stream.events()) == Counter(range(200))
