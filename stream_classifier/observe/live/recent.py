"""The log lines that matter to somebody who looks now, kept as they are written.

Rules
-----
* A processor of the log's chain, after the masking: nothing is kept that the log would not show.
* Kept are warnings and errors, and what tells of pauses, of resuming and of partitions. Each event has its
  own few places, so that a storm of one never drives out another. What is kept is text, cut to a length:
  so the memory has a bound.
* Reviews and dead letters have lists of their own: they are the stream's business as usual.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

from structlog.typing import EventDict, WrappedLogger

LINES = 20  # shown
PER_EVENT = 3  # kept of one event
DECISIONS = 10  # kept of reviews, and of dead letters
MAX_CHARS = 300  # of one text: three lines on a telephone's screen
ALARMING = frozenset({"warning", "error", "critical"})
TELLING = frozenset(
    {
        "budget_renewed",
        "cache_backend_back",
        "commit_refused",
        "commit_resumed",
        "limit_pause",
        "model_introduced",
        "partitions_assigned",
        "partitions_revoked",
        "provider_resumed",
        "publishing_resumed",
        "service_starting",
        "service_stopping",
        "storm_over",
        "transaction_resumed",
    }
)
OMITTED = frozenset({"timestamp", "level", "logger", "event", "group_id", "exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the log. `number` is its place among those of its event, from 1."""

    timestamp: str
    level: str
    event: str
    said: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A ticket that a person must look at, or a record that is no ticket: by its id, never by its text."""

    timestamp: str
    record: str  # topic:partition:offset
    ticket_id: str
    reason: str


@dataclass(slots=True)
class _Kept:
    """The last lines of one event, and how many there were."""

    count: int = 0
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=PER_EVENT))


@dataclass(slots=True)
class Recent:
    """Keeps the lines that pass. As many events are known as the code has names for them."""

    reviews: deque[Decided] = field(default_factory=lambda: deque(maxlen=DECISIONS))
    dead_letters: deque[Decided] = field(default_factory=lambda: deque(maxlen=DECISIONS))
    _kept: dict[str, _Kept] = field(default_factory=dict)

    def __call__(self, _logger: WrappedLogger, _method: str, event_dict: EventDict) -> EventDict:
        """A structlog processor: keeps what matters, and hands on what it was given."""
        event = event_dict["event"]
        if event == "needs_review":
            self.reviews.append(_decided(event_dict, event_dict.get("event_id")))
        elif event == "dead_letter":
            record = f"{event_dict.get('partition')}:{event_dict.get('offset')}"
            self.dead_letters.append(_decided(event_dict, record))
        elif event_dict["level"] in ALARMING or event in TELLING:
            self._keep(event, event_dict)
        return event_dict

    def lines(self) -> list[Line]:
        """The last lines, the newest first."""
        every = [line for kept in list(self._kept.values()) for line in list(kept.lines)]
        return nlargest(LINES, every, key=_time)

    def _keep(self, event: str, fields: EventDict) -> None:
        kept = self._kept.setdefault(event, _Kept())
        kept.count += 1
        line = Line(
            timestamp=str(fields["timestamp"]),
            level=str(fields["level"]),
            event=event,
            said=_cut(_said(fields)),
            number=kept.count,
        )
        kept.lines.append(line)


def _decided(fields: EventDict, record: object) -> Decided:
    return Decided(
        timestamp=str(fields["timestamp"]),
        record=_cut(record),
        ticket_id=_cut(fields.get("ticket_id", "")),
        reason=_cut(fields.get("reason", "")),
    )


def _said(fields: EventDict) -> str:
    """What a line says besides its name: the remedy first, then the fields; of an exception its type."""
    remedy = [str(fields["remedy"])] if fields.get("remedy") else []
    rest = [
        f"{name}={_short(value)}"
        for name, value in fields.items()
        if name not in OMITTED and name != "remedy" and value is not None
    ]
    types = [f"exception={error['type']}" for error in fields.get("exception", [])[:1]]
    return "  ".join([*remedy, *rest, *types])


def _short(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(str(entry) for entry in value[:PER_EVENT]) + ("…" if len(value) > PER_EVENT else "")
    return str(value)


def _cut(value: object) -> str:
    """One line of text, not too long, whatever it was."""
    text = " ".join(str(value)[: 2 * MAX_CHARS].split())
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "…"


def _time(line: Line) -> str:
    return line.timestamp
