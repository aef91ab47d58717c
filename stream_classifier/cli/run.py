"""`stream-classifier run`: the service."""

import asyncio
import gc
import os
import signal
from collections.abc import Coroutine
from typing import Any

import structlog
import typer

from stream_classifier.cli.errors import FAILED
from stream_classifier.cli.files import ConfigFile
from stream_classifier.core.faults import OperatorFault
from stream_classifier.observe import logs
from stream_classifier.observe.census import tell_census
from stream_classifier.observe.exceptions import type_of
from stream_classifier.observe.last_words import keep_to_itself
from stream_classifier.observe.live.recent import Recent
from stream_classifier.service import Service
from stream_classifier.settings import Settings, load

log = structlog.get_logger(__name__)

GC_YOUNG_OBJECTS = 50_000
"""Collections scan what lives; with tens of thousands of tickets in flight the default of 700 new objects
between two scans costs more than the work itself."""


def run(
    config: ConfigFile = None,
) -> None:
    """Label the tickets of the input topic until told to stop (SIGTERM, Ctrl-C).

    What is answered by then is published and committed; exit status 0. The log goes to stderr.

    Example: stream-classifier run --config stream-classifier.yaml
    """
    settings = load(config, os.environ)
    recent = Recent()
    flush = logs.configure(
        settings.log.level, settings.log.format, settings.log.max_per_event_per_s, recent=recent
    )
    keep_to_itself()
    try:
        to_its_end(serve(settings, recent))
    finally:
        flush()


def to_its_end(service: Coroutine[Any, Any, None]) -> None:
    """Run the service; why it ended, where nobody stopped it, is its last line. Python's own traceback is
    not printed: it would quote an error's message, in which a ticket's text may stand."""
    try:
        asyncio.run(service)
    except OperatorFault as fault:
        log.error("service_failed", error=fault.sentence)
        raise
    except Exception as error:
        log.exception("service_failed", error=type_of(error), exc_info=error)
        raise typer.Exit(FAILED) from None


async def serve(settings: Settings, recent: Recent) -> None:
    """Run the service until a signal; a second one ends it at once. `recent` is what its page shows of the
    log."""
    service = Service(settings, os.environ, recent=recent)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _stop_once, service, number, loop)
    loop.add_signal_handler(signal.SIGUSR1, tell_census)
    gc.freeze()
    gc.set_threshold(GC_YOUNG_OBJECTS, 20, 20)
    await service.run()


def _stop_once(service: Service, number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    service.stop()
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
