"""A stream in which every change of a ticket is a record: what its updates cost, by `ticket.on_update`.

Connectors that read a helpdesk's table row by row send a ticket whenever any of its fields changed: 6.7 rows
a ticket in the published log of a ServiceNow desk. Here one update in ten changes the text, and one in a
hundred comes after its successor. The real service labels the stream on an embedded broker; updates come one
after another, as in life, so the next is sent when what came of the last is on the labels topic.
"""

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.figures import Figure, Findings
from benchmarks.grades import Event
from benchmarks.stand import Stand, a_stand
from benchmarks.stand_config import PARTITIONS, Groups
from stream_classifier.core import measures
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.simulator import Simulator, SimulatorOptions
from stream_classifier.observe import logs
from stream_classifier.settings.service import Log

ROWS_A_TICKET = 6.7
CHANGED = 0.1  # of the updates: somebody wrote something
LATE = 0.01  # of the updates: sent after their successor
MOST_ROWS = 40
LATENCY_S = 0.05
POLL_S = 0.01
SETTLED_WITHIN_S = 60.0

CACHELESS, LABEL, SKIP = "without a cache", "label", "skip_unchanged"
MODES: dict[str, Groups] = {
    CACHELESS: {"cache": {"backend": "memory", "max_entries": 1, "ttl_s": 1}},
    LABEL: {"cache": {"backend": "sqlite"}, "ticket": {"on_update": "label"}},
    SKIP: {"cache": {"backend": "sqlite"}, "ticket": {"on_update": "skip_unchanged"}},
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one mode did with the stream."""

    rows: int
    passed_over: int
    calls: int
    tokens: int
    cost_usd: float
    events: list[Event]


def measure(*, seed: int, tickets: int, tell: Callable[[str], None]) -> Findings:
    """Each mode in turn, with the same rows."""
    os.environ["no_proxy"] = "*"  # a proxy must not stand between parts of one process
    waves = made_waves(tickets, seed)
    bills = {}
    with _workplace() as directory, EmbeddedBroker() as broker:
        for mode, settings in MODES.items():
            place = directory / mode.replace(" ", "-")
            place.mkdir()
            bills[mode] = asyncio.run(_run(broker, place, settings, waves))
            tell(mode)
    rows = sum(map(len, waves))
    each = f"{rows / tickets:.1f} each; {CHANGED:.0%} of the updates change the text"
    title = f"{tickets} tickets in {rows} rows, {each}"
    return Findings(title=title, figures=_figures(bills))


def made_waves(tickets: int, seed: int) -> list[list[Row]]:
    """The rows, those of a wave all of different tickets."""
    rng = Random(seed)
    made = [orjson.loads(record.value) for record in made_tickets(2 * tickets, seed, not_tickets=0.0)]
    first = {row["ticket_id"]: row for row in reversed(made)}
    lives = [_life(row, rng) for row in list(first.values())[:tickets]]
    return [[life[n] for life in lives if n < len(life)] for n in range(max(map(len, lives)))]


def _life(row: Row, rng: Random) -> list[Row]:
    """All rows of one ticket."""
    rows = [row | {"revision": 1}]
    updates = min(round(rng.expovariate(1 / (ROWS_A_TICKET - 1))), MOST_ROWS)
    for revision in range(2, updates + 2):
        changed = rng.random() < CHANGED
        body = f"{rows[-1]['body']}\nReply {revision}: it still happens." if changed else rows[-1]["body"]
        rows.append(row | {"revision": revision, "body": body})
    for place in range(1, len(rows) - 1):
        if rng.random() < LATE:
            rows[place], rows[place + 1] = rows[place + 1], rows[place]
    return rows


async def _run(broker: EmbeddedBroker, place: Path, settings: Groups, waves: list[list[Row]]) -> Bill:
    simulator = Simulator(SimulatorOptions(latency_s=LATENCY_S))
    groups = {group: dict(values) for group, values in settings.items()}
    groups["cache"]["path"] = str(place / "cache.db")
    async with a_stand(broker, place, simulator, groups) as stand:
        introduced = simulator.stats.calls
        sent = 0
        for wave in waves:
            await _send(stand, wave)
            sent += len(wave)
            await _settled(stand, sent)
        passed_over = round(stand.tally.count(measures.PASSED_OVER, "unchanged"))
        await stand.all_out(sent - passed_over)
    return Bill(
        rows=sent,
        passed_over=passed_over,
        calls=simulator.stats.calls - introduced,
        tokens=round(stand.tally.count(measures.TOKENS)),
        cost_usd=stand.tally.count(measures.COST),
        events=stand.events,
    )


async def _send(stand: Stand, wave: list[Row]) -> None:
    for row in wave:
        key = row["ticket_id"].encode()
        partition = sum(key) % PARTITIONS
        await stand.producer.send(
            stand.settings.kafka.input_topic, orjson.dumps(row), key, partition=partition
        )
    await stand.producer.flush()


async def _settled(stand: Stand, rows: int) -> None:
    """Wait until of each row so far an event is on the topic, or it was passed over."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            if sum(map(stand.tally.count, (measures.ACKNOWLEDGED, measures.PASSED_OVER))) >= rows:
                return
            await asyncio.sleep(POLL_S)


def _figures(bills: dict[str, Bill]) -> list[Figure]:
    figures = []
    for mode, bill in bills.items():
        values = {
            "events": len(bill.events),
            "passed over": bill.passed_over,
            "late": sum(event["superseded"] for event in bill.events),
            "calls": bill.calls,
            "tokens": bill.tokens,
            "cost, 0.001 USD": bill.cost_usd * 1000,
        }
        figures += [Figure(name=f"{mode}: {name}", values=[value]) for name, value in values.items()]
    cacheless, label, skip = (bills[mode] for mode in (CACHELESS, LABEL, SKIP))
    lost = [max(map(_lost, bills.values()))]
    return [
        *figures,
        Figure(name="rows neither out nor passed over", values=lost, at_most=0),
        Figure(name="cost of label, of that without a cache", values=[label.cost_usd / cacheless.cost_usd]),
        Figure(
            name="cost of skip_unchanged, of label's", values=[skip.cost_usd / label.cost_usd], at_most=1.1
        ),
        Figure(name="events of skip_unchanged, of label's", values=[len(skip.events) / len(label.events)]),
    ]


def _lost(bill: Bill) -> int:
    return bill.rows - bill.passed_over - len({event["event_id"] for event in bill.events})


@contextmanager
def _workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stream-classifier-updates-") as name:
        directory = Path(name)
        with (directory / "service.log").open("w", encoding="utf-8") as file:
            logs.configure("warning", "json", Log().max_per_event_per_s, file)
            yield directory
