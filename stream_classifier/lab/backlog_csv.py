"""Tickets from CSV: the delimiter found, the header read, each row checked against it.

Rules:
- The first row is the header. Its delimiter is the one of `,` `;` tab `|` with which the header holds the
  most of the names that tickets have, then the one with which most rows are as long as the header. The
  standard library's sniffer guesses from letters and errs on prose.
- `sep=;` in the first line, as spreadsheets write it, is obeyed.
- Wrong quoting is told, never guessed at (`strict`). After a bad row, reading goes on at the next line.
- A row has as many cells as the header: another number means a delimiter that is not quoted.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.rows import MAX_ROW_BYTES, TOO_LONG, BadRow, Line, Row, TicketRow

DELIMITERS = ",;\t|"
SNIFFED_LINES = 40
"""Enough rows to tell the delimiter, few enough to show the first ticket of a slow pipe soon."""

TICKET_COLUMNS = frozenset(
    ("id", "ticket_id", "subject", "text", "body", "description", "priority", "tags", "tenant", "language")
)
NOT_UTF8 = "is not UTF-8: save the file as UTF-8, or convert it with iconv."
SEPARATOR_LINE = re.compile(rb"sep=(.)\r?\n?", re.IGNORECASE)


class LineTooLongError(Exception):
    """The feed came upon a line that was left out for its length."""


class Feed:
    """Lines for `csv.reader`, and the number of the last one it took.

    Bytes that are not UTF-8 become lone surrogates, so that only their own row is bad.
    """

    def __init__(self, lines: Iterator[Line]) -> None:
        self.line = 0
        self._lines = lines

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.line, data = next(self._lines)
        if data is None:
            raise LineTooLongError
        return data.decode("utf-8", "surrogateescape")


def csv_rows(lines: Iterator[Line], name: str) -> Iterator[Row]:
    """The rows below the header; `name` is the file's, for faults.

    Raises `OperatorFault` for a header that cannot be used: columns without a name, or with the same.
    """
    csv.field_size_limit(MAX_ROW_BYTES)
    head = list(islice(lines, SNIFFED_LINES))
    delimiter = _announced(head)
    if delimiter:
        del head[0]
    feed = Feed(chain(head, lines))
    reader = csv.reader(feed, delimiter=delimiter or find_delimiter(head), strict=True)
    header: tuple[str, ...] | None = None
    for number, cells in _records(reader, feed):
        if isinstance(cells, str):
            yield BadRow(line=number, sentence=cells)
        elif header is None:
            header = _checked_header(cells, name)
        elif cells:
            yield _row(number, header, cells)


def find_delimiter(head: Sequence[Line]) -> str:
    """The delimiter with which these lines make most sense; a comma where there is one column only."""
    texts = [data.decode("utf-8", "replace") for _, data in head if data]
    return max(DELIMITERS, key=lambda delimiter: _sense(texts, delimiter))


def _sense(texts: Iterable[str], delimiter: str) -> tuple[int, float, int]:
    """How much sense a delimiter makes: known columns, rows as long as the header, columns."""
    try:
        rows = [row for row in csv.reader(texts, delimiter=delimiter) if row]
    except csv.Error:
        return (0, 0.0, 0)
    if not rows or len(rows[0]) < 2:
        return (0, 0.0, 0)
    known = sum(name.strip().lower() in TICKET_COLUMNS for name in rows[0])
    alike = sum(len(row) == len(rows[0]) for row in rows) / len(rows)
    return (known, alike, len(rows[0]))


def _announced(head: Sequence[Line]) -> str | None:
    found = SEPARATOR_LINE.fullmatch(head[0][1] or b"")
    return found[1].decode("latin-1") if found else None


def _records(reader: Iterator[list[str]], feed: Feed) -> Iterator[tuple[int, list[str] | str]]:
    """Each record's first line, and its cells or the sentence that says why there are none."""
    while True:
        first = feed.line + 1
        try:
            yield first, next(reader)
        except StopIteration:
            return
        except LineTooLongError:
            yield feed.line, TOO_LONG
        except csv.Error:
            yield first, _complaint(first, feed.line)


def _complaint(first: int, last: int) -> str:
    if first == last:
        return 'The row is not quoted as CSV asks: write a quote inside a quoted cell twice ("").'
    return (
        f"A quote opens in this row and is not closed by line {last}, so the lines up to it were read as one "
        "cell: close it."
    )


def _checked_header(cells: Sequence[str], name: str) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in cells)
    if not all(header) or len(set(header)) < len(header):
        raise OperatorFault(
            f"The first line of {name}, as of every CSV file, must name every column, each name once: write "
            "such a header, for example `id,subject,body`."
        )
    if _not_utf8(header):
        raise OperatorFault(f"The first line of {name} {NOT_UTF8}")
    return header


def _row(number: int, header: tuple[str, ...], cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        counts = f"The row has {len(cells)} cells and the header {len(header)}"
        return BadRow(line=number, sentence=f"{counts}: quote cells that hold the delimiter.")
    ticket = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    if _not_utf8(cells):
        return BadRow(line=number, sentence=f"The row {NOT_UTF8}")
    return TicketRow(line=number, ticket=ticket, columns=header)


def _not_utf8(cells: Sequence[str]) -> bool:
    """Whether a cell holds a byte that the feed could not decode."""
    foreign = (cell for cell in cells if not cell.isascii())
    return any("\udc80" <= character <= "\udcff" for cell in foreign for character in cell)
