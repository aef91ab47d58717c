"""`stream-classifier profile`: what a backlog or a topic holds, and what it will cost."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from stream_classifier.cli.files import ConfigFile
from stream_classifier.cli.profiled import show
from stream_classifier.core.faults import ConfigurationFaults, OperatorFault
from stream_classifier.lab.backlog import open_measured
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.lab.profile.costing import FIRST_TOKEN_S, TOKENS_PER_S, CallTimes
from stream_classifier.lab.profile.html import html
from stream_classifier.lab.profile.profiling import Asked, Profile, profiled
from stream_classifier.lab.profile.sources import came
from stream_classifier.lab.profile.survey import Parts, Survey
from stream_classifier.lab.profile.topic import sample
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings
from stream_classifier.settings.environment import PREFIX

LIMIT = 2_000_000  # tickets: some 400 MB at the most
LAST = 100_000
TELL_EVERY = 500  # rows


def profile(
    source: Annotated[
        str | None,
        typer.Argument(metavar="IN", help="A JSONL or CSV file, also gzipped; - is standard input."),
    ] = None,
    *,
    topic: Annotated[
        str | None, typer.Option(metavar="NAME", help="Take a sample from this topic's end, not a file.")
    ] = None,
    last: Annotated[int, typer.Option(min=1, help="Of a topic, about so many records.")] = LAST,
    limit: Annotated[int, typer.Option(min=1, help="Look at so many tickets at most.")] = LIMIT,
    time_field: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="Where a row says when it came (default: created_at, ...)."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.0001, max=100_000, help="Tickets a second, in place of the data's times."),
    ] = None,
    within: Annotated[
        float, typer.Option(min=1, max=3600, metavar="SECONDS", help="How late 99 % of bulk labels may be.")
    ] = 10.0,
    first_token: Annotated[
        float, typer.Option(min=0, max=600, metavar="SECONDS", help="A call's time to its first token.")
    ] = FIRST_TOKEN_S,
    tokens_per_s: Annotated[float, typer.Option(min=1, help="A call's output speed.")] = TOKENS_PER_S,
    seed: Annotated[int, typer.Option(help="Of arrivals that are drawn, and of the cache's expiries.")] = 0,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report for others here, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Say what a backlog or a topic holds, what labelling it will cost, and which configuration is best.

    Looks at every ticket as the service would, then plays the service's own batches and cache at the times at
    which they came. Nothing is sent to anybody; of a topic nothing is committed.

    Exit status 1 where nothing could be read, or reading was interrupted.

    Example: stream-classifier profile tickets.jsonl --html report.html
    """
    if (source is None) == (topic is None):
        raise typer.BadParameter("give one of the two, a file or --topic", param_hint="IN")
    settings, stand_in = _settings(config, os.environ)
    asked = Asked(
        source=topic or ("standard input" if source == "-" else str(source)),
        rate=rate,
        seed=seed,
        within_s=within,
        times=CallTimes(first_token_s=first_token, tokens_per_s=tokens_per_s),
        stand_in=stand_in,
    )
    survey = Survey(parts=asyncio.run(Parts.of(settings)), limit=limit)
    with _bar() as bar:
        finished = _surveyed(survey, Source(source, topic, time_field, last), bar)
        _require_tickets(survey, asked.source)
        found = profiled(survey, asked, whole=finished and not survey.cut, told=bar.phase)
    _tell(survey, found, html_file, as_json=as_json)
    if not finished:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the tickets are."""

    file: str | None
    topic: str | None
    time_field: str | None
    last: int


def _settings(config: Path | None, environ: Mapping[str, str]) -> tuple[Settings, Mapping[str, Any] | None]:
    """The settings, and the taxonomy that stands in where none is configured: whoever profiles may not have
    come that far."""
    try:
        return load_settings(config, environ), None
    except ConfigurationFaults as faults:
        if [fault.path for fault in faults.faults] != ["taxonomy"] or faults.faults[0].origin:
            raise
        stand_in = {f"{PREFIX}TAXONOMY": orjson.dumps(DEMO_TAXONOMY).decode()}
        return load_settings(config, {**environ, **stand_in}), DEMO_TAXONOMY


class Bar:
    """Progress on stderr, where somebody is there to see it."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task: TaskID | None = progress.add_task("reading", total=None) if progress else None

    def read(self, tickets: int, share: float | None) -> None:
        """So many are read, this share of all."""
        if self._progress is not None and self._task is not None:
            total = None if share is None else 1.0  # one and the same: another one forgets the speed
            told = f"{tickets:,} tickets"
            self._progress.update(self._task, completed=share or 0.0, total=total, description=told)

    def phase(self, name: str) -> None:
        """What is done now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"working out {name}", total=None)


@contextmanager
def _bar() -> Iterator[Bar]:
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield Bar(None)
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=30), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)


def _surveyed(survey: Survey, source: Source, bar: Bar) -> bool:
    """Look at every ticket. False where Ctrl-C ended it: what was seen by then is profiled all the same."""
    try:
        if source.topic is not None:
            asyncio.run(_from_topic(survey, source.topic, source.last, bar))
        else:
            _from_file(survey, str(source.file), source.time_field, bar)
    except KeyboardInterrupt:
        print(
            f"Interrupted: this is the profile of the first {len(survey.tickets):,} tickets.", file=sys.stderr
        )
        return False
    return True


def _from_file(survey: Survey, file: str, time_field: str | None, bar: Bar) -> None:
    with open_measured(file) as (rows, share):
        try:
            records = came(rows, time_field, survey.bad)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--time-field") from error
        for number, record in enumerate(records):
            survey.take(record)
            if number % TELL_EVERY == 0:
                bar.read(len(survey.tickets), share())
            if survey.cut:
                return


async def _from_topic(survey: Survey, topic: str, last: int, bar: Bar) -> None:
    async for record in sample(survey.parts.settings.kafka, topic, last):
        survey.take(record)
        bar.read(len(survey.tickets), min(len(survey.tickets) / last, 1.0))
        if survey.cut:
            return


def _require_tickets(survey: Survey, source: str) -> None:
    """Raises `OperatorFault` where there is nothing to tell of."""
    if survey.lengths.tickets:
        return
    why = f" For example: {survey.first_refused[0]}" if survey.first_refused else ""
    raise OperatorFault(f"{source} holds no ticket with a text: there is nothing to profile.{why}")


def _tell(survey: Survey, found: Profile, html_file: Path | None, *, as_json: bool) -> None:
    for sentence in survey.first_refused:
        print(sentence, file=sys.stderr)
    if more := survey.refused.total() - len(survey.first_refused):
        print(f"And {more:,} more rows that are no tickets.", file=sys.stderr)
    if html_file is not None:
        _write(html_file, html(found))
    if as_json:
        print(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        show(found)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise OperatorFault(
            f"{file} cannot be written ({error.strerror}): name by --html a file in a directory that exists."
        ) from error
    print(f"Wrote {file}.", file=sys.stderr)
