"""What a person hands to a command in one argument: a text, a file, or standard input."""

import re
import sys
from enum import StrEnum
from pathlib import Path

import typer

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.ticket import Ticket

STANDARD_INPUT = "-"
MAX_BYTES = 256 << 20
"""The most that `ticket.max_bytes` may allow."""

LOOKS_LIKE_JSON = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{|\[\s*[\[\]{])")
"""An object, or an array of what no sentence begins with: tickets' texts do begin with "[Urgent]"."""
LOOKS_LIKE_A_PATH = re.compile(r"\S*(?:/\S*|\.[A-Za-z][A-Za-z0-9]{1,5})")


class Form(StrEnum):
    """How what was given is read."""

    AUTO = "auto"  # JSON is a record, all else a text
    TEXT = "text"
    RECORD = "record"


def bytes_of(given: str, form: Form) -> bytes:
    """The bytes that are meant: of standard input, of a file, or of the argument itself.

    Raises `OperatorFault` where they cannot be read, `typer.BadParameter` for a path without a file.
    """
    if given == STANDARD_INPUT:
        if sys.stdin.isatty():
            print("Reading from the terminal; Ctrl-D ends it.", file=sys.stderr)
        return _limited(sys.stdin.buffer.read(MAX_BYTES + 1), "standard input")
    if _is_there(given):
        return _content(given)
    is_folder = _is_folder(given)
    if form is Form.AUTO and (is_folder or LOOKS_LIKE_A_PATH.fullmatch(given)):
        why = f"{given} is a directory" if is_folder else f"there is no file {given}"
        raise typer.BadParameter(
            f"{why}; if these are a ticket's words, add `--as text`", param_hint="TEXT_OR_FILE"
        )
    return given.encode(errors="surrogateescape")


def text_ticket(value: bytes) -> Ticket:
    """A ticket of which only the text is given. Raises `OperatorFault` where it is not UTF-8."""
    try:
        body = value.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OperatorFault(
            f"What was given is not UTF-8 (byte {error.start:,}), as every record must be: save it as UTF-8, "
            "or see by `--as record` what would become of these bytes."
        ) from error
    return Ticket(
        ticket_id="(a text)",
        subject="",
        body=body,
        body_format="text",
        priority=None,
        tags=(),
        tenant=None,
        revision=None,
    )


def _is_there(given: str) -> bool:
    try:
        return Path(given).exists() and not Path(given).is_dir()
    except (OSError, ValueError):  # too long for a path, or with what no path can hold: a text
        return False


def _is_folder(given: str) -> bool:
    try:
        return bool(given) and Path(given).is_dir()
    except (OSError, ValueError):
        return False


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            return _limited(file.read(MAX_BYTES + 1), path)
    except OSError as error:
        raise OperatorFault(f"{path} cannot be read: {error.strerror}.") from error


def _limited(value: bytes, name: str) -> bytes:
    if len(value) > MAX_BYTES:
        raise OperatorFault(f"{name} has more than {MAX_BYTES >> 20} MiB, which no ticket may have.")
    return value
