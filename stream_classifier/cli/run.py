"""`stream-classifier run`: the service."""

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from stream_classifier.observe import logs
from stream_classifier.service import Service
from stream_classifier.settings import Settings, load

GC_YOUNG_OBJECTS = 50_000
"""Collections scan what lives; with tens of thousands of tickets in flight the default of 700 new objects
between two scans costs more than the work itself."""


def run(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")
    ] = None,
) -> None:
    """Label the tickets of the input topic until told to stop (SIGTERM, Ctrl-C).

    What is answered by then is published and committed; exit status 0. The log goes to stderr.

    Example: stream-classifier run --config stream-classifier.yaml
    """
    settings = load(config, os.environ)
    flush = logs.configure(settings.log.level, settings.log.format, settings.log.max_per_event_per_s)
    try:
        asyncio.run(serve(settings))
    finally:
        flush()


async def serve(settings: Settings) -> None:
    """Run the service until a signal; a second one ends it at once."""
    service = Service(settings, os.environ)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, service, number, loop)
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 20)
    await service.run()


def _stop_once(service: Service, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    service.stop()
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
