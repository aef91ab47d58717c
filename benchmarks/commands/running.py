"""What every command of `python -m benchmarks` does with what it measures: shows it, keeps it, judges it."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import measured, report
from benchmarks.figures import Findings
from benchmarks.kafka import a_kafka
from tests.brokers import Unavailable

Measure = Callable[[str, Path], Coroutine[Any, Any, Findings]]
"""Given bootstrap servers and a directory for what it writes."""

JsonFile = Annotated[
    Path | None, typer.Option(measured.JSON_OPTION, metavar="FILE", help="Write the figures here, too.")
]

app = typer.Typer(add_completion=False, no_args_is_help=False, help="What there is to measure.")


def run(measures: Mapping[str, Measure], json: Path | None) -> None:
    """Measure on one Kafka, print as it goes. Exit status 1 where something required does not hold. What was
    found before an interruption or a failure is kept, too."""
    machine, found = measured.this_machine(), dict[str, Findings]()
    try:
        with tempfile.TemporaryDirectory(prefix="stream-classifier-benchmarks-") as name:
            directory = Path(name)
            with a_kafka(directory / "kafka") as servers:
                for title, measure in measures.items():
                    found[title] = asyncio.run(measure(servers, directory))
                    print(report.table(found[title]), end="\n\n", flush=True)
    except Unavailable as error:
        raise SystemExit(f"A real Kafka is needed to measure on: {error}") from error
    finally:
        _keep(found, machine, json, interrupted=len(found) < len(measures))
    _judge(found)


def run_alone(name: str, measure: Callable[[Path], Findings], json: Path | None) -> None:
    """The same of one that needs no Kafka, only a directory for what it writes."""
    machine = measured.this_machine()
    with tempfile.TemporaryDirectory(prefix="stream-classifier-benchmarks-") as directory:
        found = {name: measure(Path(directory))}
    print(report.table(found[name]), flush=True)
    _keep(found, machine, json, interrupted=False)
    _judge(found)


def tell(progress: str) -> None:
    """A line for whoever waits."""
    print(f"done: {progress}", file=sys.stderr, flush=True)


def _keep(
    found: Mapping[str, Findings], machine: measured.Machine, json: Path | None, *, interrupted: bool
) -> None:
    if json is not None and found:
        measured.write(json, measured.measured(found, machine, sys.argv[1:], interrupted=interrupted))


def _judge(found: Mapping[str, Findings]) -> None:
    if not all(findings.hold for findings in found.values()):
        raise typer.Exit(1)
