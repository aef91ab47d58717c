"""Tickets that the cache knows: the whole service against the bare loop.

Each round starts the loop or the service anew, lets it work through the distinct texts once, pauses it,
fills the topic with tickets that carry those texts in no order, and measures from the moment it goes on to
the end of its work. Both then have the broker on the same cores to themselves. A round of each variant
follows one of the others, so that a change of the machine's mood meets all.

How the texts come to be known, by variant:

* Of 2,000 texts the service asks a provider without latency before the clock runs, so its memory is warm.
* 20,000 stand in a cache file (`known_texts`); the service reads each of them once before the clock runs, so
  that its memory is warm, too.
* 1,000,000 stand in a cache file, and of those in the measured tickets the service has met none: nearly each
  ticket is looked up in the file, as after a restart.

The end of a round is the last output record; exactly-once, where markers stand among the records, the group's
own position, which moves with the transaction that publishes.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.figures import Figure, Findings
from benchmarks.kafka import PARTITIONS, Ends, Topics, committed, fill, fresh_topics, the_ends
from benchmarks.known_texts import cache_settings, write_known
from benchmarks.processes import Process, running, service, simulator
from tests.brokers.redis import RealRedis, find_redis

TICKET_BYTES = 1024
EVENT_BYTES = 780  # what the service writes for one of these tickets
AT_LEAST = 1.8  # of the bare loop's rate
AT_LEAST_MANY_TEXTS = 1.2  # where a good part of the tickets are the first of their text, or as good as that
AT_LEAST_EXACTLY_ONCE = 1.5  # of the bare loop, which publishes at least once
WORK_S = 120.0  # many times what a round takes; then it hangs

BARE = "bare loop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: `tickets` a round; and how many texts there are where they are many."""

    rounds: int = 5
    tickets: int = 100_000
    texts: int = 2_000
    more_texts: int = 20_000
    many_texts: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variant:
    """One way to run. `texts` are those that the tickets have, `warm` how many of them are worked through
    before the clock runs; `settings` are None for the bare loop."""

    name: str
    texts: int
    warm: int
    settings: Mapping[str, Any] | None
    at_least: float | None = None

    @property
    def exactly_once(self) -> bool:
        """Whether it publishes in transactions."""
        return self.settings is not None and "kafka" in self.settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one process did with one topic."""

    seconds: float
    cpu_s: float
    tickets: int
    known: int = 0  # tickets that were answered from the cache
    rss_mib: float = 0.0  # at its end

    @property
    def rate(self) -> float:
        """Tickets a second."""
        return self.tickets / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of processor time a ticket, the broker's not counted."""
        return self.cpu_s / self.tickets * 1e6


def made_ticket(number: int, text: int) -> tuple[bytes, bytes]:
    """Key and value of a ticket of `TICKET_BYTES` whose text is the one of this number."""
    ticket = {
        "ticket_id": f"T-{number:09}",
        "subject": f"Export {text:06} does not finish",
        "body": "",
        "priority": "normal",
        "tenant": "acme",
        "channel": "email",
        "created_at": "2026-01-05T08:00:00Z",
    }
    room = TICKET_BYTES - len(orjson.dumps(ticket))
    ticket["body"] = (f"The export of report {text:06} stops after a minute and says nothing. " * 20)[:room]
    return ticket["ticket_id"].encode(), orjson.dumps(ticket)


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Alternate the bare loop and the service's variants over `size.rounds` rounds."""
    file = directory / "known.db"
    await write_known(file, size.many_texts, made_ticket)
    quick = simulator(directory, "--latency", "0", "--tokens-per-s", "1000000")
    with RealRedis(directory, find_redis()) as redis, running(quick) as provider:
        variants = _variants(size, directory, file, redis.url)
        rounds: dict[Variant, list[Round]] = {variant: [] for variant in variants}
        await provider.ready("/healthz")
        for number in range(size.rounds):
            for variant, done in rounds.items():
                async with fresh_topics(bootstrap_servers) as topics, the_ends(bootstrap_servers) as ends:
                    process = _process(variant, directory, topics, provider)
                    done.append(await _round(process, variant, topics, ends, size.tickets, seed=number))
    return Findings(title=_title(size), figures=_figures(rounds))


