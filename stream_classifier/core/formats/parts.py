"""How the formats take an object apart. What they find may have any shape; `fields.py` judges it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from stream_classifier.core.formats.format import Raw

OWN_TEXT = frozenset({"subject", "body", "text", "description"})
_CANONICAL_ONLY = frozenset({"ticket_id", "tenant", "body_format", "text", "revision"})
ENOUGH_MARKS = 2  # one could be anybody's
_HOST = re.compile(r"https?://([^/?#@:]+)", re.ASCII | re.IGNORECASE)
_UTC = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)", re.ASCII)
_OFFSET = re.compile(r"(.*\dT\d\d:\d\d.*[+-]\d\d)(\d\d)", re.ASCII)


def at(raw: Any, *steps: str) -> Any:
    """What stands at the end of these names, each within the one before; None where there is nothing."""
    for step in steps:
        if not isinstance(raw, Mapping):
            return None
        raw = raw.get(step)
    return raw


def object_at(raw: Raw, *steps: str) -> Raw:
    """The object there; an empty one where there is none."""
    value = at(raw, *steps)
    return value if isinstance(value, Mapping) else {}


def first(*values: Any) -> Any:
    """The first that holds something."""
    return next((value for value in values if value is not None and value != ""), None)


def has_own_text(raw: Raw) -> bool:
    """Whether text stands at the top, as in no helpdesk's form that wraps its ticket in another object."""
    return not OWN_TEXT.isdisjoint(raw)


def has_canonical_names(raw: Raw) -> bool:
    """Whether it has names that only the canonical form has."""
    return not _CANONICAL_ONLY.isdisjoint(raw)


def is_marked(raw: Raw, marks: Iterable[str]) -> bool:
    """Whether it has enough of these names, which only one helpdesk has together."""
    return sum(mark in raw for mark in marks) >= ENOUGH_MARKS


def mapped(value: Any, names: Mapping[str, str]) -> Any:
    """Our name of a priority; the helpdesk's own where it is none that is documented."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str | int) and not isinstance(value, bool):
        return names.get(str(value).strip().casefold(), value)
    return value


def host(url: Any) -> str | None:
    """A URL's host."""
    found = _HOST.match(url) if isinstance(url, str) else None
    return found[1].lower() if found else None


def utc_time(value: Any) -> Any:
    """`2026-05-13 08:30:00`, which is meant in UTC, as RFC 3339; anything else as it is."""
    if isinstance(value, str) and (found := _UTC.fullmatch(value)):
        return f"{found[1]}T{found[2]}Z"
    return value


def offset_time(value: Any) -> Any:
    """`...+0000` as RFC 3339 writes it; anything else as it is."""
    if isinstance(value, str) and (found := _OFFSET.fullmatch(value)):
        return f"{found[1]}:{found[2]}"
    return value
