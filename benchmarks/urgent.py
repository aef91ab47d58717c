"""An urgent ticket's time, whatever waits before it in its own partition.

Each case has a service of its own, and so has the idle one, which has nothing else to do. They run side by
side, and urgent tickets go to them in turn: so the machine's moods, and what the load itself takes of the
machine, meet both. The cases:

* 10,000 and 40,000 bulk tickets before it, all of them read and waiting for calls;
* the provider's limit used up by bulk;
* 1,000,000 before it, twenty times what may be in flight: the look ahead must find it;
* a storm of tickets that the cache knows, at 80 % of the highest rate that this arrangement sustains. It and
  quiet take turns on one service, since a storm leaves little of the machine to anything beside it.

And those that are sent with a burst of 10,000 which the service has still to read.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.desk import Desk, a_desk, invoice
from benchmarks.figures import Figure, Findings, percentile
from benchmarks.kafka import PARTITIONS, fresh_topics
from benchmarks.processes import Process, running, service, simulator

WARM_UP = 5  # the first calls open connections
LATENCY_S = 0.3
TOKENS_PER_S = 100
MODES = ("at-least-once", "exactly-once")
ISOLATION = {"at-least-once": "read_uncommitted", "exactly-once": "read_committed"}
TURN_S = 0.05  # between two urgent tickets, which go to different services
BURST = 10_000
RATE_LIMIT = 900  # requests a minute: fewer than bulk would make, more than the urgent ones need
LIMITED_CALLS = 32  # so many at once make some 2,000 a minute
STORM_SHARE = 0.8
STORM_TEXTS = 500
STORM_TICK_S = 0.1
STORM_BLOCK_S = 5.0
SETTLE_S = 2.0  # until what a storm has left is done
TRANSACTIONS = 100
FOUND_AT_MOST_S = 60.0  # the first of all, from the start of a service that has the whole backlog before it
READ_WITHIN_S = 5 * FOUND_AT_MOST_S  # then it hangs
RELATIVE, MORE_MS = 1.1, 10.0  # what an urgent ticket's p99 may be: so many times idle's, and so much more


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`tickets` urgent ones in each case; `unread` bulk ones beyond what may be in flight."""

    tickets: int = 150
    backlogs: Sequence[int] = (10_000, 40_000)
    unread: int = 1_000_000
    modes: Sequence[str] = MODES


@dataclass(slots=True, kw_only=True)
class Case:
    """Milliseconds of urgent tickets by what stood before them, and of their neighbours with nothing."""

    loaded_ms: Sequence[float]
    idle_ms: Sequence[float]


@dataclass(slots=True, kw_only=True)
class Measured:
    """What one delivery mode showed."""

    cases: dict[str, Case] = field(default_factory=dict)
    burst_ms: list[float] = field(default_factory=list)
    found_ms: float = 0.0
    transaction_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Where services and desks are opened, on one Kafka."""

    bootstrap_servers: str
    directory: Path
    mode: str

    @asynccontextmanager
    async def open(
        self, *, unread: int = 0, provider: Sequence[str] = (), **settings: Mapping[str, Any]
    ) -> AsyncIterator[tuple[Desk, Process]]:
        """A desk before a service and a provider of its own; `unread` bulk tickets stand there before."""
        async with AsyncExitStack() as stack:
            topics = await stack.enter_async_context(fresh_topics(self.bootstrap_servers))
            options = ("--latency", str(LATENCY_S), "--tokens-per-s", str(TOKENS_PER_S), *provider)
            simulated = simulator(self.directory, *options, name=f"simulator-{topics.group_id}")
            await stack.enter_context(running(simulated)).ready("/healthz")
            desk = await stack.enter_async_context(a_desk(topics, ISOLATION[self.mode]))
            await desk.send_bulk(unread, invoice)
            merged = {**settings, "kafka": {"delivery": self.mode}}
            process = stack.enter_context(running(service(self.directory, topics, simulated, merged)))
            await process.ready("/readyz")
            yield desk, process


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Every case in each mode. Raises TimeoutError where an urgent ticket's event does not come."""
    figures: list[Figure] = []
    for mode in size.modes:
        office = Office(bootstrap_servers=bootstrap_servers, directory=directory, mode=mode)
        figures += _figures(mode, await _measure(office, size))
    return Findings(title=_title(size), figures=figures)


