"""An urgent ticket's time, with nothing before it and behind 10,000 bulk tickets in its own partition.

One service does both, in one run: first the urgent tickets alone, then the same texts (each with a number
of its own, so that none is known) behind the backlog, which is topped up before each so that it never
falls below its size. The time is a consumer's: from the sending of the ticket to the arrival of its event.
One more is sent together with the backlog, so that the service has all of it still to read.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.figures import Figure, Findings, percentile
from benchmarks.kafka import STALL_S, Topics, fresh_topics
from benchmarks.processes import running, service, simulator

PARTITION = 0  # of all tickets here: they share it
SPACING_S = 0.2  # two calls are under way on average; the urgent lane has eight places
WARM_UP = 5  # the first calls open connections
LATENCY_S = 0.3
TOKENS_PER_S = 100
P99_AT_MOST = 1.5  # of the time with nothing before it
COMPLAINTS = ("The login is broken", "Nobody can pay", "All our data is gone", "The site is down")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`tickets` urgent ones, alone and again behind `backlog` bulk ones."""

    tickets: int = 300
    backlog: int = 10_000


@dataclass(slots=True, kw_only=True)
class Desk:
    """Sends tickets, and notes when each urgent one's event comes back."""

    topics: Topics
    producer: AIOKafkaProducer
    sent_at: dict[str, float] = field(default_factory=dict)  # of the monotonic clock, by urgent ticket
    times_ms: dict[str, float] = field(default_factory=dict)  # from sending to arrival
    bulk_sent: int = 0
    bulk_labelled: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def alone(self, name: str, count: int) -> list[float]:
        """Milliseconds of `count` urgent tickets, one every `SPACING_S`."""
        return await self.behind(0, name, count)

    async def behind(self, backlog: int, name: str, count: int) -> list[float]:
        """The same with at least `backlog` bulk tickets sent before each and not labelled yet."""
        names = [f"{name}-{number}" for number in range(count)]
        for number, ticket_id in enumerate(names):
            await self._send_bulk(max(backlog - (self.bulk_sent - self.bulk_labelled), 0))
            await self._send_urgent(ticket_id, number)
            await asyncio.sleep(SPACING_S)
        return await self._times_ms(names)

    async def burst(self, name: str, count: int) -> list[float]:
        """Milliseconds of `count` urgent tickets that are sent together."""
        names = [f"{name}-{number}" for number in range(count)]
        for number, ticket_id in enumerate(names):
            await self._send_urgent(ticket_id, number)
        return await self._times_ms(names)

    async def _times_ms(self, names: Sequence[str]) -> list[float]:
        """Of these tickets, when the events of all have come."""
        async with asyncio.timeout(STALL_S):
            while not self.times_ms.keys() >= set(names):
                self.arrived.clear()
                await self.arrived.wait()
        return [self.times_ms[ticket_id] for ticket_id in names]

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Take note of every event, for ever."""
        async for record in consumer:
            event = orjson.loads(record.value)
            if event["lane"] == "bulk":
                self.bulk_labelled += 1
            else:
                self.times_ms[event["ticket_id"]] = (
                    time.monotonic() - self.sent_at[event["ticket_id"]]
                ) * 1000
                self.arrived.set()

    async def _send_urgent(self, ticket_id: str, number: int) -> None:
        text = f"{COMPLAINTS[number % len(COMPLAINTS)]}, see {ticket_id}"
        self.sent_at[ticket_id] = time.monotonic()
        await self._send({"ticket_id": ticket_id, "body": text, "priority": "urgent"})

    async def _send_bulk(self, count: int) -> None:
        for _ in range(count):
            self.bulk_sent += 1
            await self._send(
                {"ticket_id": f"B-{self.bulk_sent}", "body": f"Please send invoice {self.bulk_sent}"}
            )

    async def _send(self, ticket: dict[str, str]) -> None:
        await self.producer.send(self.topics.input, orjson.dumps(ticket), partition=PARTITION)


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Both cases on one service. Raises TimeoutError where an urgent ticket's event does not come."""
    provider = simulator(directory, "--latency", str(LATENCY_S), "--tokens-per-s", str(TOKENS_PER_S))
    with running(provider):
        await provider.ready("/healthz")
        async with fresh_topics(bootstrap_servers) as topics:
            process = service(directory, topics, provider, {})
            with running(process):
                await process.ready("/readyz")
                async with a_desk(topics) as desk:
                    await desk.alone("warm-up", WARM_UP)
                    alone = await desk.alone("alone", size.tickets)
                    [burst] = await desk.behind(size.backlog, "burst", 1)
                    behind = await desk.behind(size.backlog, "behind", size.tickets)
    return Findings(title=_title(size), figures=_figures(alone, behind, burst))


@asynccontextmanager
async def a_desk(topics: Topics, isolation_level: str = "read_uncommitted") -> AsyncIterator[Desk]:
    """A desk on these topics; its events are those that a reader of this isolation level sees."""
    servers = topics.bootstrap_servers
    reader = AIOKafkaConsumer(
        topics.output,
        bootstrap_servers=servers,
        auto_offset_reset="earliest",
        isolation_level=isolation_level,
    )
    async with (
        AIOKafkaProducer(bootstrap_servers=servers) as producer,
        reader as consumer,
        asyncio.TaskGroup() as tasks,
    ):
        desk = Desk(topics=topics, producer=producer)
        following = tasks.create_task(desk.follow(consumer))
        yield desk
        following.cancel()


def _figures(alone: Sequence[float], behind: Sequence[float], burst: float) -> list[Figure]:
    figures = []
    for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        without, with_backlog = percentile(alone, share), percentile(behind, share)
        at_most = P99_AT_MOST if name == "p99" else None
        figures += [
            Figure(name=f"{name} alone", values=[without], unit="ms"),
            Figure(name=f"{name} behind the backlog", values=[with_backlog], unit="ms"),
            Figure(name=f"{name} behind to alone", values=[with_backlog / without], at_most=at_most),
        ]
    figures.append(Figure(name="one that arrives with the backlog itself", values=[burst], unit="ms"))
    return figures


def _title(size: Size) -> str:
    return (
        f"An urgent ticket's time: {size.tickets} alone, and {size.tickets} behind at least {size.backlog:,} "
        f"bulk tickets in their partition; {LATENCY_S} s and {TOKENS_PER_S} output tokens a second a call"
    )
