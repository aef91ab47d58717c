"""A rolling restart of three replicas under load: how long a partition stands still, and what comes twice.

Three ways of replacing them are tried, as a Deployment's `maxSurge` and `maxUnavailable` say: a new one and
then the old one, in turn (1, 0); the old one and then a new one, in turn (0, 1); all new ones at once and
then the old ones (100 %, 0). A new replica counts as available when it is ready and `MIN_READY_S` have gone
by, as `minReadySeconds` has it.

The service runs with its defaults but for Redis, as several replicas should. The load goes on all the time:
bulk tickets and urgent ones, each with a text of its own, spread over all partitions. A partition's
standstill is the longest time between two of its events at a consumer who reads what is committed; the same
is measured before the restart, over as long a time, since a batch also takes its time.
"""

import asyncio
import itertools
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.figures import Figure, Findings, percentile
from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.redis import RealRedis, find_redis
from tests.patience import until

REPLICAS = 3
PARTITIONS = 12
MIN_READY_S = 5.0
TICK_S = 0.05
WARM_UP_S = 8.0
BEFORE_S = 40.0  # about as long as a restart takes
AVAILABLE_WITHIN_S = 120.0  # many times what it takes; then it hangs
AFTER_S = 5.0  # what the last rebalance holds up belongs to the restart
PROVIDER = SimulatorOptions(latency_s=0.3, tokens_per_s=100, jitter=0.3)
DEFAULTS: dict[str, Any] = {
    "kafka__commit_interval_s": 0.5,
    "kafka__session_timeout_s": 20,
    "kafka__rebalance_timeout_s": 30,
    "kafka__drain_s": 5,
    "batch__max_wait_s": 2.0,
}
MODES = ("at-least-once", "exactly-once")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Tickets a second, and the ways and modes that are tried."""

    bulk_per_s: float = 60
    urgent_per_s: float = 6
    ways: tuple[str, ...] = ("in turn, new first", "in turn, old first", "together")
    modes: tuple[str, ...] = MODES


@dataclass(slots=True, kw_only=True)
class Desk:
    """Sends tickets at a pace, and notes when each event comes. Times are of the monotonic clock."""

    stream: Stream
    producer: AIOKafkaProducer
    urgent_sent_s: dict[str, float] = field(default_factory=dict)  # by ticket
    urgent_ms: dict[str, float] = field(default_factory=dict)  # by ticket
    came_s: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # by partition
    events: Counter[str] = field(default_factory=Counter)  # how often each came
    sent: int = 0

    async def send(self, size: Size) -> None:
        """For ever."""
        began_s, urgent = time.monotonic(), 0
        while True:
            elapsed_s = time.monotonic() - began_s
            while urgent < elapsed_s * size.urgent_per_s:
                urgent += 1
                await self._send(priority="urgent")
            while self.sent - urgent < elapsed_s * size.bulk_per_s:
                await self._send()
            await asyncio.sleep(TICK_S)

    async def _send(self, **more: str) -> None:
        number = self.sent
        self.sent += 1
        if more:
            self.urgent_sent_s[str(number)] = time.monotonic()
        await self.producer.send(self.stream.tickets, ticket(number, **more), partition=number % PARTITIONS)

    async def follow(self, consumer: AIOKafkaConsumer) -> None:
        """Take note of every event, for ever."""
        async for record in consumer:
            event, now = orjson.loads(record.value), time.monotonic()
            self.events[event["event_id"]] += 1
            self.came_s[event["source"]["partition"]].append(now)
            sent_s = self.urgent_sent_s.get(event["ticket_id"])
            if sent_s is not None:
                self.urgent_ms.setdefault(event["ticket_id"], (now - sent_s) * 1000)

    def standstill_s(self, first_s: float, last_s: float) -> float:
        """The longest time without an event of a partition between two moments, of all partitions."""
        return max(_longest_gap(came, first_s, last_s) for came in self.came_s.values())

    def urgent_sent_between(self, first_s: float, last_s: float) -> list[float]:
        """Milliseconds of the urgent tickets that were sent between two moments."""
        return [
            self.urgent_ms[name] for name, sent_s in self.urgent_sent_s.items() if first_s <= sent_s <= last_s
        ]


@dataclass(slots=True)
class Measured:
    """One restart."""

    took_s: float
    before_s: float
    standstill_s: float
    urgent_before_ms: Sequence[float]
    urgent_ms: Sequence[float]
    revocations: int
    lost: int
    repeats: int
    paid_twice: int


Replace = Callable[[Stream, Sequence[Member]], Awaitable[None]]


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Each way in each mode, one after the other. Raises TimeoutError where one hangs."""
    found: dict[str, Measured] = {}
    for mode, way in itertools.product(size.modes, size.ways):
        folder = directory / f"restart-{len(found)}"
        folder.mkdir()
        with RealRedis(folder, find_redis()) as redis:
            settings = DEFAULTS | {"kafka__delivery": mode, "cache": {"backend": "redis", "url": redis.url}}
            async with a_stream(
                bootstrap_servers, folder, partitions=PARTITIONS, provider=PROVIDER, **settings
            ) as stream:
                found[f"{mode}, {way}"] = await _restart(stream, WAYS[way], size)
    return Findings(title=_title(size), figures=[f for name, m in found.items() for f in _figures(name, m)])


