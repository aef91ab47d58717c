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
        stream.simulator.faults.arm("slow", delay_s=bound.call_s)
        for partition in range(2):
            tickets = (ticket(n, f"{bound.text} {n}") for n in range(partition, TICKETS, 2))
            await stream.put(tickets, partition=partition)
        member = await stream.working_member(**{f"kafka__max_{bound.setting}": bound.most})
        await member.until_metric('partitions_paused{reason="bounds"}', lambda paused: paused == 2)
        held, began_bytes = (await member.metrics())[bound.setting], resident_bytes(member)
        await until(lambda: stream.simulator.stats.log)
        assert bound.most <= held < bound.most + bound.poll
        assert resident_bytes(member) - began_bytes < GROWTH_BYTES
        stream.simulator.faults.clear()
        await stream.settled()
        events = await stream.events()
        assert not member.logged("session_lost")
        assert not member.logged("partitions_revoked")
    assert Counter(int(event["ticket_id"]) for event in events) == Counter(range(TICKETS))