def _variants(size: Size, directory: Path, file: Path, redis_url: str) -> list[Variant]:
    few = {"texts": size.texts, "warm": size.texts}
    memory = {"backend": "memory"}
    sqlite = {"backend": "sqlite", "path": str(directory / "few.db")}
    redis = {"backend": "redis", "url": redis_url}
    known = cache_settings(file, size.many_texts)
    exactly_once = {"cache": memory, "kafka": {"delivery": "exactly-once"}}
    return [
        Variant(name=BARE, **few, settings=None),
        Variant(name="service, cache in memory", **few, settings={"cache": memory}, at_least=AT_LEAST),
        Variant(name="service, SQLite behind it", **few, settings={"cache": sqlite}, at_least=AT_LEAST),
        Variant(name="service, Redis behind it", **few, settings={"cache": redis}, at_least=AT_LEAST),
        Variant(
            name=f"service, {size.more_texts:,} texts",
            texts=size.more_texts,
            warm=size.more_texts,
            settings={"cache": known},
            at_least=AT_LEAST_MANY_TEXTS,
        ),
        Variant(
            name=f"service, {size.many_texts:,} texts, looked up in SQLite",
            texts=size.many_texts,
            warm=1,
            settings={"cache": known},
            at_least=AT_LEAST_MANY_TEXTS,
        ),
        Variant(name="service, exactly once", **few, settings=exactly_once, at_least=AT_LEAST_EXACTLY_ONCE),
    ]


def _process(variant: Variant, directory: Path, topics: Topics, provider: Process) -> Process:
    if variant.settings is None:
        return bare_loop(directory, topics)
    return service(directory, topics, provider, {"batch": {"max_tickets": 50}, **variant.settings})


def bare_loop(directory: Path, topics: Topics) -> Process:
    """The bare loop on these topics."""
    arguments = [topics.bootstrap_servers, topics.input, topics.output, topics.group_id, str(EVENT_BYTES)]
    command = [sys.executable, "-m", "benchmarks.bare_loop", *arguments]
    return Process("bare-loop", command, directory / "bare-loop.log")


async def _round(
    process: Process, variant: Variant, topics: Topics, ends: Ends, tickets: int, *, seed: int
) -> Round:
    await fill(topics.bootstrap_servers, topics.input, (made_ticket(n, n) for n in range(variant.warm)))
    with running(process):
        await _done(variant, topics, ends, variant.warm)
        known = await _known(process)
        process.freeze()
        await fill(topics.bootstrap_servers, topics.input, _repeats(variant, tickets, seed))
        began_s, began_cpu_s = time.monotonic(), process.cpu_s()
        process.thaw()
        await _done(variant, topics, ends, variant.warm + tickets)
        seconds, cpu_s = time.monotonic() - began_s, process.cpu_s() - began_cpu_s
        rss_mib = process.rss_mib()
        await committed(topics, variant.warm + tickets)
        known = await _known(process) - known
        await asyncio.to_thread(process.stop)
    return Round(seconds=seconds, cpu_s=cpu_s, tickets=tickets, known=known, rss_mib=rss_mib)


async def _known(process: Process) -> int:
    """How many tickets the cache has answered so far."""
    return round(await process.metric("events_total", decided_by="cache")) if process.url else 0


async def _done(variant: Variant, topics: Topics, ends: Ends, count: int) -> None:
    """Return when so many tickets are worked through."""
    if variant.exactly_once:
        await committed(topics, count, within_s=WORK_S)
    else:
        await ends.reached(count, topics.output)


def _repeats(variant: Variant, tickets: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    drawn = Random(seed)
    first = variant.warm
    return (made_ticket(n, drawn.randrange(variant.texts)) for n in range(first, first + tickets))


def _figures(rounds: Mapping[Variant, Sequence[Round]]) -> list[Figure]:
    figures = []
    [bare] = [done for variant, done in rounds.items() if variant.settings is None]
    for variant, done in rounds.items():
        if variant.settings is not None:
            figures += _against(bare, variant, done)
        figures.append(Figure(name=f"{variant.name}: rate", values=[r.rate for r in done], unit="tickets/s"))
        figures.append(Figure(name=f"{variant.name}: CPU", values=[r.cpu_us for r in done], unit="µs/ticket"))
        figures.append(Figure(name=f"{variant.name}: RSS", values=[r.rss_mib for r in done], unit="MiB"))
    return figures


def _against(bare: Sequence[Round], variant: Variant, done: Sequence[Round]) -> list[Figure]:
    """The ratio, round by round; and that it was the cache that answered."""
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(done, bare, strict=True)]
    known = [round_.known / round_.tickets for round_ in done]
    name = variant.name
    return [
        Figure(name=f"{name}: rate to the bare loop's", values=ratios, at_least=variant.at_least),
        Figure(name=f"{name}: share from the cache", values=known, at_least=1),
    ]


def _title(size: Size) -> str:
    return (
        f"Tickets that the cache knows: {size.rounds} rounds of {size.tickets:,} tickets of {TICKET_BYTES} "
        f"bytes with {size.texts:,} texts where nothing else is said, on {PARTITIONS} partitions"
    )
