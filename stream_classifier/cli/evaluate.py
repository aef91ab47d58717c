"""`stream-classifier evaluate`: how right configurations are on rows whose answers are known."""

import asyncio
import os
import signal
import sys
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stream_classifier.cli.classifying import noticing, showing
from stream_classifier.cli.evaluating import (
    Progress,
    how_to_go_on,
    plan_data,
    question_about,
    show_plan,
)
from stream_classifier.cli.files import ConfigFile, LogFile
from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.backlog import STANDARD_INPUT
from stream_classifier.lab.evaluate.evaluating import Evaluator, Task, question_of
from stream_classifier.lab.evaluate.grid import configurations, parse_axis
from stream_classifier.lab.evaluate.html import html
from stream_classifier.lab.evaluate.outcome import Evaluation
from stream_classifier.lab.evaluate.plan import Plan
from stream_classifier.lab.evaluate.report import as_data
from stream_classifier.lab.evaluate.store import IN_MEMORY, SUFFIX, Store, open_store, require_writable
from stream_classifier.lab.evaluate.terminal import rendered

TOLD_ROWS = 5  # that are passed over; all of them are in the reports


def evaluate(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A JSONL or CSV file, also gzipped; - is standard input.")
    ],
    *,
    label_field: Annotated[
        str, typer.Option(metavar="FIELD", help="The field that holds the right label; a path with dots.")
    ],
    question: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which question of the taxonomy it answers.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(metavar="SETTING=A,B,...", help="Compare these values; may be given several times."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only N rows, drawn by chance, the same each time.")
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="USD", help="Spend no more than this, earlier runs of it included."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend it without asking.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would take, without a call.")
    ] = False,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a report for others here, too.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    store: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where what is paid for is kept; IN.evaluate.db.")
    ] = None,
    log: LogFile = None,
    config: ConfigFile = None,
) -> None:
    """Ask for labels that are known already, and say how right each configuration is and what it costs.

    Rows go through the service's own lanes, prompt and remedies; its cache is left alone. What is paid for is
    kept: however it ended, the same command goes on, and nothing is asked twice in the same configuration.

    Exit status 1 where rows are left that were not asked.

    Example: stream-classifier evaluate tickets.jsonl --label-field label --grid batch.max_tickets=1,10
    """
    compared = configurations(config, os.environ, [parse_axis(each) for each in grid or ()])
    task = Task(
        source=source,
        label_field=label_field,
        question=question_of(compared, question, label_field),
        limit=limit,
        max_usd=max_cost,
    )
    path = _store_path(source, store)
    with noticing(compared[0].settings, log) as notices:
        with _found(path) as found:
            evaluator = Evaluator(task=task, configurations=compared, store=found, environ=os.environ)
            plan = asyncio.run(evaluator.plan())
        _tell_passed_over(evaluator)
        if dry_run:
            _print_plan(plan, as_json=as_json)
            return
        if plan.to_ask:
            _agree(plan, yes=yes)
        with open_store(path) as evaluator.store:
            evaluation = asyncio.run(_run(evaluator, plan, Progress(plan, notices)))
    _tell(evaluation, html_file, as_json=as_json)
    if told := how_to_go_on(evaluation, path):
        print(told, file=sys.stderr)
        raise typer.Exit(1)


def _store_path(source: str, store: Path | None) -> Path:
    if store is None and source == STANDARD_INPUT:
        raise typer.BadParameter("name the file where what is paid for is kept", param_hint="--store")
    return store or Path(f"{source}{SUFFIX}")


def _found(path: Path) -> AbstractContextManager[Store]:
    """The store as it is; where there is none, none is made: nothing may come of it yet."""
    if path.exists():
        return open_store(path)
    require_writable(path.parent)
    return open_store(IN_MEMORY)


def _tell_passed_over(evaluator: Evaluator) -> None:
    skipped = evaluator.skipped
    for row in skipped[:TOLD_ROWS]:
        print(f"Line {row.line}: {row.sentence}", file=sys.stderr)
    if (more := len(skipped) - TOLD_ROWS) > 0:
        print(f"And {more:,} more rows that nobody is judged by.", file=sys.stderr)


def _print_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print(orjson.dumps(plan_data(plan), option=orjson.OPT_INDENT_2).decode())
        return
    show_plan(plan, Console(highlight=False))


def _agree(plan: Plan, *, yes: bool) -> None:
    """Show what it would take, and ask. Ends the command where nobody agrees."""
    show_plan(plan, Console(stderr=True, highlight=False))
    if yes:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise OperatorFault("It costs what is said above, and nobody is there to be asked: add --yes.")
    try:
        agreed = typer.confirm(question_about(plan), err=True)
    except typer.Abort:
        agreed = False
    if not agreed:
        print("Nothing was asked.", file=sys.stderr)
        raise typer.Exit(1)


async def _run(evaluator: Evaluator, plan: Plan, progress: Progress) -> Evaluation:
    """Run until the end or a signal; a second one does not wait for the calls under way."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, evaluator, number, loop)
    evaluator.begun, evaluator.answered = progress.begun, progress.answered
    with showing(progress):
        return await evaluator.evaluate(plan)


def _stop_once(evaluator: Evaluator, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    evaluator.stopping.set()
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
    with suppress(OSError):  # whoever listened may have gone; it ends all the same
        print("Stopping: calls under way are waited for. Once more ends it at once.", file=sys.stderr)


def _tell(evaluation: Evaluation, html_file: Path | None, *, as_json: bool) -> None:
    if html_file is not None:
        _write(html_file, html(evaluation))
    if as_json:
        print(orjson.dumps(as_data(evaluation), option=orjson.OPT_INDENT_2).decode())
        return
    console = Console(highlight=False)
    for part in rendered(evaluation):
        console.print(part)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        raise OperatorFault(
            f"{file} cannot be written ({error.strerror}): name by --html a file in a directory that exists,"
            " and run the same command again. Nothing is asked twice."
        ) from error
    print(f"Wrote {file}.", file=sys.stderr)
