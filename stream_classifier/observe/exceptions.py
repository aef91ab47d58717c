"""An exception as fields of a log line, on one line and without anything that was being worked on.

Rules:

- No local variables, no source lines: only where it happened (`file:line function`).
- The message is kept only where it cannot quote what was being worked on: of our own faults, of the
  network, and those that Python words without values. `KeyError('…')` or `invalid literal for int(): '…'`
  could quote a ticket, and so could any library's. Those are told by their type and their frames.
- The error comes first, then what caused it; the members of a group follow their group.
- Errors and frames have limits; the innermost frames are kept, since they say where.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from traceback import extract_tb
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from stream_classifier.core.faults import OperatorFault

MAX_ERRORS = 8  # of a chain or a group: enough for a cause of a cause in each lane
MAX_FRAMES = 20  # of each error
MAX_MESSAGE_CHARS = 500

_QUOTES_NOTHING = (
    OperatorFault,
    OSError,  # a system call and a file or an address
    ArithmeticError,
    AttributeError,
    ImportError,
    NameError,
    BaseExceptionGroup,
)
_SPEAKS_OF_CONNECTIONS = ("aiokafka", "redis")
"""Libraries whose errors name brokers, topics and their own states, never what a record holds."""

Described = dict[str, Any]


def describe(error: BaseException) -> list[Described]:
    """The error and its causes: `type`, `message` (null where withheld) and `frames`, outermost first."""
    return [_described(each) for each in islice(_chain(error, set()), MAX_ERRORS)]


def as_text(described: list[Described]) -> str:
    """The same for a terminal: a line an error, then a line a frame."""
    return "\n".join(line for each in described for line in _lines(each))


def describe_exception(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
    """A structlog processor: `exc_info` becomes the field `exception`, a list as `describe` gives."""
    error = _error_of(event_dict.pop("exc_info", None))
    if error is not None:
        event_dict["exception"] = describe(error)
    return event_dict


def message_of(error: BaseException) -> str | None:
    """What the error says of itself, on one line; None where it may quote what was being worked on."""
    library = type(error).__module__.partition(".")[0]
    if not isinstance(error, _QUOTES_NOTHING) and library not in _SPEAKS_OF_CONNECTIONS:
        return None
    said = " ".join(str(error).split())
    return said[:MAX_MESSAGE_CHARS] or None


def type_of(error: BaseException) -> str:
    """The type's name, with its module unless it is built in: `KeyError`, `aiokafka.errors.KafkaError`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _described(error: BaseException) -> Described:
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)]
    return {"type": type_of(error), "message": message_of(error), "frames": frames[-MAX_FRAMES:]}


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """Each error once: a chain may lead back into itself."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _chain(member, seen)
    if (cause := _cause(error)) is not None:
        yield from _chain(cause, seen)


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _lines(described: Described) -> list[str]:
    said = f": {described['message']}" if described["message"] else ""
    return [f"{described['type']}{said}", *(f"    {frame}" for frame in described["frames"])]


def _error_of(exc_info: object) -> BaseException | None:
    """What was handed over as `exc_info`: an error, a triple, or True for the one being handled."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None
