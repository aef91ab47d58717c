"""`stream-classifier doctor`: what would keep the service from working, and how to mend it."""

import asyncio
import io
import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from stream_classifier.cli.files import ConfigFile
from stream_classifier.core.faults import ConfigurationFaults
from stream_classifier.lab.doctor.checks import Line, State, fault
from stream_classifier.lab.doctor.examining import SETTINGS, examination
from stream_classifier.observe import logs
from stream_classifier.settings import Settings
from stream_classifier.settings import load as load_settings

STYLES = {State.OK: "green", State.NOTE: "yellow", State.FAULT: "bold red", State.NOT_CHECKED: "dim"}
STATE_CHARS, NAME_CHARS = 11, 20  # of 80; longer names are folded


def doctor(
    *,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Send tickets without asking; each costs a call.")
    ] = False,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish",
            help="Also write a made-up ticket to the input topic, and wait for its event; others see both.",
        ),
    ] = False,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Check configuration, brokers, topics, rights, cache and provider, and say how to mend what is wrong.

    Nothing is made, committed or published, unless you say --publish. Each model is asked one made-up
    record, as the service does at its start; a ticket is sent only after a question, or with --yes.

    Exit status 1 where something is wrong, 2 where the configuration is.

    Example: stream-classifier doctor --config stream-classifier.yaml
    """
    try:
        settings = load_settings(config, os.environ)
    except ConfigurationFaults as faults:
        if as_json_:
            _print_json(fault(SETTINGS, str(found)) for found in faults.faults)
        raise
    logs.configure("error", "json", 1, io.StringIO())  # what is wrong is said by the checks
    report = Report(shown=not as_json_)
    complete = _ran_to_its_end(settings, report, yes=yes, publish=publish)
    if as_json_:
        _print_json(report.lines)
    status = report.conclude()
    raise typer.Exit(status if complete else 1)


def _ran_to_its_end(settings: Settings, report: "Report", *, yes: bool, publish: bool) -> bool:
    try:
        asyncio.run(_examine(settings, report, yes=yes, publish=publish))
    except KeyboardInterrupt:
        print("Interrupted: what is not listed was not checked.", file=sys.stderr)
        return False
    finally:
        report.trying(None)
    return True


class Report:
    """The lines so far; shown as they come, unless they are wanted as JSON."""

    def __init__(self, *, shown: bool) -> None:
        self.lines: list[Line] = []
        self._shown = shown
        self._out, self._err = Console(highlight=False), Console(stderr=True, highlight=False)
        self._status: Status | None = None

    def add(self, line: Line) -> None:
        """One more line."""
        self.lines.append(line)
        self.trying(None)
        if self._shown:
            _show(line, self._out)

    def trying(self, check: str | None) -> None:
        """Show on a terminal what is being tried; None: nothing."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if check is not None and self._err.is_terminal:
            self._status = self._err.status(Text(f"{check} ...", "dim"))
            self._status.start()

    def conclude(self) -> int:
        """Say how it went, and return the exit status."""
        counts = Counter(line.state for line in self.lines)
        faults = counts[State.FAULT]
        said = "1 fault" if faults == 1 else f"{faults or 'no'} faults"
        rest = f"{counts[State.OK]} ok, {counts[State.NOTE]} to note, {counts[State.NOT_CHECKED]} not checked"
        self._err.print(Text(f"{said}: {rest}.", "bold red" if faults else "bold"), soft_wrap=True)
        return 1 if faults else 0


async def _examine(settings: Settings, report: Report, *, yes: bool, publish: bool) -> None:
    def agree(question: str) -> str | None:
        report.trying(None)
        return None if yes else _asked(question)

    async for line in examination(settings, os.environ, agree=agree, trying=report.trying, publish=publish):
        report.add(line)


def _asked(question: str) -> str | None:
    """None where a person says yes."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "It costs a call, and nobody is there to be asked: add --yes."
    try:
        agreed = typer.confirm(question, err=True)
    except typer.Abort:
        agreed = False
    return None if agreed else "Not wanted."


def _show(line: Line, console: Console) -> None:
    """On a terminal in columns; else fields parted by tabs, a line each, for other programs."""
    if not console.is_terminal:
        print(f"{line.state}\t{line.check}\t{line.sentence}", flush=True)
        return
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=STATE_CHARS)
    grid.add_column(width=NAME_CHARS, overflow="fold")
    grid.add_column(overflow="fold")
    grid.add_row(Text(line.state, STYLES[line.state]), Text(line.check), Text(line.sentence))
    console.print(grid)


def _print_json(lines: Iterable[Line]) -> None:
    rows: list[Mapping[str, Any]] = [asdict(line) for line in lines]
    ok = all(row["state"] is not State.FAULT for row in rows)
    print(orjson.dumps({"ok": ok, "checks": rows}, option=orjson.OPT_INDENT_2).decode())
