"""Bytes to a JSON value, as forgiving as can be without guessing.

orjson is strict, and two of its refusals would send real tickets to the dead letters: a byte order
mark, which Windows tools write, and half of a surrogate pair as an escape, which is what remains when a
program that counts in UTF-16 cuts a text in the middle of an emoji. Both are mended, and only after
the strict reading has failed, so that they cost nothing where they do not occur. Everything else stays
refused: other encodings, NaN and Infinity, nesting deeper than 1,024, text after the value.

Of a key that occurs twice the last value counts, as with most parsers. Integers beyond 64 bits arrive
as floats, which is why `fields.py` does not take a large float for an id.
"""

import codecs
import re
from typing import Any

import orjson

from stream_classifier.core.formats.encodings import first_bad_byte, looks_like
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket

TOO_DEEP, MORE = "depth limit", "unexpected content after document"  # how orjson's own sentences begin

# One escape at a time, so that an escaped backslash is never taken for the start of `\uD83D`.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair
    rb"|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|.)",
    re.DOTALL,
)


def decode(value: bytes, *, what: str = "The value") -> Any:
    """The JSON value in `value`; `what` names it in the sentence.

    Raises:
        NotATicket: it is not JSON.
    """
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as fault:
        mended = _mended(value)
        if mended == value:
            raise _not_json(value, what, fault) from fault
    try:
        return orjson.loads(mended)
    except orjson.JSONDecodeError as fault:
        raise _not_json(mended, what, fault) from fault


def _mended(value: bytes) -> bytes:
    return _ESCAPE.sub(_whole, value.removeprefix(codecs.BOM_UTF8))


def _whole(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["half"] else escape[0]


def _not_json(value: bytes, what: str, fault: orjson.JSONDecodeError) -> NotATicket:
    where, remedy = _explained(value, fault)
    return NotATicket(DeadLetterReason.NOT_JSON, f"{what} is not JSON ({where}): {remedy}.")


def _explained(value: bytes, fault: orjson.JSONDecodeError) -> tuple[str, str]:
    """What is wrong and where, and the remedy, in our own words where the parser's would not help."""
    where = f"{fault.msg}, line {fault.lineno} column {fault.colno}"
    if not value.strip():
        return "it is empty", "send a ticket, or a null value if its deletion is meant"
    if (known := looks_like(value)) is not None:
        return known
    if (place := first_bad_byte(value)) is not None:
        return f"byte {place} is not UTF-8", "let the producer write UTF-8, not Latin-1 or Windows-1252"
    if fault.msg.startswith(TOO_DEEP):
        return "it is nested more than 1,024 deep", "send the ticket's own fields"
    if fault.msg.startswith(MORE):
        return where, "send each ticket as a record of its own, or all of them in one array"
    return where, "send one JSON object in UTF-8, or an array of them; NaN and Infinity are not JSON"
