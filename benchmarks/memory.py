"""How much memory the service takes with a million tickets waiting behind a provider that is far too slow.

Every ticket has a text of its own, so that no two share a call. The service reads up to the bounds of what
may be in flight and pauses its partitions; from then on its memory must not grow. At the end it is killed,
and what it had published beyond its last commit, and a restart would publish again, is counted.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from aiokafka import TopicPartition

from benchmarks.figures import Figure, Findings
from benchmarks.hot_path import TICKET_BYTES, made_ticket
from benchmarks.kafka import PARTITIONS, Keyed, Topics, fill, fresh_topics
from benchmarks.processes import Process, running, service, simulator
from stream_classifier.core.finished_map import decode
from tests.broker.stream import read_to
from tests.brokers.client import admin_of, end_offsets

LATENCY_S = 15.0  # ten times what a call usually takes
CALLS, BATCH_TICKETS = 8, 10  # the defaults of llm.concurrency and batch.max_tickets
RSS_AT_MOST_MIB = 250
GROWTH_AT_MOST_MIB = 10  # between the middle and the end of the time at the bounds
FILL_TICKETS = 50_000  # at a time, so that the tickets are on the broker and not in this process
SAMPLE_S = 1.0
TELL_SAMPLES = 10  # a line on the way for every so many samples
BOUNDS_WAIT_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """So many tickets wait; `held_s` is the time watched after the bounds are reached."""

    tickets: int = 1_000_000
    held_s: float = 120.0
    delivery: str = "at-least-once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The service at one moment, `at_s` seconds after the first."""

    at_s: float
    rss_mib: float
    in_flight: float
    paused: float


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Watch one service. Raises TimeoutError where it does not reach its bounds."""
    with running(simulator(directory, "--latency", str(LATENCY_S))) as provider:
        await provider.ready("/healthz")
        async with fresh_topics(bootstrap_servers) as topics:
            await _fill(topics, size.tickets)
            process = service(directory, topics, provider, _settings(directory, size))
            with running(process):
                await process.ready("/readyz")
                filling = [sample async for sample in _until_paused(process)]
                held = [sample async for sample in _for_a_time(process, size.held_s)]
                figures = [
                    *_memory(filling, held),
                    _one("in-flight bytes", await process.metric("in_flight_bytes") / 2**20, "MiB"),
                    _one("lost its partitions", await _rebalances(process), "times", at_most=0),
                ]
                await asyncio.to_thread(process.kill)
            figures += await _repeats(topics)
    return Findings(title=_title(size), figures=figures)


def _settings(directory: Path, size: Size) -> dict[str, dict[str, Any]]:
    cache = {"backend": "sqlite", "path": str(directory / f"memory-cache-{size.delivery}.db")}
    return {
        "kafka": {"delivery": size.delivery},
        "cache": cache,
        "llm": {"concurrency": CALLS},
        "batch": {"max_tickets": BATCH_TICKETS},
    }


async def _fill(topics: Topics, tickets: int) -> None:
    for first in range(0, tickets, FILL_TICKETS):
        await fill(
            topics.bootstrap_servers, topics.input, _tickets(first, min(first + FILL_TICKETS, tickets))
        )
        _tell(f"{min(first + FILL_TICKETS, tickets):,} tickets written")


def _tickets(first: int, end: int) -> Iterator[Keyed]:
    return (made_ticket(number, number) for number in range(first, end))


async def _until_paused(process: Process) -> AsyncIterator[Sample]:
    """Samples until every partition is paused at the bounds."""
    async for sample in _samples(process):
        yield sample
        if sample.paused == PARTITIONS:
            return
        if sample.at_s > BOUNDS_WAIT_S:
            raise TimeoutError(f"{sample.in_flight:,.0f} tickets in flight, and the partitions do not pause")


async def _for_a_time(process: Process, held_s: float) -> AsyncIterator[Sample]:
    async for sample in _samples(process):
        yield sample
        if sample.at_s >= held_s:
            return


async def _samples(process: Process) -> AsyncIterator[Sample]:
    """One every `SAMPLE_S`, for ever; some are told on the way."""
    began_s = time.monotonic()
    for number in count():
        sample = Sample(
            at_s=time.monotonic() - began_s,
            rss_mib=process.rss_mib(),
            in_flight=await process.metric("in_flight_tickets"),
            paused=await process.metric("partitions_paused", reason="bounds"),
        )
        if number % TELL_SAMPLES == 0:
            _tell(
                f"{sample.at_s:4.0f} s: {sample.rss_mib:.0f} MiB, {sample.in_flight:,.0f} tickets in flight"
            )
        yield sample
        await asyncio.sleep(SAMPLE_S)


def _memory(filling: Sequence[Sample], held: Sequence[Sample]) -> list[Figure]:
    rss = [sample.rss_mib for sample in (*filling, *held)]
    growth = held[-1].rss_mib - held[len(held) // 2].rss_mib
    return [
        Figure(name="resident memory", values=rss, unit="MiB"),
        _one("the most of it", max(rss), "MiB", at_most=RSS_AT_MOST_MIB),
        _one("its growth in the second half at the bounds", growth, "MiB", at_most=GROWTH_AT_MOST_MIB),
        _one("time to the bounds", filling[-1].at_s, "s"),
        _one("tickets in flight, at the most", max(sample.in_flight for sample in held)),
    ]


async def _rebalances(process: Process) -> float:
    """How often the service has lost or given up its partitions."""
    kinds = ("revoked", "lost")
    return sum([await process.metric("rebalances_total", kind=kind) for kind in kinds])


async def _repeats(topics: Topics) -> list[Figure]:
    """What was published, and how much of it no commit knows of. One round of calls may be under way
    between the broker's acknowledgement and the commit."""
    servers = topics.bootstrap_servers
    records = await read_to(servers, topics.output, await end_offsets(servers, topics.output, PARTITIONS))
    sources = [orjson.loads(record.value or b"")["source"] for record in records]
    marks = await _marks(topics)
    repeats = sum(not _is_done(marks, source["partition"], source["offset"]) for source in sources)
    return [
        _one("published", len(records), "tickets", at_least=1),
        _one("a restart would repeat", repeats, "tickets", at_most=CALLS * BATCH_TICKETS),
    ]


Marks = dict[int, tuple[int, Sequence[tuple[int, int]]]]
"""By partition, the committed position and the finished runs beyond it."""


async def _marks(topics: Topics) -> Marks:
    tps = [TopicPartition(topics.input, number) for number in range(PARTITIONS)]
    async with admin_of(topics.bootstrap_servers) as admin:
        found = await admin.list_consumer_group_offsets(topics.group_id, partitions=tps)
    return {
        tp.partition: (mark.offset, decode(tp.topic, tp.partition, mark.offset, mark.metadata))
        for tp, mark in found.items()
    }


def _is_done(marks: Marks, partition: int, offset: int) -> bool:
    position, runs = marks[partition]
    return offset < position or any(first <= offset < end for first, end in runs)


def _one(
    name: str, value: float, unit: str = "", *, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    return Figure(name=name, values=[value], unit=unit, at_least=at_least, at_most=at_most)


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _title(size: Size) -> str:
    return (
        f"Memory: {size.tickets:,} tickets of {TICKET_BYTES} bytes wait, each with a text of its own; "
        f"{CALLS} calls at once of up to {BATCH_TICKETS} texts take {LATENCY_S:.0f} s each; "
        f"{size.delivery}"
    )
