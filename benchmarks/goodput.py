"""A backlog through a slow provider: how near the service comes to the ideal, and that nothing is lost.

Each round starts the service anew, lets it get to know the provider, pauses it, fills the topic, and measures
from the moment at which it goes on to the last event. The simulated provider takes its time for each call.
The ideal knows the same calls with the times that they took: it has them all at that same moment, and begins
the next one in the moment in which a place is free (`schedule.py`). Triage is off, so that all go through
batches.

Rounds that leave the machine idle run side by side, each with a service, a provider and topics of its own.
"""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Findings
from benchmarks.kafka import Keyed
from benchmarks.outcome import Outcome, published
from benchmarks.paused import Paused, call_log, paused_service
from benchmarks.processes import Process, running, simulator
from benchmarks.schedule import fewest_calls, greedy_s
from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.load import KEY_FIELDS, records
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.rows import BadRow

BATCH_TICKETS = 10
TIME_AT_MOST = 1 / 0.97  # of the ideal schedule's: 97 % of its goodput
CALLS_AT_MOST = 1.05  # of what full batches need
SETTLED_CALLS = 100  # a place: fewer, and the first and the last batches decide the figure
ROWS_A_CALL = 13  # of the made tickets, of which a fifth are repeats
CALL_LOG = 10_000_000  # all calls: the ideal must know every one
SIDE_BY_SIDE = 8  # calls at once: up to here a round takes a tenth of a core
COSTS = {
    "cost_usd": "cost_usd",
    "single_cost_usd": "one_call_a_ticket_cost_usd",
    "single_cached_cost_usd": "one_call_a_ticket_cached_cost_usd",
}
"""The metric behind each cost of an outcome."""
LATENCIES_S = {1: 0.3, 8: 0.3, 64: 0.3, 256: 1.3}
"""Of a call by calls at once; its 70 tokens of output take 0.7 s more. Real calls take 2 to 5 s. Two cores,
shared by all, do not do for 256 at once of 1 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The provider's pace, how many calls it is asked at once, and how often all of it is measured."""

    concurrency: int = 8
    latency_s: float = 0.3
    tokens_per_s: int = 100
    rounds: int = 5

    @property
    def enough_rows(self) -> int:
        """So many made tickets are `SETTLED_CALLS` for each place."""
        return SETTLED_CALLS * self.concurrency * ROWS_A_CALL

    @property
    def options(self) -> tuple[str, ...]:
        """The provider's."""
        pace = ("--latency", str(self.latency_s), "--tokens-per-s", str(self.tokens_per_s))
        return *pace, "--call-log", str(CALL_LOG)

    @property
    def settings(self) -> dict[str, Any]:
        """The service's."""
        return {
            "triage": {"priorities": []},
            "llm": {"concurrency": self.concurrency},
            "batch": {"max_tickets": BATCH_TICKETS},
        }


def usual_latency_s(concurrency: int) -> float:
    """That of the next known concurrency, in seconds: the more calls at once, the longer they take."""
    return next((s for known, s in LATENCIES_S.items() if concurrency <= known), max(LATENCIES_S.values()))


async def measure(
    bootstrap_servers: str, directory: Path, source: Path | None, limit: int, pace: Pace
) -> Findings:
    """Play `limit` rows of a file (None: made tickets) in each round. Raises `OperatorFault` for a file that
    cannot be read, `Stalled` where events cease to come."""
    rows = _rows(source, limit)

    at_once = pace.rounds if pace.concurrency <= SIDE_BY_SIDE else 1
    outcomes: list[Outcome] = []
    while len(outcomes) < pace.rounds:
        go = asyncio.Barrier(at_once)
        async with asyncio.TaskGroup() as rounds:
            begun = [
                rounds.create_task(_round(bootstrap_servers, directory, rows, pace, go))
                for _ in range(at_once)
            ]
        outcomes += [round_.result() for round_ in begun]
    return Findings(title=_title(source, len(rows), pace), figures=figures_of(outcomes, pace.concurrency))


