"""Urgent tickets beyond what may be in flight, on a real Kafka: they go first, and each once."""

from collections import Counter
from pathlib import Path

import pytest

from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.patience import until

TICKETS, WINDOW = 2_000, 400
URGENT = range(999, TICKETS, 100)
SLOW_S = 5.0  # of a bulk call: none has come back when the urgent ones are out


async def a_backlog(stream: Stream) -> None:
    """More than may be in flight; the urgent tickets stand beyond it, and bulk is slow."""
    stream.simulator.faults.arm("slow", delay_s=SLOW_S, text="bulk")
    await stream.put(
        ticket(n, f"help {n}", priority="urgent") if n in URGENT else ticket(n, f"bulk {n}")
        for n in range(TICKETS)
    )


async def until_committed_ahead(stream: Stream) -> None:
    """The urgent ones are out, before any other, and the commit knows of them."""
    first = await stream.until_events(len(URGENT))
    assert {int(event["ticket_id"]) for event in first} == {*URGENT}

    async def known() -> bool:
        return await stream.finished_by_commit() >= len(URGENT)

    await until(known)


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_they_go_first_and_neither_a_kill_nor_a_rebalance_brings_one_again(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, kafka__max_in_flight_tickets=WINDOW, kafka__delivery=delivery
    ) as stream:
        await a_backlog(stream)
        member = await stream.working_member()
        await until_committed_ahead(stream)
        assert (await member.metrics())["found_ahead_total"] == len(URGENT)
        if delivery == "exactly-once":
            await member.kill()
            await stream.evict()  # its session would end by itself, six seconds later
        stream.simulator.faults.clear()
        await stream.working_member()
        await stream.settled()
        came = Counter(int(event["ticket_id"]) for event in await stream.events())
    assert came == Counter(range(TICKETS))
