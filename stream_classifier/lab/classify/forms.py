"""What a labelled row looks like: the row as it came, and what was found out in one field beside it.

In JSON lines that field is an object; in CSV its parts are columns, `classification.label` and so on. A field
of this name that the row had already (from an earlier run) is replaced; no other is touched.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Protocol

import orjson

from stream_classifier.lab.labelling import ReadRow

FIELD = "classification"
LEAN = (
    "status",
    "label",
    "labels",
    "reason",
    "decided_by",
    "lane",
    "model",
    "attempts",
    "tokens_in",
    "tokens_out",
    "cost_usd",
    "truncated",
    "ticket_id",
    "text_digest",
)
"""What of an event is written as a rule: what was decided, by whom, and what it cost."""

Event = Mapping[str, Any]


class FormName(StrEnum):
    """How the output is written."""

    JSONL = "jsonl"
    CSV = "csv"


class Form(Protocol):
    """Renders rows. `columns` is what has to be kept so that a later run renders alike."""

    @property
    def columns(self) -> Sequence[str] | None: ...

    def lines(self, row: ReadRow, events: Sequence[Event]) -> bytes:
        """A line for each event."""


def form_of(out: str) -> FormName:
    """CSV where the output's name ends so."""
    return FormName.CSV if PurePath(out).suffix.lower() == ".csv" else FormName.JSONL


def lean(event: Event) -> dict[str, Any]:
    """The part of an event that is written as a rule; `labels` only where there are several questions."""
    picked = {name: event[name] for name in LEAN}
    if len(event["labels"]) == 1:
        del picked["labels"]
    return picked


def _row_of(row: ReadRow) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(row.value or b"{}")
    content.pop(FIELD, None)
    return content


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """An object a line."""

    full: bool

    @property
    def columns(self) -> None:
        return None

    def lines(self, row: ReadRow, events: Sequence[Event]) -> bytes:
        content = _row_of(row)
        entries = (content | {FIELD: event if self.full else lean(event)} for event in events)
        return b"".join(orjson.dumps(entry) + b"\n" for entry in entries)


@dataclass(slots=True, kw_only=True)
class Csv:
    """Comma-separated, with a header. The columns are those of the input where it is CSV, else the fields of
    the first row; `left_out` are fields of later rows that have none."""

    full: bool
    columns: Sequence[str] | None = None
    left_out: set[str] = field(default_factory=set)

    def lines(self, row: ReadRow, events: Sequence[Event]) -> bytes:
        text = io.StringIO()
        writer = csv.writer(text)
        content = dict(_cells(_row_of(row), ""))
        for event in events:
            found = dict(_cells(event if self.full else lean(event), f"{FIELD}."))
            if self.columns is None:
                own = row.columns if row.columns is not None else tuple(content)
                self.columns = [*(name for name in own if not name.startswith(f"{FIELD}.")), *found]
                writer.writerow(self.columns)
            writer.writerow([(content | found).get(name, "") for name in self.columns])
        self.left_out.update(content.keys() - set(self.columns or ()))
        return text.getvalue().encode()


def _cells(content: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    """The fields of an object as columns. What we found out is taken apart; the input's own lists and objects
    are JSON in one cell."""
    for name, value in content.items():
        if before and isinstance(value, dict):
            yield from _cells(value, f"{before}{name}.")
        elif not name.startswith(f"{FIELD}.") or before:
            yield f"{before}{name}", _cell(value)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