async def _measure(office: Office, size: Size) -> Measured:
    found = Measured()
    async with office.open() as (idle, process):
        await idle.alone("warm-up", WARM_UP)
        if office.mode == "exactly-once":
            found.transaction_ms = await _transactions(idle)
        await _backlogs(office, idle, size, found)
        await _unread(office, idle, size, found)
        found.cases["a cached storm"] = await _storm(idle, process, size)
    return found


async def _backlogs(office: Office, idle: Desk, size: Size, found: Measured) -> None:
    limit = ("--rpm", str(RATE_LIMIT), "--burst", "10")
    async with AsyncExitStack() as stack:
        desks: dict[str, Desk] = {}
        for backlog in size.backlogs:
            name = f"{backlog:,} waiting"
            desks[name], _ = await stack.enter_async_context(office.open())
            for burst in range(BURST, backlog + BURST, BURST):
                await desks[name].top_up(min(burst, backlog))
                found.burst_ms += await desks[name].burst(f"burst-{burst}", 1)
        desks["limit used up"], _ = await stack.enter_async_context(
            office.open(provider=limit, llm={"concurrency": LIMITED_CALLS})
        )
        await desks["limit used up"].top_up(BURST)
        await desks["limit used up"].alone("warm-up", WARM_UP)
        found.cases |= await _in_turn(idle, desks, size.tickets)


async def _unread(office: Office, idle: Desk, size: Size, found: Measured) -> None:
    async with office.open(unread=size.unread) as (desk, _):
        began_s = time.monotonic()
        await desk.send_urgent("first")
        await desk.come(["first"], within_s=READ_WITHIN_S)
        found.found_ms = (time.monotonic() - began_s) * 1000
        _tell(f"the first behind {size.unread:,}: {found.found_ms / 1000:.1f} s")
        found.cases |= await _in_turn(idle, {f"{size.unread:,} unread": desk}, size.tickets)


async def _in_turn(idle: Desk, desks: Mapping[str, Desk], tickets: int) -> dict[str, Case]:
    """Urgent tickets to the idle service and to each of the others, one after another."""
    first = len(idle.sent_at)
    names = [f"in-turn-{number}" for number in range(first, first + tickets)]
    for name in names:
        for desk in (idle, *desks.values()):
            await desk.send_urgent(name)
            await asyncio.sleep(TURN_S)
    idle_ms = await idle.come(names)
    cases = {title: Case(loaded_ms=await desk.come(names), idle_ms=idle_ms) for title, desk in desks.items()}
    for title, case in cases.items():
        _tell(f"{title}: p99 {percentile(case.loaded_ms, 0.99):.0f} ms, idle {percentile(idle_ms, 0.99):.0f}")
    return cases


async def _storm(desk: Desk, process: Process, size: Size) -> Case:
    """Blocks of quiet and of storm in turn, until there are enough urgent tickets of each."""
    await _storm_for(desk, 2.0, rate=STORM_TEXTS)  # every text is known from now on
    highest = await _storm_for(desk, STORM_BLOCK_S, rate=None)
    _tell(f"cached storm: at most {highest:,.0f} tickets/s")
    quiet: list[str] = []
    stormy: list[str] = []
    while len(stormy) < size.tickets:
        await desk.labelled(desk.bulk_sent)
        await asyncio.sleep(SETTLE_S)
        quiet += await _urgent_for(desk, STORM_BLOCK_S)
        storm = asyncio.create_task(_storm_for(desk, STORM_BLOCK_S, rate=STORM_SHARE * highest))
        stormy += await _urgent_for(desk, STORM_BLOCK_S)
        await storm
    case = Case(loaded_ms=await desk.come(stormy), idle_ms=await desk.come(quiet))
    _tell(f"storm: {percentile(case.loaded_ms, 0.99):.0f} ms, {percentile(case.idle_ms, 0.99):.0f} in quiet")
    return case


