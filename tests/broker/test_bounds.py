"""Promise 9: what is read and not yet done has a limit, whatever waits on the topic."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.broker.service_process import Member
from tests.broker.stream import a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.patience import until

TICKETS = 3_000
CALLS, BATCH_TICKETS = 8, 10  # one round of them may lie between the acknowledgement and the commit
GROWTH_BYTES = 10 * 2**20


class Bound(NamedTuple):
    """A limit, what one more poll may add to it, and how long the provider takes for a call."""

    setting: str
    most: int
    poll: int
    text: str
    call_s: float


BY_COUNT = Bound("in_flight_tickets", 1_000, 500, "x", 7)  # longer than the session's six seconds
BY_SIZE = Bound("in_flight_bytes", 1_200_000, 500 * 1_200, "x" * 1_000, 2)


def resident_bytes(member: Member) -> int:
    """The memory that a process has in use."""
    pages = int(Path(f"/proc/{member.process.pid}/statm").read_text().split()[1])
    return pages * 4096


@pytest.mark.parametrize("bound", [BY_COUNT, BY_SIZE], ids=lambda bound: bound.setting)
async def test_a_slow_provider_pauses_the_partitions_and_in_flight_stays_at_the_bound(
    kafka: Kafka, tmp_path: Path, bound: Bound
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        stream.simulator.faults.arm("slow", delay_s=bound.call_s, text=bound.text)
        for partition in range(2):
            tickets = (ticket(n, f"{bound.text} {n}") for n in range(partition, TICKETS, 2))
            await stream.put(tickets, partition=partition)
        member = await stream.working_member(**{f"kafka__max_{bound.setting}": bound.most})
        await member.until_metric('partitions_paused{reason="bounds"}', lambda paused: paused == 2)
        held, began_bytes = (await member.metrics())[bound.setting], resident_bytes(member)
        await until(lambda: any(call.records > 1 for call in stream.simulator.stats.log))
        assert bound.most <= held < bound.most + bound.poll
        assert resident_bytes(member) - began_bytes < GROWTH_BYTES
        stream.simulator.faults.clear()
        await stream.settled()
        events = await stream.events()
        assert not member.logged("session_lost")
        assert not member.logged("partitions_revoked")
    assert Counter(int(event["ticket_id"]) for event in events) == Counter(range(TICKETS))


async def test_what_a_kill_would_repeat_does_not_grow_behind_a_slow_provider(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=2, batch__max_tickets=BATCH_TICKETS
    ) as stream:
        stream.simulator.faults.arm("slow", delay_s=0.7)
        for partition in range(2):
            await stream.put((ticket(n) for n in range(partition, TICKETS, 2)), partition=partition)
        member = await stream.working_member(llm__concurrency=CALLS, kafka__max_in_flight_tickets=1_000)
        for published in (100, 400, 700):
            await stream.until_events(published)
            assert len(await stream.events()) - await stream.finished_by_commit() <= CALLS * BATCH_TICKETS
        await member.kill()
        assert len(await stream.events()) - await stream.finished_by_commit() <= CALLS * BATCH_TICKETS


async def test_a_pause_survives_a_rebalance_and_what_comes_back_stays_within_the_bound(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=2, kafka__max_in_flight_tickets=1_000
    ) as stream:
        stream.simulator.faults.arm("slow", delay_s=3)
        for partition in range(2):
            await stream.put((ticket(n) for n in range(partition, TICKETS, 2)), partition=partition)
        first = await stream.working_member()
        await first.until_metric('partitions_paused{reason="bounds"}', lambda paused: paused == 2)
        second = await stream.member()
        for member in (first, second):
            await member.until_assigned(1, after=1 if member is first else 0)
            await member.until_metric('partitions_paused{reason="bounds"}', lambda paused: paused == 1)
            held = (await member.metrics())["in_flight_tickets"]
            assert 0.8 * 1_000 <= held < 1_000 + 500
        stream.simulator.faults.clear()
        await stream.settled()
        events = await stream.events()
    assert Counter(int(event["ticket_id"]) for event in events) == Counter(range(TICKETS))
