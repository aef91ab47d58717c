"""What the libraries have to say (aiokafka, uvicorn, httpx, asyncio, warnings), in our own form.

They log through the standard library; here every record from `warning` up becomes the event `library`.
Rules:

- One line: the message's first line, cut to a limit. An error that says that a peer or the network is
  away is told by type and message; its stack is aiokafka's and says nothing. Any other has its frames.
- A message of a library that repeats itself (a client looks for its broker ten times a second) is told
  once in `REPEAT_S`, with the number of times it was held back since.
- What is ordinary life and is already told by an event of ours is left out: see `_ORDINARY`.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from stream_classifier.observe.exceptions import MAX_MESSAGE_CHARS, message_of, type_of

REPEAT_S = 30.0  # the pace of our own summary line: an outage stays visible in every one of its intervals
MAX_KINDS = 1000  # messages remembered; above it all are forgotten, and told once more

MessageKind = tuple[str, str, str]
"""Which message it is, whatever its arguments: logger, first line of the template, type of the error."""

_ORDINARY = (
    "Heartbeat failed for group %s because it is rebalancing",  # every rebalance begins with it
)


@dataclass(slots=True)
class _Told:
    at: float
    held_back: int = 0


class Repeats:
    """Which messages were told of late. Pure: `now` is in seconds of any steady clock."""

    def __init__(self, repeat_s: float = REPEAT_S, max_kinds: int = MAX_KINDS) -> None:
        self._repeat_s = repeat_s
        self._max_kinds = max_kinds
        self._told: dict[MessageKind, _Told] = {}

    def due(self, kind: MessageKind, now: float) -> int | None:
        """None: told of late, hold it back. Else tell it; the number is how often it was held back."""
        before = self._told.get(kind)
        if before is not None and now - before.at < self._repeat_s:
            before.held_back += 1
            return None
        if len(self._told) >= self._max_kinds:
            self._told.clear()
        self._told[kind] = _Told(now)
        return before.held_back if before else 0


class LibraryHandler(logging.Handler):
    """Hands the standard library's records to structlog, as the event `library`."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._repeats = Repeats()

    def emit(self, record: logging.LogRecord) -> None:
        """Tell one record, unless it is ordinary or was told of late."""
        template = str(record.msg)
        if template.startswith(_ORDINARY):
            return
        held_back = self._repeats.due(_kind_of(record, template), self._clock())
        if held_back is not None:
            _tell(record, held_back)


def _tell(record: logging.LogRecord, held_back: int) -> None:
    log = structlog.get_logger(record.name)
    library, message, error = record.name.partition(".")[0], _first_line(record), _error_fields(record)
    if record.levelno >= logging.ERROR:
        log.error("library", library=library, message=message, held_back=held_back, **error)
    else:
        log.warning("library", library=library, message=message, held_back=held_back, **error)


def _kind_of(record: logging.LogRecord, template: str) -> MessageKind:
    error = _error_of(record)
    return record.name, template.partition("\n")[0], type_of(error) if error else ""


def _first_line(record: logging.LogRecord) -> str:
    try:
        said = record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit their template: the library's slip
        said = str(record.msg)
    lines = said.strip().splitlines()
    return lines[0][:MAX_MESSAGE_CHARS] if lines else ""


def _error_fields(record: logging.LogRecord) -> dict[str, object]:
    error = _error_of(record)
    if error is None:
        return {}
    if _is_peer_away(error):
        return {"error_type": type_of(error), "error": message_of(error)}
    return {"exc_info": error}


def _error_of(record: logging.LogRecord) -> BaseException | None:
    return record.exc_info[1] if record.exc_info else None


def _is_peer_away(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.startswith("aiokafka.")
