"""`stream-classifier classify`: labels a backlog from file to file, and goes on where it was stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stream_classifier.cli.classified import (
    beginning,
    estimate_data,
    estimate_lines,
    how_to_go_on,
    summary_data,
    summary_lines,
)
from stream_classifier.cli.classifying import Progress, noticing, showing
from stream_classifier.cli.files import ConfigFile, LogFile
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.classify import Job, Task
from stream_classifier.lab.classify.estimate import Estimate, Estimator
from stream_classifier.lab.classify.job import STANDARD
from stream_classifier.lab.labelling import Labelled, read_row
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings


def classify(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A JSONL or CSV file, also gzipped; - is standard input.")
    ],
    *,
    out: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="OUT", help="JSONL, or CSV by its name; - is standard output."
        ),
    ] = STANDARD,
    full: Annotated[bool, typer.Option("--full", help="Write the whole event with each row.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, without a call; nothing is written.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Write OUT anew; take nothing over from an earlier run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    log: LogFile = None,
    config: ConfigFile = None,
) -> None:
    """Label a backlog of tickets through the same lanes, cache and limits as the service, without Kafka.

    Rows keep their order, and each has one field more: `classification`. Rows that are no tickets go to
    OUT.rejected.jsonl. However it ended, the same command goes on.

    Exit status 0 where every row was labelled, else 1.

    Example: stream-classifier classify tickets.jsonl -o labelled.jsonl
    """
    settings = load_settings(config, os.environ)
    if dry_run:
        estimate = asyncio.run(_estimate(source, settings))
        _print(estimate_lines(estimate, settings), estimate_data(estimate), as_json=as_json)
        return
    task = Task(source=source, out=out, full=full, restart=restart)
    with noticing(settings, log) as notices:
        job = Job(task=task, settings=settings, environ=os.environ, told=_tell_rejected, begun=_tell_begin)
        counted = source if Path(source).is_file() else None
        done = asyncio.run(_run(job, Progress(job, notices, counted)))
    _print(summary_lines(job), summary_data(job, done=done), as_json=as_json, aside=out == STANDARD)
    if not done:
        print(how_to_go_on(job), file=sys.stderr)
    if not (done and job.account.whole):
        raise typer.Exit(1)


async def _estimate(source: str, settings: Settings) -> Estimate:
    with open_backlog(source) as rows:
        return await Estimator(settings).count(map(read_row, rows))


async def _run(job: Job, progress: Progress) -> bool:
    """Run until the end or a signal; a second one does not wait for the calls under way."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, job, number, loop)
    counting = asyncio.create_task(progress.count())
    try:
        with showing(progress):
            return await job.run()
    finally:
        counting.cancel()


def _stop_once(job: Job, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    job.stopping.set()
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):  # whoever listened may have gone; it ends all the same
        print("Stopping: calls under way are waited for. Once more ends it at once.", file=sys.stderr)


def _tell_begin(job: Job) -> None:
    if told := beginning(job):
        print(told, file=sys.stderr)


def _tell_rejected(labelled: Labelled) -> None:
    rejection = labelled.settled.rejection
    print(f"Line {labelled.row.line}: {rejection.sentence if rejection else ''}", file=sys.stderr)


def _print(lines: Iterable[str], data: Mapping[str, Any], *, as_json: bool, aside: bool = False) -> None:
    """The result on stdout, or aside where that has the rows."""
    text = orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() if as_json else "\n".join(lines)
    print(text, file=sys.stderr if aside else sys.stdout)
