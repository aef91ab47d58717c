"""Replicas that share a Redis: what is asked of the provider when the same texts come to all of them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.brokers.redis import Redis
from tests.patience import until

PARTITIONS = 8
MEMBERS = 4
TICKETS = 2_000
TEXTS = 40
DELAY_S = 6.0  # what a dead replica's leases may cost
SESSION_S = 6.0  # as `Stream` sets it
REBALANCE_S = 6.0  # a heartbeat until the others know, their drains, and two busy cores
BUSY_S = 2.0  # for two busy cores to see it
LOOK_UP_S = 0.5  # as against 0.05: the test shares two cores with Kafka and four replicas


@asynccontextmanager
async def shared(
    kafka: Kafka, redis: Redis, directory: Path, provider: SimulatorOptions, **settings: Any
) -> AsyncIterator[Stream]:
    """A stream whose members share this Redis."""
    cache = {"backend": "redis", "url": redis.url, "key_prefix": f"{directory.name}:", "timeout_s": LOOK_UP_S}
    async with a_stream(
        kafka.bootstrap_servers, directory, partitions=PARTITIONS, provider=provider, cache=cache, **settings
    ) as stream:
        yield stream


async def members(stream: Stream, number: int) -> list[Member]:
    """So many, with the partitions evenly among them."""
    started = [await stream.working_member()]
    started += await asyncio.gather(*(stream.member() for _ in range(number - 1)))
    await asyncio.gather(*(member.until_assigned(PARTITIONS // number) for member in started))
    await asyncio.gather(*(member.until_logged("model_introduced") for member in started))
    return started


def text(number: int) -> str:
    return f"The page {number} does not open"


async def storm(stream: Stream, tickets: int, texts: int) -> None:
    """Tickets with so many texts, each text in every partition."""
    values = [ticket(n, text(n // PARTITIONS % texts)) for n in range(tickets)]
    await asyncio.gather(
        *(stream.put(values[number::PARTITIONS], partition=number) for number in range(PARTITIONS))
    )


def owned(member: Member) -> list[int]:
    """The partitions that it was given last."""
    assignments = member.logged("partitions_assigned")
    names = assignments[-1]["partitions"] if assignments else []
    return [int(str(name).rpartition(":")[2]) for name in names]


async def test_a_storm_at_four_replicas_is_asked_once(kafka: Kafka, redis: Redis, tmp_path: Path) -> None:
    async with shared(kafka, redis, tmp_path, SimulatorOptions(latency_s=0.5)) as stream:
        await members(stream, MEMBERS)
        await storm(stream, TICKETS, TEXTS)
        events = await stream.until_events(TICKETS)
        assert Counter(event["status"] for event in events) == {"labelled": TICKETS}
        assert len({event["event_id"] for event in events}) == TICKETS
        assert TEXTS <= stream.tickets_asked <= TEXTS * 1.1


async def test_a_replica_that_is_killed_delays_the_others_tickets_by_its_leases_life_at_most(
    kafka: Kafka, redis: Redis, tmp_path: Path
) -> None:
    texts = [text(number) for number in range(20)]
    async with shared(kafka, redis, tmp_path, SimulatorOptions(latency_s=0.2)) as stream:
        killed, *others = await members(stream, MEMBERS)
        stream.simulator.faults.arm("hang", text="page")
        await stream.put([ticket(n, each) for n, each in enumerate(texts)], partition=owned(killed)[0])
        await killed.until_metric('leases{state="held"}', lambda held: held == len(texts))
        theirs = [number for member in others for number in owned(member)]
        await asyncio.gather(
            *(stream.put([ticket(n, each) for n, each in enumerate(texts)], partition=p) for p in theirs)
        )
        await asyncio.gather(
            *(m.until_metric('leases{state="waited_for"}', lambda waiting: waiting > 0) for m in others)
        )
        stream.simulator.faults.clear()
        killed_at = time.monotonic()
        await killed.kill()
        await stream.until_events(len(theirs) * len(texts))
        assert time.monotonic() - killed_at < DELAY_S + BUSY_S
        assert [each for each in texts if stream.simulator.stats.times_asked(each) > 2] == []
        await stream.until_events((len(theirs) + 1) * len(texts))
        assert [each for each in texts if stream.simulator.stats.times_asked(each) > 2] == []


async def test_through_replicas_that_come_go_and_die_no_more_is_asked_twice_than_was_in_flight(
    kafka: Kafka, redis: Redis, tmp_path: Path
) -> None:
    in_flight = {"llm__concurrency": 2, "batch__max_tickets": 5}
    async with shared(kafka, redis, tmp_path, SimulatorOptions(latency_s=0.2), **in_flight) as stream:
        stays, goes, dies = *await members(stream, 2), await stream.member()
        count, stop = 0, asyncio.Event()

        async def flow() -> None:
            nonlocal count
            while not stop.is_set():
                await storm_of(stream, count)
                count += 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(flow())
            await until(lambda: len(owned(dies)) in (2, 3))
            row = 'events_total{decided_by="cache",lane="bulk",reason="",status="labelled"}'
            await dies.until_metric(row, bool)
            goes.process.terminate()
            assert await goes.exited() == 0
            await until(lambda: len(owned(stays)) == PARTITIONS // 2)
            await dies.kill()
            await until(lambda: len(owned(stays)) == PARTITIONS)
            stop.set()
        events = await stream.until_events(PARTITIONS * count)
        assert {event["status"] for event in events} == {"labelled"}
        asked = [stream.simulator.stats.times_asked(text(number)) for number in range(count)]
        assert max(asked) <= 2
        assert asked.count(2) <= 2 * 5


async def storm_of(stream: Stream, number: int) -> None:
    """One text, in every partition at once."""
    await asyncio.gather(
        *(stream.put([ticket(number, text(number))], partition=p) for p in range(PARTITIONS))
    )
