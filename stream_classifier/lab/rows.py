"""The rows of a backlog: what every form of file is read into."""

from dataclasses import dataclass, field
from typing import Any

MAX_ROW_BYTES = 4 * 1024 * 1024
"""Four times what `ticket.max_bytes` takes by default: room for escapes, and an end to what has none (a
file without line ends, a quote that is never closed)."""

TOO_LONG = f"The row is longer than {MAX_ROW_BYTES // 1024 // 1024} MiB: split it, or mend its line ends."

Line = tuple[int, bytes | None]
"""A line's number, from 1, and its bytes; None where it is longer than `MAX_ROW_BYTES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    """A ticket as the file has it, and the line on which it begins. `columns` are all of the file's, where it
    is CSV: of one object for all rows."""

    line: int
    ticket: dict[str, Any]
    columns: tuple[str, ...] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that is no ticket: the line on which it begins, and a sentence that says what is wrong."""

    line: int
    sentence: str


Row = TicketRow | BadRow
