"""`stream-classifier demo`: the whole journey on one machine, shown live, with a summary at its end."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from stream_classifier.lab.demo import LOG_FILE, Demo, Plan, Show
from stream_classifier.lab.demo_config import MODEL
from stream_classifier.lab.figures import DemoFigures, plain_line
from stream_classifier.lab.screen import screen
from stream_classifier.lab.summary import summary
from stream_classifier.observe import logs
from stream_classifier.observe.live.recent import Recent
from stream_classifier.settings.service import Log

SCREEN_EVERY_S = 0.25
LINE_EVERY_S = 2.0
MAX_TICKETS = 20_000
"""The embedded broker keeps 5 MiB a partition: a stream above this could outrun whoever reads it."""


def demo(
    *,
    tickets: Annotated[int, typer.Option(min=1, max=MAX_TICKETS, help="How many tickets come.")] = 1500,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="In how many seconds.")] = 25,
    seed: Annotated[int, typer.Option(help="Another seed makes other tickets.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="Go on and on, until Ctrl-C.")] = False,
) -> None:
    """Show the whole journey of a ticket on this machine: nothing to install or to sign up for.

    The service runs as it would elsewhere, between an embedded Kafka-protocol broker and a simulated
    provider, so costs and waiting times are shown, and accuracy is not.

    Ctrl-C ends it in good order. Exit status 1 where the account of tickets does not come out even.

    Example: stream-classifier demo --tickets 3000 --seconds 40
    """
    # A proxy that the environment names must not stand between parts of one process.
    os.environ["no_proxy"] = "*"
    folder = Path(tempfile.mkdtemp(prefix="stream-classifier-demo-"))
    shown = Demo(Plan(tickets=tickets, seconds=seconds, seed=seed, endless=keep), folder)
    with _log_to(folder / LOG_FILE, shown.recent), _shower(shown) as (show, every_s):
        asyncio.run(_run(shown, show, every_s))
    figures = shown.figures()
    if figures.done:
        Console(highlight=False).print(summary(figures, model=MODEL))
    else:
        print("Stopped before the first ticket was labelled: there is nothing to sum up.")
    print(f"Its configuration and its log are in {folder}.", file=sys.stderr)
    if figures.lost or figures.repeated or (figures.left and not shown.stopped):
        raise typer.Exit(1)


async def _run(shown: Demo, show: Show, every_s: float) -> None:
    """Run until the end or a signal; a second one does not wait for what is under way."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, shown, number, loop)
    await shown.run(show, every_s)


def _stop_once(shown: Demo, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    shown.stop()
    loop.remove_signal_handler(number)  # the next Ctrl-C is Python's own: it leaves the screen in order


@contextmanager
def _log_to(path: Path, recent: Recent) -> Iterator[None]:
    """The service's log, where it does not spoil the screen."""
    settings = Log()
    with path.open("w", encoding="utf-8") as file:
        flush = logs.configure(settings.level, "json", settings.max_per_event_per_s, file, recent=recent)
        try:
            yield
        finally:
            flush()


@contextmanager
def _shower(shown: Demo) -> Iterator[tuple[Show, float]]:
    """What shows the figures, and how often: a screen on a terminal, else lines."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield _print_line, LINE_EVERY_S
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield lambda figures: live.update(screen(figures, foot(shown)), refresh=True), SCREEN_EVERY_S


def foot(shown: Demo) -> str:
    """What can be done now: a page to look at, a provider to break, and how to end it."""
    if shown.stopped:
        return "Stopping: calls under way are waited for, then the offsets are committed."
    if shown.page is None:
        return "Starting"
    return f"Ctrl-C ends it   page {shown.page}   provider {shown.provider}"


def _print_line(figures: DemoFigures) -> None:
    print(plain_line(figures), file=sys.stderr, flush=True)