def _rows(source: Path | None, limit: int) -> Sequence[Keyed]:
    if source is None:
        made = made_tickets(limit, seed=0, urgent=0.0, not_tickets=0.0)
        return [(record.key, record.value) for record in made]
    with open_backlog(str(source)) as rows:
        read = islice(records(rows, KEY_FIELDS, _refuse), limit)
        return [(record.key, record.value) for record in read]


def _refuse(row: BadRow) -> None:
    raise OperatorFault(f"Line {row.line}: {row.sentence}")


async def _round(
    bootstrap_servers: str, directory: Path, rows: Sequence[Keyed], pace: Pace, go: asyncio.Barrier
) -> Outcome:
    """One service on one topic, let go on together with those beside it."""
    provider = simulator(directory, *pace.options, name=f"simulator-{uuid.uuid4().hex[:8]}")
    with running(provider):
        await provider.ready("/healthz")
        async with paused_service(bootstrap_servers, directory, provider, rows, pace.settings) as paused:
            await go.wait()
            return await _play(paused, provider)


async def _play(paused: Paused, provider: Process) -> Outcome:
    """Let the service go on, wait for what comes out, stop it, and then read all that it has published."""
    process, topics, ends = paused.process, paused.topics, paused.ends
    played = await paused.play()
    costs = {name: await process.metric(f"{metric}_total") for name, metric in COSTS.items()}
    await asyncio.to_thread(process.stop)
    return Outcome(
        sent=paused.sent,
        events=await published(topics.bootstrap_servers, topics.output, await ends.count(topics.output)),
        dead_letters=await ends.count(topics.dead_letters),
        seconds=played.seconds,
        cpu_s=played.cpu_s,
        calls=played.calls_of(await call_log(provider)),
        **costs,
    )


def figures_of(outcomes: Sequence[Outcome], concurrency: int) -> list[Figure]:
    """What the rounds say, a value each."""

    def figure(name: str, of: Callable[[Outcome], float], unit: str = "", **required: float) -> Figure:
        return Figure(name=name, values=[of(outcome) for outcome in outcomes], unit=unit, **required)

    return [
        figure("lost", lambda o: o.lost, "tickets", at_most=0),
        figure("labelled twice", lambda o: o.twice, "tickets", at_most=0),
        figure("for a person to review", lambda o: o.reviews, "tickets"),
        figure("time", lambda o: o.seconds, "s"),
        figure("time of the ideal schedule", lambda o: greedy_s(o.call_times_s, concurrency), "s"),
        figure(
            "time to the ideal",
            lambda o: o.seconds / greedy_s(o.call_times_s, concurrency),
            at_most=TIME_AT_MOST,
        ),
        figure("calls a place", lambda o: len(o.calls) / concurrency, at_least=SETTLED_CALLS),
        figure("distinct texts", lambda o: o.texts),
        figure("calls", lambda o: len(o.calls)),
        figure(
            "calls to the fewest possible",
            lambda o: len(o.calls) / fewest_calls(o.texts, BATCH_TICKETS),
            at_most=CALLS_AT_MOST,
        ),
        figure("CPU of the service", lambda o: 1e3 * o.cpu_s / len(o.calls), "ms a call"),
        figure("CPU of the service a called text", lambda o: 1e6 * o.cpu_s / o.called_texts, "µs"),
        figure("input tokens", lambda o: _tokens(o, "tokens_in"), "a ticket"),
        figure("output tokens", lambda o: _tokens(o, "tokens_out"), "a ticket"),
        figure("cost", lambda o: 1000 * o.cost_usd / o.sent, "USD per 1,000 tickets"),
        figure("cost to one call a ticket", lambda o: o.cost_usd / o.single_cost_usd),
        figure("cost to that with a prefix cache", lambda o: o.cost_usd / o.single_cached_cost_usd),
    ]


def _tokens(outcome: Outcome, name: str) -> float:
    tokens: int = sum(call[name] for call in outcome.calls)
    return tokens / outcome.sent


def _title(source: Path | None, tickets: int, pace: Pace) -> str:
    return (
        f"A backlog through a slow provider: {tickets:,} tickets ({source.name if source else 'made'}), "
        f"{pace.concurrency} calls at once of up to {BATCH_TICKETS} texts, "
        f"{pace.latency_s} s and {pace.tokens_per_s} output tokens a second each"
    )
