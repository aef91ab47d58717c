"""Tickets that flow while a test does something to members or brokers, and what came of them."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
from aiokafka import AIOKafkaProducer

from tests.broker.service_process import Member
from tests.broker.stream import Stream, ticket
from tests.patience import ASK_EVERY_S, until

EVERY_S = 0.02  # a ticket: a call under way at nearly any moment
MOVED = 5  # commits beyond it in every partition: it goes on, and was not only finishing


@dataclass(slots=True)
class Flow:
    """Tickets that are written one after another, whatever becomes of the brokers."""

    stream: Stream
    patience_s: float  # a batch is given up after it where its partition has no leader
    count: int = 0

    async def run(self, stop: asyncio.Event) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.stream.bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=round(self.patience_s * 1000),
        ) as producer:
            sent = []
            while not stop.is_set():
                number, self.count = self.count, self.count + 1
                partition = number % self.stream.partitions
                sent.append(await producer.send(self.stream.tickets, ticket(number), partition=partition))
                await asyncio.sleep(EVERY_S)
            await asyncio.gather(*sent)

    async def goes_on(self, *members: Member) -> float:
        """Wait until these members have committed every partition beyond where it is now; returned is how
        long that took, in seconds."""
        began, before = time.monotonic(), await _committed(*members)

        async def moved() -> bool:
            now = await _committed(*members)
            return len(now) == self.stream.partitions and all(now[p] > before[p] + MOVED for p in now)

        await until(moved, look_s=ASK_EVERY_S)
        return time.monotonic() - began


@asynccontextmanager
async def flowing(stream: Stream, patience_s: float = 100.0) -> AsyncIterator[Flow]:
    """Tickets flow while the block runs; at its end all are acknowledged."""
    flow, stop = Flow(stream, patience_s), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(flow.run(stop))
        try:
            yield flow
        finally:
            stop.set()


async def came(stream: Stream) -> Counter[int]:
    """How often each ticket came out, once all is done."""
    await stream.settled()
    return Counter(int(event["ticket_id"]) for event in await stream.events())


def repeats(times: Counter[int]) -> int:
    return times.total() - len(times)


async def _committed(*members: Member) -> Counter[str]:
    """By partition, how far the members have committed."""
    positions: Counter[str] = Counter()
    for member in members:
        with suppress(httpx.TransportError):  # it has only been started, or is gone
            for name, value in (await member.metrics()).items():
                if name.startswith("committed_offset"):
                    positions[name] = max(positions[name], round(value))
    return positions
