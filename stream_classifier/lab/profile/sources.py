"""Records to be profiled, and when each came."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.lab.rows import BadRow, Row

TIME_FIELDS = ("created_at", "received_at", "timestamp", "created", "createdAt", "date", "time")
"""Where a time is looked for, in this order; the first that holds one counts, row by row."""

EARLIEST_S = 315_532_800.0  # 1980: a smaller number is no time of a ticket
UNITS_S = (1.0, 1e-3, 1e-6, 1e-9)
"""Of numbers, the first of these with which they are a time between `EARLIEST_S` and `LATEST_S`."""
LATEST_S = 7_258_118_400.0  # 2200


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """A record as it came, `where` for a person. `fields` are those at its top, empty where it is no JSON
    object; `at` is in unix seconds, None where it has no time."""

    where: str
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()
    fields: Mapping[str, Any]
    at: float | None


def came(rows: Iterator[Row], time_field: str | None, on_bad: Callable[[BadRow], None]) -> Iterator[Came]:
    """The rows of a file as records; `time_field` None looks for the time in `TIME_FIELDS`.

    Raises ValueError where `time_field` is no path.
    """
    return _came(
        rows, [FieldPath.parse(name) for name in ([time_field] if time_field else TIME_FIELDS)], on_bad
    )


def _came(
    rows: Iterator[Row], paths: Sequence[FieldPath], on_bad: Callable[[BadRow], None]
) -> Iterator[Came]:
    for row in rows:
        if isinstance(row, BadRow):
            on_bad(row)
            continue
        found = (unix_s(path.of(row.ticket)) for path in paths)
        at = next((at for at in found if at is not None), None)
        yield Came(where=f"Line {row.line}", value=orjson.dumps(row.ticket), fields=row.ticket, at=at)


def unix_s(value: Any) -> float | None:
    """A time in unix seconds: ISO 8601 (UTC where no offset is given), or a number of seconds, milli-, micro-
    or nanoseconds. None for anything else."""
    if isinstance(value, str):
        text = value.strip()
        try:
            return _of_number(float(text)) if _looks_like_number(text) else _of_text(text)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_number(float(value))
    return None


def _looks_like_number(text: str) -> bool:
    return len(text) > 8 and text.replace(".", "", 1).isdecimal()  # "20260105" is a day


def _of_text(text: str) -> float | None:
    at = datetime.fromisoformat(text)
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return seconds if EARLIEST_S <= seconds <= LATEST_S else None


def _of_number(number: float) -> float | None:
    return next((number * unit for unit in UNITS_S if EARLIEST_S <= number * unit <= LATEST_S), None)
