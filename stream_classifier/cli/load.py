"""`stream-classifier load`: plays a file of tickets onto the input topic."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

from stream_classifier.cli.files import ConfigFile
from stream_classifier.kafka.broker_faults import broker_fault
from stream_classifier.lab.backlog import STANDARD_INPUT, open_backlog
from stream_classifier.lab.followed import at_once, followed
from stream_classifier.lab.load import KEY_FIELDS, LoadedRecord, Pace, Played, open_sender, play, records
from stream_classifier.lab.rows import BadRow, Row
from stream_classifier.settings import load as load_settings
from stream_classifier.settings.kafka import Kafka

SHOWN_BAD_ROWS = 5
"""Enough to see what is wrong with a file; the rest is counted."""

REFRESH_PER_S = 5


@dataclass(slots=True, kw_only=True)
class BadRows:
    """How many rows were no tickets, and the first of them."""

    count: int = 0
    first: list[BadRow] = field(default_factory=list)

    def add(self, row: BadRow) -> None:
        self.count += 1
        if len(self.first) < SHOWN_BAD_ROWS:
            self.first.append(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to play where, and what has come of it so far."""

    kafka: Kafka
    topic: str
    source: str
    key_fields: tuple[str, ...]
    limit: int | None
    pace: Pace
    played: Played = field(default_factory=Played)
    bad: BadRows = field(default_factory=BadRows)


def load(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A JSONL or CSV file, also gzipped; - is standard input.")
    ],
    *,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Tickets per second (default: as fast as it goes).")
    ] = None,
    burst: Annotated[int, typer.Option(min=1, help="Send this many at a time, at the same mean rate.")] = 1,
    topic: Annotated[str | None, typer.Option(help="Where to (default: the input topic).")] = None,
    key_field: Annotated[
        str | None, typer.Option(help="Field that becomes the record's key (default: ticket_id, else id).")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, help="Stop after this many tickets.")] = None,
    config: ConfigFile = None,
) -> None:
    """Play a file of tickets onto the input topic, at a rate and with bursts.

    Prints how many records were acknowledged, how many failed, and the seconds.

    Exit status 1 where a row or a record failed, or the play was interrupted.

    Example: stream-classifier load tickets.jsonl --rate 50 --burst 20
    """
    kafka = load_settings(config, os.environ).kafka
    task = Task(
        kafka=kafka,
        topic=topic or kafka.input_topic,
        source=source,
        key_fields=(key_field,) if key_field else KEY_FIELDS,
        limit=limit,
        pace=Pace(rate=rate, burst=burst),
    )
    try:
        interrupted = not _ran_to_its_end(task)
    finally:
        _complain(task)
        if task.played.sent:
            print(_result(task))
    if interrupted or task.bad.count or task.played.failed:
        raise typer.Exit(1)


def _ran_to_its_end(task: Task) -> bool:
    try:
        with _progress(task):
            asyncio.run(_play(task))
    except KeyboardInterrupt:
        print(f"Interrupted: {task.played.acknowledged} records had been acknowledged.", file=sys.stderr)
        return False
    return True


async def _play(task: Task) -> None:
    with open_backlog(task.source) as rows:
        async with open_sender(task.kafka, task.topic) as sender:
            await play(_drawn(task, rows), sender, task.topic, pace=task.pace, played=task.played)


def _drawn(task: Task, rows: Iterator[Row]) -> AsyncIterator[LoadedRecord]:
    """The tickets of the source; a pipe may keep us waiting, a file does not."""
    chosen = islice(records(rows, task.key_fields, task.bad.add), task.limit)
    return followed(chosen) if task.source == STANDARD_INPUT else at_once(chosen)


@contextmanager
def _progress(task: Task) -> Iterator[None]:
    """A line on stderr that follows the counts, where somebody is there to see it."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield
        return
    with Live(
        get_renderable=lambda: _progress_line(task),
        console=console,
        refresh_per_second=REFRESH_PER_S,
        transient=True,
    ):
        yield


def _progress_line(task: Task) -> Text:
    played = task.played
    line = Text.assemble((f"{played.acknowledged:,}", "bold"), f" acknowledged on {task.topic}")
    if task.pace.rate is not None:
        line.append(f"  at {task.pace.rate:g}/s", "dim")
    if failed := played.failed + task.bad.count:
        line.append(f"  {failed:,} failed", "red")
    return line


def _complain(task: Task) -> None:
    """Say on stderr what went wrong: the first bad rows, and each kind of refusal with its count."""
    for row in task.bad.first:
        print(f"Line {row.line}: {row.sentence}", file=sys.stderr)
    if more := task.bad.count - len(task.bad.first):
        print(f"And {more:,} more rows that are no tickets.", file=sys.stderr)
    for kind, count in task.played.errors.items():
        print(f"{count:,} failed: {broker_fault(kind(), task.kafka) or kind.__name__}", file=sys.stderr)


def _result(task: Task) -> str:
    """Sent is what the brokers have acknowledged; failed are bad rows and refused records.

    An interruption or a fault may leave some of which neither is known."""
    played = task.played
    unconfirmed = played.sent - played.acknowledged - played.failed
    parts = [
        f"sent {played.acknowledged}",
        f"failed {played.failed + task.bad.count}",
        f"seconds {played.seconds:.2f}",
    ]
    return "  ".join(parts + [f"unconfirmed {unconfirmed}"] * bool(unconfirmed))