async def _storm_for(desk: Desk, seconds: float, *, rate: float | None) -> float:
    """Known tickets in all partitions, so many a second, or as many as are labelled meanwhile (None).
    Returned is how many a second were labelled."""
    began_s, labelled, sent = time.monotonic(), desk.bulk_labelled, 0
    while (elapsed_s := time.monotonic() - began_s) < seconds:
        waiting = desk.bulk_sent - desk.bulk_labelled
        due = round(rate * (elapsed_s + STORM_TICK_S)) - sent if rate else max(2 * BURST - waiting, 0)
        for partition in range(PARTITIONS):
            await desk.send_bulk(due // PARTITIONS, _known, partition)
        sent += due // PARTITIONS * PARTITIONS
        await asyncio.sleep(max(began_s + elapsed_s + STORM_TICK_S - time.monotonic(), 0.001))
    return (desk.bulk_labelled - labelled) / (time.monotonic() - began_s)


async def _urgent_for(desk: Desk, seconds: float) -> list[str]:
    """Urgent tickets for so long; returned are their names."""
    names: list[str] = []
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        names.append(f"storm-{len(desk.sent_at)}")
        await desk.send_urgent(names[-1])
        await asyncio.sleep(2 * TURN_S)
    return names


def _known(number: int) -> bytes:
    return STORM_VALUES[number % STORM_TEXTS]


STORM_VALUES = [
    orjson.dumps({"ticket_id": f"S-{n}", "body": f"The export of report {n} stops. " * 20})
    for n in range(STORM_TEXTS)
]


async def _transactions(desk: Desk) -> list[float]:
    """Milliseconds of transactions of one record, on the same brokers, one after another."""
    times_ms = []
    name = f"{desk.topics.group_id}-probe"
    producer = AIOKafkaProducer(bootstrap_servers=desk.topics.bootstrap_servers, transactional_id=name)
    async with producer:
        for _ in range(TRANSACTIONS):
            began_s = time.monotonic()
            async with producer.transaction():
                await producer.send_and_wait(desk.topics.dead_letters, b"probe")
            times_ms.append((time.monotonic() - began_s) * 1000)
    return times_ms


def _figures(mode: str, found: Measured) -> list[Figure]:
    transaction_ms = percentile(found.transaction_ms, 0.99) if found.transaction_ms else 0.0
    figures = [
        Figure(name=f"{mode}: {name}, {part}", values=[percentile(times, share)], unit="ms")
        for title, case in found.cases.items()
        for name, times in ((title, case.loaded_ms), (f"idle beside {title}", case.idle_ms))
        for part, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    ]
    for title, case in found.cases.items():
        allowed = RELATIVE * percentile(case.idle_ms, 0.99) + MORE_MS + transaction_ms
        part = percentile(case.loaded_ms, 0.99) / allowed
        figures.append(Figure(name=f"{mode}: {title}, p99 to what is allowed", values=[part], at_most=1.0))
    return [
        *figures,
        Figure(name=f"{mode}: with a burst of {BURST:,} unread", values=found.burst_ms, unit="ms"),
        Figure(
            name=f"{mode}: the first of all behind the unread, from the start",
            values=[found.found_ms / 1000],
            unit="s",
            at_most=FOUND_AT_MOST_S,
        ),
        *(
            [Figure(name=f"{mode}: a transaction, p99", values=[transaction_ms], unit="ms")]
            if found.transaction_ms
            else []
        ),
    ]


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _title(size: Size) -> str:
    return (
        f"An urgent ticket's time: {size.tickets} in each case, beside as many with nothing before them; "
        f"{LATENCY_S} s and {TOKENS_PER_S} output tokens a second a call. Allowed: {RELATIVE} times idle's "
        f"p99 and {MORE_MS:.0f} ms, in exactly-once one transaction's p99 more"
    )