async def _restart(stream: Stream, replace: Replace, size: Size) -> Measured:
    old = [await stream.working_member() for _ in range(REPLICAS)]
    async with a_desk(stream) as desk, asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(desk.send(size))
        await asyncio.sleep(WARM_UP_S)
        calm_s = time.monotonic()
        await asyncio.sleep(BEFORE_S)
        began_s, revoked = time.monotonic(), _revocations(stream)
        await replace(stream, old)
        ended_s = time.monotonic()
        await asyncio.sleep(AFTER_S)
        over_s = time.monotonic()
        sending.cancel()
        await desk.producer.flush()
        await stream.settled()
        await until(lambda: len(desk.events) >= desk.sent)
        return Measured(
            took_s=ended_s - began_s,
            before_s=desk.standstill_s(calm_s, began_s),
            standstill_s=desk.standstill_s(began_s, over_s),
            urgent_before_ms=desk.urgent_sent_between(calm_s, began_s),
            urgent_ms=desk.urgent_sent_between(began_s, over_s),
            revocations=_revocations(stream) - revoked,
            lost=desk.sent - len(desk.events),
            repeats=desk.events.total() - len(desk.events),
            paid_twice=stream.tickets_asked - desk.sent,
        )


@asynccontextmanager
async def a_desk(stream: Stream) -> AsyncIterator[Desk]:
    """A desk that reads from here on what is committed."""
    reader = AIOKafkaConsumer(
        stream.labels,
        bootstrap_servers=stream.bootstrap_servers,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with (
        AIOKafkaProducer(bootstrap_servers=stream.bootstrap_servers) as producer,
        reader as consumer,
        asyncio.TaskGroup() as tasks,
    ):
        desk = Desk(stream=stream, producer=producer)
        following = tasks.create_task(desk.follow(consumer))
        yield desk
        following.cancel()


async def _new_first(stream: Stream, old: Sequence[Member]) -> None:
    for member in old:
        await _available(await stream.member())
        await _stop(member)


async def _old_first(stream: Stream, old: Sequence[Member]) -> None:
    for member in old:
        await _stop(member)
        await _available(await stream.member())


async def _together(stream: Stream, old: Sequence[Member]) -> None:
    async def replace(one: Member, by: Member) -> None:
        await _available(by)
        await _stop(one)

    new = [await stream.member() for _ in old]
    async with asyncio.TaskGroup() as tasks:
        for one, by in zip(old, new, strict=True):
            tasks.create_task(replace(one, by))


WAYS: dict[str, Replace] = {
    "in turn, new first": _new_first,
    "in turn, old first": _old_first,
    "together": _together,
}


async def _available(member: Member) -> None:
    """Wait until it has been ready for `MIN_READY_S`."""
    await until(lambda: _is_ready(member), AVAILABLE_WITHIN_S)
    await asyncio.sleep(MIN_READY_S)


async def _is_ready(member: Member) -> bool:
    try:
        return (await member.get("/readyz")).is_success
    except httpx.TransportError:
        return False


async def _stop(member: Member) -> None:
    member.tell(signal.SIGTERM)
    status = await member.exited()
    if status != 0:
        raise RuntimeError(f"{member.name} ended with status {status}")


def _revocations(stream: Stream) -> int:
    """How often a replica has had its partitions taken away."""
    return sum(len(member.logged("partitions_revoked")) for member in stream.members)


def _longest_gap(came_s: Sequence[float], first_s: float, last_s: float) -> float:
    within = [first_s, *(at for at in came_s if first_s < at < last_s), last_s]
    return max(after - before for before, after in itertools.pairwise(within))


def _figures(name: str, m: Measured) -> list[Figure]:
    before, during = percentile(m.urgent_before_ms, 0.99), percentile(m.urgent_ms, 0.99)
    return [
        Figure(name=f"{name}: took", values=[m.took_s], unit="s"),
        Figure(name=f"{name}: a partition's longest standstill before", values=[m.before_s], unit="s"),
        Figure(name=f"{name}: a partition's longest standstill during", values=[m.standstill_s], unit="s"),
        Figure(name=f"{name}: urgent p99 before", values=[before], unit="ms"),
        Figure(name=f"{name}: urgent p99 during", values=[during], unit="ms"),
        Figure(name=f"{name}: urgent max during", values=[max(m.urgent_ms)], unit="ms"),
        Figure(name=f"{name}: partitions taken from a replica", values=[m.revocations], unit="times"),
        Figure(name=f"{name}: lost", values=[m.lost], unit="tickets", at_most=0),
        Figure(name=f"{name}: published twice", values=[m.repeats], unit="events", at_most=0),
        Figure(name=f"{name}: paid for twice", values=[m.paid_twice], unit="tickets"),
    ]


def _title(size: Size) -> str:
    return (
        f"A rolling restart of {REPLICAS} replicas with {PARTITIONS} partitions, under {size.bulk_per_s:g} "
        f"bulk and {size.urgent_per_s:g} urgent tickets a second; {PROVIDER.latency_s} s and "
        f"{PROVIDER.tokens_per_s:g} output tokens a second a call"
    )
