"""What a scrape of `/metrics` costs the service: at rest by itself, and under load beside none.

At rest nothing else uses the processor, so its time over many scrapes is theirs. Under load rounds with a
scrape a second follow rounds without one, over the same tickets that the cache knows: the heaviest load that
the event loop has, scraped fifteen times as often as Prometheus usually does.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.figures import Figure, Findings, percentile
from benchmarks.hot_path import made_ticket
from benchmarks.kafka import PARTITIONS, Ends, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service, simulator

AT_REST = 200  # scrapes: their processor time is far above the clock's tick of 10 ms
EVERY_S = 1.0
CPU_MS_MAX = 20.0  # a poll's records are as long in the loop
KEPT_RATE_MIN = 0.85  # rounds differ by as much of themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: `tickets` a round with so many distinct texts among them."""

    rounds: int = 5
    tickets: int = 60_000
    texts: int = 2_000


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was measured, a value a round or a scrape."""

    rates: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})  # by scraped or not
    cpu_ms: list[float] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    size_bytes: int = 0
    samples: int = 0


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Alternate rounds without and with scrapes."""
    seen = Seen()
    with running(simulator(directory, "--latency", "0", "--tokens-per-s", "1000000")) as provider:
        await provider.ready("/healthz")
        for _ in range(size.rounds):
            for scraped in (False, True):
                async with fresh_topics(bootstrap_servers) as topics, the_ends(bootstrap_servers) as ends:
                    process = service(directory, topics, provider, {"batch": {"max_tickets": 50}})
                    await fill(topics.bootstrap_servers, topics.input, _tickets(0, size.texts, size))
                    with running(process):
                        await ends.reached(size.texts, topics.output)
                        await _at_rest(process, seen)
                        process.freeze()
                        more = _tickets(size.texts, size.tickets, size)
                        await fill(topics.bootstrap_servers, topics.input, more)
                        process.thaw()
                        seen.rates[scraped].append(
                            await _under_load(process, ends, topics.output, size, seen if scraped else None)
                        )
    return Findings(title=_title(size), figures=_figures(seen))


def _tickets(first: int, count: int, size: Size) -> Iterator[tuple[bytes, bytes]]:
    return (made_ticket(number, number % size.texts) for number in range(first, first + count))


async def _at_rest(process: Process, seen: Seen) -> None:
    """Scrape again and again, and take the processor time for theirs; what the service does anyway in the
    same time, a thousandth of it, too."""
    async with httpx.AsyncClient(base_url=process.url) as client:
        body = (await client.get("/metrics")).raise_for_status().text
        began_s = process.cpu_s()
        for _ in range(AT_REST):
            await client.get("/metrics")
        seen.cpu_ms.append((process.cpu_s() - began_s) / AT_REST * 1000)
    seen.size_bytes = len(body.encode())
    seen.samples = sum(len(family.samples) for family in text_string_to_metric_families(body))


async def _under_load(process: Process, ends: Ends, topic: str, size: Size, seen: Seen | None) -> float:
    """Tickets a second until the last is out; scraped meanwhile where there is a `seen` to tell."""
    began_s = time.monotonic()
    scraping = asyncio.create_task(_scrape(process, seen)) if seen is not None else None
    await ends.reached(size.texts + size.tickets, topic)
    seconds = time.monotonic() - began_s
    if scraping is not None:
        scraping.cancel()
        with suppress(asyncio.CancelledError):
            await scraping
    return size.tickets / seconds


async def _scrape(process: Process, seen: Seen) -> None:
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        while True:
            began_s = time.monotonic()
            (await client.get("/metrics")).raise_for_status()
            seen.took_ms.append((time.monotonic() - began_s) * 1000)
            await asyncio.sleep(EVERY_S)


def _figures(seen: Seen) -> list[Figure]:
    kept = [scraped / alone for alone, scraped in zip(seen.rates[False], seen.rates[True], strict=True)]
    return [
        Figure(name="processor time a scrape, at rest", values=seen.cpu_ms, unit="ms", at_most=CPU_MS_MAX),
        Figure(name="size of the answer", values=[seen.size_bytes / 1024], unit="KiB"),
        Figure(name="samples", values=[seen.samples]),
        Figure(name="time of a scrape under load, p50", values=[percentile(seen.took_ms, 0.5)], unit="ms"),
        Figure(name="time of a scrape under load, worst", values=[max(seen.took_ms)], unit="ms"),
        Figure(name="rate without scrapes", values=seen.rates[False], unit="tickets/s"),
        Figure(name="rate with a scrape a second", values=seen.rates[True], unit="tickets/s"),
        Figure(name="part of the rate that is kept", values=kept, at_least=KEPT_RATE_MIN),
    ]


def _title(size: Size) -> str:
    return (
        f"A scrape of /metrics: {size.rounds} rounds of {size.tickets:,} tickets that the cache knows, on "
        f"{PARTITIONS} partitions"
    )
