"""Commands on all benchmarks: measure them, list them, make the documentation of what they found."""

import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import document, sizing_tables, suite
from benchmarks.commands.running import app
from benchmarks.kafka import KAFKA_VARIABLE, a_kafka
from benchmarks.measured import DIRECTORY
from benchmarks.suite import SUITE, Benchmark, Outcome
from stream_classifier.core.faults import OperatorFault
from tests.brokers import Unavailable

INTERRUPTED = 130  # as shells have it for Ctrl-C
WRONG_USAGE = 2


@app.callback(invoke_without_command=True)
def everything_by_default(context: typer.Context) -> None:
    """Measure what the documentation claims; without a command, all of it."""
    if context.invoked_subcommand is None:
        measure_everything()


@app.command("all")
def measure_everything(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="This one; may be repeated (see `list`).")
    ] = None,
    skip_done: Annotated[
        bool, typer.Option("--skip-done", help="Go on: not what has a file that is whole.")
    ] = False,
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = DIRECTORY,
) -> None:
    """Every benchmark at its usual size, one after the other, going on where one fails."""
    try:
        benchmarks = suite.chosen(only or ())
    except KeyError as error:
        _tell(f"There is no benchmark {error}. `python -m benchmarks list` shows what there is.")
        raise typer.Exit(WRONG_USAGE) from error
    try:
        outcomes = _measure(benchmarks, into, skip_done=skip_done)
    except Unavailable as error:
        raise SystemExit(f"A real Kafka is needed to measure on: {error}") from error
    for benchmark in benchmarks:
        outcome = outcomes.get(benchmark.name)
        print(f"{benchmark.name:<20}{outcome.value if outcome else 'not measured'}")
    if len(outcomes) < len(benchmarks):
        raise typer.Exit(INTERRUPTED)
    if not set(outcomes.values()) <= {Outcome.HELD, Outcome.DONE}:
        raise typer.Exit(1)


@app.command("list")
def list_them() -> None:
    """What there is, how long each takes at its usual size, and what it needs."""
    for each in SUITE:
        named = "; only where it is named" if each.only_named else ""
        needs = ", ".join(each.needs) or "nothing"
        print(f"{each.name:<20}{each.minutes:>5g} min  needs {needs}{named}")


@app.command("document")
def make_documentation(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit status 1 if it would.")] = False,
) -> None:
    """Tables and pictures of the documentation from `docs/measured`."""
    try:
        changed = document.make(check=check)
    except OperatorFault as error:
        raise SystemExit(str(error)) from error
    for path in changed:
        print(f"{path} {'is not what was measured' if check else 'written'}")
    if check and changed:
        raise typer.Exit(1)


def _measure(benchmarks: list[Benchmark], into: Path, *, skip_done: bool) -> dict[str, Outcome]:
    """With a Kafka where one of them needs it."""
    with ExitStack() as stack:
        environment = {}
        if any("Kafka" in each.needs for each in benchmarks):
            directory = stack.enter_context(
                tempfile.TemporaryDirectory(prefix="stream-classifier-benchmarks-")
            )
            environment[KAFKA_VARIABLE] = stack.enter_context(a_kafka(Path(directory) / "kafka"))
        start = suite.in_a_process({**os.environ, **environment})
        return suite.measure_all(benchmarks, into, skip_done=skip_done, start=start, tell=_tell)


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


@app.command("sizing")
def print_sizing() -> None:
    """The tables of docs/sizing.md, from the constants of benchmarks/sizing.py; measures nothing."""
    print(sizing_tables.tables())
