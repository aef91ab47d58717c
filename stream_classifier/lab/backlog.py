"""A file of tickets, row by row: JSON lines or CSV, plain or gzipped, or standard input.

Rules:
- Memory is bounded whatever the file holds: one row at a time, none longer than `rows.MAX_ROW_BYTES`.
- A row that cannot be read is a `BadRow` with its line number; the rows after it are read all the same.
- What makes a file unreadable as a whole (missing, UTF-16, cut off in the middle of its gzip) is an
  `OperatorFault`.
- A ticket's fields pass through as they are; in CSV an empty cell is no field.
- The form is told from the name, else from the first character: `{` begins JSON lines. Gzip is told from
  its first two bytes, whatever the name.
"""

import gzip
import io
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path, PurePath
from typing import Any

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.backlog_csv import csv_rows
from stream_classifier.lab.rows import MAX_ROW_BYTES, TOO_LONG, BadRow, Line, Row, TicketRow

STANDARD_INPUT = "-"
JSON_SUFFIXES = (".jsonl", ".ndjson", ".json")
CSV_SUFFIXES = (".csv", ".tsv")
GZIP_MAGIC = b"\x1f\x8b"
PIECE_BYTES = 1 << 20
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
JSON_KINDS = {list: "an array", str: "a text", int: "a number", float: "a number", bool: "true or false"}

ByteLines = io.BufferedReader | gzip.GzipFile


@contextmanager
def open_backlog(source: str) -> Iterator[Iterator[Row]]:
    """The rows of the file at this path (`-` is standard input), while the block lasts.

    Raises `OperatorFault` where the file as a whole cannot be read, also while rows are drawn from it.
    """
    with open_measured(source) as (rows, _):
        yield rows


@contextmanager
def open_measured(source: str) -> Iterator[tuple[Iterator[Row], Callable[[], float | None]]]:
    """As `open_backlog`, with a function that says which share of the file is read by now; None of a pipe."""
    with _open(source) as file:
        rows = read_rows(file, "standard input" if source == STANDARD_INPUT else source)
        size_bytes = os.fstat(file.fileno()).st_size if file.seekable() else 0
        yield rows, lambda: file.tell() / size_bytes if size_bytes else None


def count_lines(source: str) -> int:
    """How many lines the file at this path has; as far as it can be read."""
    lines = 0
    with suppress(EOFError, zlib.error, OSError), _open(source) as file:
        whole = _unzipped(file)
        while piece := whole.read(PIECE_BYTES):
            lines += piece.count(b"\n")
    return lines


def read_rows(file: io.BufferedReader, name: str) -> Iterator[Row]:
    """The rows of an open file; its name tells the form, and stands in faults."""
    lines = _lines(_unzipped(file), name)
    head = next((line for line in lines if line[1] is None or line[1].strip()), None)
    if head is None:
        return
    first = (head[1] or b"").lstrip()
    if first.startswith(b"["):
        raise OperatorFault(
            f"{name} holds a JSON array; a ticket a line is needed, for example by "
            "`jq -c '.[]' tickets.json > tickets.jsonl`."
        )
    whole = chain([head], lines)
    yield from json_rows(whole) if _is_json(name, first) else csv_rows(whole, name)


def json_rows(lines: Iterator[Line]) -> Iterator[Row]:
    """One JSON object a line; blank lines are passed over."""
    for number, data in lines:
        if data is None:
            yield BadRow(line=number, sentence=TOO_LONG)
        elif data.strip():
            yield _json_row(number, data)


def _json_row(number: int, data: bytes) -> Row:
    try:
        ticket: Any = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return BadRow(line=number, sentence=f"The line is not JSON: {error.msg} at column {error.colno}.")
    if not isinstance(ticket, dict):
        kind = JSON_KINDS.get(type(ticket), "null")
        return BadRow(line=number, sentence=f"The line holds {kind}, where a JSON object is needed.")
    return TicketRow(line=number, ticket=ticket)


def _open(source: str) -> io.BufferedReader:
    if source == STANDARD_INPUT:
        return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))
    try:
        return Path(source).open("rb")
    except OSError as error:
        raise OperatorFault(
            f"{source} cannot be opened ({error.strerror}): give the path of a JSONL or CSV file, or `-` for "
            "standard input."
        ) from error


def _unzipped(file: io.BufferedReader) -> ByteLines:
    return gzip.GzipFile(fileobj=file) if file.peek(2).startswith(GZIP_MAGIC) else file


def _is_json(name: str, first: bytes) -> bool:
    suffix = PurePath(name.lower().removesuffix(".gz")).suffix
    return suffix in JSON_SUFFIXES or (suffix not in CSV_SUFFIXES and first.startswith(b"{"))


def _lines(file: ByteLines, name: str) -> Iterator[Line]:
    """Every line with its number, the byte order mark taken off, and too long ones left out."""
    number = 0
    try:
        while data := file.readline(MAX_ROW_BYTES + 1):
            number += 1
            if number == 1:
                data = _unmarked(data, name)
            yield number, None if _runs_over(data, file) else data
    except (EOFError, zlib.error, OSError) as error:
        raise OperatorFault(
            f"{name} breaks off after line {number}: it is damaged or was not copied whole; fetch it again."
        ) from error


def _unmarked(data: bytes, name: str) -> bytes:
    if data.startswith(UTF_16_MARKS):
        raise OperatorFault(f"{name} is written in UTF-16: save it as UTF-8, or convert it with iconv.")
    return data.removeprefix(BYTE_ORDER_MARK)


def _runs_over(data: bytes, file: ByteLines) -> bool:
    """True for a line that is too long; the rest of it is then read and thrown away."""
    if len(data) <= MAX_ROW_BYTES:
        return False
    while data and not data.endswith(b"\n"):
        data = file.readline(MAX_ROW_BYTES)
    return True
