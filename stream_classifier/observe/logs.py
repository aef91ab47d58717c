"""One log line is one JSON object: `event`, `timestamp`, `level`, `logger`, then its fields.

The chain, in order: the limiter first, so that a storm costs next to nothing; then context, level,
time and exceptions; masking after all that may add a field; rendering last. A line that cannot be
written (a closed pipe, a full disk) is lost: labelling does not stop because nobody listens.

Loggers are looked up at each call (structlog's cache is off, so that a second `configure` is heeded). A
hot path binds its logger once, when it is built: a silent `debug` then costs a fifth of a microsecond
and not five.
"""

import json
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson
import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, Processor, WrappedLogger

from stream_classifier.observe.exceptions import as_text, describe_exception
from stream_classifier.observe.library_lines import LibraryHandler
from stream_classifier.observe.limiter import EventLimiter
from stream_classifier.observe.masking import mask_secrets

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]
Flush = Callable[[], None]

_ROOT_NAME = "stream_classifier"


def configure(
    level: Level,
    log_format: Format,
    max_per_event_per_s: int,
    stream: TextIO | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
    recent: Processor | None = None,
) -> Flush:
    """Send all logging of this process, the libraries' too, to `stream` (by default standard error).

    `auto` is `console` on a terminal, else `json`. `clock` counts the limiter's seconds, `now` gives the
    lines' Unix time. `recent`, where given, is shown each line before it is written. Returns what announces
    the lines still held back; call it last.
    """
    stream = stream or sys.stderr
    limiter = EventLimiter(max_per_event_per_s, clock=clock, announce=_announce)
    structlog.configure(
        processors=[
            limiter,
            structlog.contextvars.merge_contextvars,
            _add_head(now),
            describe_exception,
            mask_secrets,
            *([recent] if recent else []),
            *_renderers(log_format, stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_line_factory(stream),
        cache_logger_on_first_use=False,
    )
    _take_over_standard_logging(LibraryHandler(clock=clock))
    return limiter.flush


def _announce(suppressed_event: str, count: int) -> None:
    log = structlog.get_logger(__name__)
    log.warning("log_suppressed", suppressed_event=suppressed_event, count=count)


def _add_head(now: Callable[[], float]) -> Processor:
    def add_head(logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        head = {
            "timestamp": rfc3339_ms(now()),
            "level": "error" if method == "exception" else method,
            "logger": logger.name,
            "event": event_dict.pop("event"),
        }
        return {**head, **event_dict}

    return add_head


def rfc3339_ms(unix_s: float) -> str:
    """A Unix time as RFC 3339 in UTC to the millisecond: `2025-01-31T09:30:00.250Z`."""
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _renderers(log_format: Format, stream: TextIO) -> list[Processor]:
    on_terminal = stream.isatty()
    if log_format == "console" or (log_format == "auto" and on_terminal):
        colors = on_terminal and not os.environ.get("NO_COLOR")
        console = ConsoleRenderer(colors=colors, sort_keys=False, exception_formatter=plain_traceback)
        return [_printable, console]
    return [_render_json]


def _render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    try:
        return orjson.dumps(event_dict, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, or an integer above 64 bits: rare, and no reason to lose a line
        return json.dumps(event_dict, default=str)


def _printable(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """For a terminal: the exception as lines, and no control character that could steer the terminal."""
    shown = {name: _visible(value) for name, value in event_dict.items()}
    if "exception" in event_dict:
        shown["exception"] = as_text(event_dict["exception"])
    return shown


def _visible(value: Any) -> Any:
    if isinstance(value, str) and not value.isprintable():
        return value.encode("unicode_escape").decode()
    return value


class _LineLogger:
    """What structlog calls at the end of its chain: writes a line, whatever the level."""

    def __init__(self, name: str, stream: TextIO, lock: threading.Lock) -> None:
        self.name = name
        self._stream = stream
        self._lock = lock

    def msg(self, line: str) -> None:
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream is closed
            return

    log = debug = info = warning = error = critical = exception = msg


def _line_factory(stream: TextIO) -> Callable[..., _LineLogger]:
    lock = threading.Lock()

    def line_logger(*names: str) -> _LineLogger:
        return _LineLogger(names[0] if names else _ROOT_NAME, stream, lock)

    return line_logger


def _take_over_standard_logging(handler: logging.Handler) -> None:
    """Nothing prints by itself: one handler on the root logger, and Python's warnings through it."""
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
