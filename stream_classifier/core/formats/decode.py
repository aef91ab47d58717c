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

from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket

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
    remedy = "send one JSON object in UTF-8, or an array of them; NaN and Infinity are not JSON"
    if value.startswith(b"\0"):
        remedy = "it begins like Avro or Protobuf with a schema registry: " + remedy
    where = f"{fault.msg}, line {fault.lineno} column {fault.colno}"
    return NotATicket(DeadLetterReason.NOT_JSON, f"{what} is not JSON ({where}): {remedy}.")
