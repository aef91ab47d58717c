"""Tickets that the cache knows: the whole service against the bare loop.

Each round starts the loop or the service anew, lets it work through the distinct texts once (the service
asks a provider without latency for them, so its cache is warm), pauses it, fills the topic with tickets
that carry those texts, and measures from the moment it goes on to the last output record. Both then have
the broker on the same cores to themselves. A round of one follows a round of the other, so that a change
of the machine's mood meets both.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from benchmarks.figures import Figure, Findings
from benchmarks.kafka import PARTITIONS, Ends, Topics, committed, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service, simulator

TICKET_BYTES = 1024
EVENT_BYTES = 780  # what the service writes for one of these tickets
AT_LEAST = 1.2  # of the bare loop's rate

BARE, MEMORY, SQLITE = "bare loop", "service, cache in memory", "service, SQLite behind it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: `tickets` a round with so many distinct texts among them."""

    rounds: int = 5
    tickets: int = 100_000
    texts: int = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one process did with one topic."""

    seconds: float
    cpu_s: float
    tickets: int
    known: int = 0  # tickets that were answered from the cache

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
    """Alternate the bare loop and the service over `size.rounds` rounds."""
    rounds: dict[str, list[Round]] = {BARE: [], MEMORY: [], SQLITE: []}
    with running(simulator(directory, "--latency", "0", "--tokens-per-s", "1000000")) as provider:
        await provider.ready("/healthz")
        for _ in range(size.rounds):
            for variant, done in rounds.items():
                async with fresh_topics(bootstrap_servers) as topics, the_ends(bootstrap_servers) as ends:
                    process = _process(variant, directory, topics, provider)
                    done.append(await _round(process, topics, ends, size))
    return Findings(title=_title(size), figures=_figures(rounds))


def _process(variant: str, directory: Path, topics: Topics, provider: Process) -> Process:
    if variant == BARE:
        return bare_loop(directory, topics)
    cache = {"backend": "memory"}
    if variant == SQLITE:
        cache = {"backend": "sqlite", "path": str(directory / f"{topics.group_id}.db")}
    return service(directory, topics, provider, {"cache": cache, "batch": {"max_tickets": 50}})


def bare_loop(directory: Path, topics: Topics) -> Process:
    """The bare loop on these topics."""
    arguments = [topics.bootstrap_servers, topics.input, topics.output, topics.group_id, str(EVENT_BYTES)]
    command = [sys.executable, "-m", "benchmarks.bare_loop", *arguments]
    return Process("bare-loop", command, directory / "bare-loop.log")


async def _round(process: Process, topics: Topics, ends: Ends, size: Size) -> Round:
    await fill(topics.bootstrap_servers, topics.input, (made_ticket(n, n) for n in range(size.texts)))
    with running(process):
        await ends.reached(size.texts, topics.output)
        process.freeze()
        await fill(topics.bootstrap_servers, topics.input, _repeats(size))
        began_s, began_cpu_s = time.monotonic(), process.cpu_s()
        process.thaw()
        await ends.reached(size.texts + size.tickets, topics.output)
        seconds, cpu_s = time.monotonic() - began_s, process.cpu_s() - began_cpu_s
        await committed(topics, size.texts + size.tickets)
        known = await process.metric("events_total", decided_by="cache") if process.url else 0
        await asyncio.to_thread(process.stop)
    return Round(seconds=seconds, cpu_s=cpu_s, tickets=size.tickets, known=round(known))


def _repeats(size: Size) -> Iterator[tuple[bytes, bytes]]:
    first = size.texts
    return (made_ticket(n, n % size.texts) for n in range(first, first + size.tickets))


def _figures(rounds: Mapping[str, Sequence[Round]]) -> list[Figure]:
    figures = []
    for variant, done in rounds.items():
        if variant != BARE:
            figures += _against(rounds[BARE], variant, done)
        figures.append(Figure(name=f"{variant}: rate", values=[r.rate for r in done], unit="tickets/s"))
        figures.append(Figure(name=f"{variant}: CPU", values=[r.cpu_us for r in done], unit="µs/ticket"))
    return figures


def _against(bare: Sequence[Round], variant: str, done: Sequence[Round]) -> list[Figure]:
    """The ratio, round by round; and that it was the cache that answered."""
    ratios = [ours.rate / theirs.rate for ours, theirs in zip(done, bare, strict=True)]
    known = [round_.known / round_.tickets for round_ in done]
    return [
        Figure(name=f"{variant}: rate to the bare loop's", values=ratios, at_least=AT_LEAST),
        Figure(name=f"{variant}: share from the cache", values=known, at_least=1),
    ]


def _title(size: Size) -> str:
    return (
        f"Tickets that the cache knows: {size.rounds} rounds of {size.tickets:,} tickets of {TICKET_BYTES} "
        f"bytes with {size.texts:,} texts, on {PARTITIONS} partitions"
    )
