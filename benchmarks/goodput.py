"""A backlog through a slow provider: how near the service comes to the ideal, and that nothing is lost.

Tickets are written onto a real topic while the service runs; each is labelled by the simulated provider,
which takes its time. The ideal knows the same calls with the times that they took, and begins the next one
in the moment in which a place is free (`schedule.py`). Triage is off, so that all go through batches.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import orjson

from benchmarks.figures import Figure, Findings
from benchmarks.kafka import Keyed, Topics, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service, simulator
from benchmarks.schedule import fewest_calls, greedy_s
from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.load import KEY_FIELDS, records
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.rows import BadRow
from tests.brokers.client import read

BATCH_TICKETS = 10
TIME_AT_MOST = 1.03  # of the ideal schedule's: 97 % of its goodput
CALLS_AT_MOST = 1.05  # of what full batches need
SETTLED_CALLS = 100  # a place: fewer, and the first and the last batches decide the figure
ROWS_A_CALL = 15  # of the made tickets, with a third of repeats to spare


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The provider's pace, and how many calls it is asked at once."""

    concurrency: int = 8
    latency_s: float = 0.3
    tokens_per_s: int = 100

    @property
    def enough_rows(self) -> int:
        """So many made tickets are `SETTLED_CALLS` for each place."""
        return SETTLED_CALLS * self.concurrency * ROWS_A_CALL

    @property
    def options(self) -> tuple[str, ...]:
        """The provider's."""
        return "--latency", str(self.latency_s), "--tokens-per-s", str(self.tokens_per_s)

    @property
    def settings(self) -> dict[str, Any]:
        """The service's."""
        return {
            "triage": {"priorities": []},
            "llm": {"concurrency": self.concurrency},
            "batch": {"max_tickets": BATCH_TICKETS},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came out. `events` are the labelled ones as published, `seconds` from the first record's sending
    to the last event's arrival."""

    sent: int
    events: Sequence[dict[str, Any]]
    dead_letters: int
    seconds: float
    calls: Sequence[dict[str, Any]]  # the simulator's log
    cost_usd: float
    single_cost_usd: float
    single_cached_cost_usd: float

    @property
    def texts(self) -> int:
        """Distinct texts, as the service tells them apart."""
        return len({event["text_digest"] for event in self.events if event["reason"] != "no_text"})

    @property
    def twice(self) -> int:
        """Events beyond the first of a ticket."""
        return sum(count - 1 for count in Counter(event["event_id"] for event in self.events).values())

    @property
    def lost(self) -> int:
        """Tickets of which nothing came out."""
        return self.sent - (len(self.events) - self.twice) - self.dead_letters


async def measure(
    bootstrap_servers: str, directory: Path, source: Path | None, limit: int, pace: Pace
) -> Findings:
    """Play `limit` rows of a file (None: made tickets). Raises `OperatorFault` for a file that cannot be
    read, `Stalled` where events cease to come."""
    rows = _rows(source, limit)
    provider = simulator(
        directory, "--latency", str(pace.latency_s), "--tokens-per-s", str(pace.tokens_per_s)
    )
    with running(provider):
        await provider.ready("/healthz")
        async with fresh_topics(bootstrap_servers) as topics:
            process = service(directory, topics, provider, pace.settings)
            with running(process):
                await process.ready("/readyz")
                outcome = await _play(topics, rows, process, provider)
                process.stop()
    return Findings(title=_title(source, len(rows), pace), figures=_figures(outcome, pace.concurrency))


def _rows(source: Path | None, limit: int) -> Sequence[Keyed]:
    if source is None:
        made = made_tickets(limit, seed=0, urgent=0.0, not_tickets=0.0)
        return [(record.key, record.value) for record in made]
    with open_backlog(str(source)) as rows:
        read = islice(records(rows, KEY_FIELDS, _refuse), limit)
        return [(record.key, record.value) for record in read]


def _refuse(row: BadRow) -> None:
    raise OperatorFault(f"Line {row.line}: {row.sentence}")


async def _play(topics: Topics, rows: Sequence[Keyed], process: Process, provider: Process) -> Outcome:
    """Send, wait for what comes out, stop the service, and then read all that it has published."""
    servers = topics.bootstrap_servers
    async with the_ends(servers) as ends:
        began_s = time.monotonic()
        await fill(servers, topics.input, rows)
        await ends.reached(len(rows), topics.output, topics.dead_letters)
        seconds = time.monotonic() - began_s
        cost_usd = await process.metric("cost_usd_total")
        single_cost_usd = await process.metric("one_call_a_ticket_cost_usd_total")
        single_cached_cost_usd = await process.metric("one_call_a_ticket_cached_cost_usd_total")
        await asyncio.to_thread(process.stop)
        published = await read(servers, topics.output, await ends.count(topics.output))
        dead_letters = await ends.count(topics.dead_letters)
    stats = (await provider.get("/stats")).json()
    return Outcome(
        sent=len(rows),
        events=[orjson.loads(record.value) for record in published],
        dead_letters=dead_letters,
        seconds=seconds,
        calls=sorted(
            (call for call in stats["call_log"] if call["start_s"] >= began_s),  # without the introduction
            key=itemgetter("start_s"),
        ),
        cost_usd=cost_usd,
        single_cost_usd=single_cost_usd,
        single_cached_cost_usd=single_cached_cost_usd,
    )


def _figures(outcome: Outcome, concurrency: int) -> list[Figure]:
    ideal_s = greedy_s((call["end_s"] - call["start_s"] for call in outcome.calls), concurrency)
    fewest = fewest_calls(outcome.texts, BATCH_TICKETS)
    calls, sent = len(outcome.calls), outcome.sent
    reviews = sum(event["status"] == "needs_review" for event in outcome.events)
    return [
        _one("lost", outcome.lost, "tickets", at_most=0),
        _one("labelled twice", outcome.twice, "tickets", at_most=0),
        _one("for a person to review", reviews, "tickets"),
        _one("time", outcome.seconds, "s"),
        _one("time of the ideal schedule", ideal_s, "s"),
        _one("time to the ideal", outcome.seconds / ideal_s, at_most=TIME_AT_MOST),
        Figure(name="calls a place", values=[calls / concurrency], at_least=SETTLED_CALLS),
        _one("distinct texts", outcome.texts),
        _one("calls", calls),
        _one("calls to the fewest possible", calls / fewest, at_most=CALLS_AT_MOST),
        _one("input tokens", sum(call["tokens_in"] for call in outcome.calls) / sent, "a ticket"),
        _one("output tokens", sum(call["tokens_out"] for call in outcome.calls) / sent, "a ticket"),
        _one("cost", 1000 * outcome.cost_usd / sent, "USD per 1,000 tickets"),
        _one("cost to one call a ticket", outcome.cost_usd / outcome.single_cost_usd),
        _one("cost to that with a prefix cache", outcome.cost_usd / outcome.single_cached_cost_usd),
    ]


def _one(name: str, value: float, unit: str = "", at_most: float | None = None) -> Figure:
    return Figure(name=name, values=[value], unit=unit, at_most=at_most)


def _title(source: Path | None, tickets: int, pace: Pace) -> str:
    return (
        f"A backlog through a slow provider: {tickets:,} tickets ({source.name if source else 'made'}), "
        f"{pace.concurrency} calls at once of up to {BATCH_TICKETS} texts, "
        f"{pace.latency_s} s and {pace.tokens_per_s} output tokens a second each"
    )
