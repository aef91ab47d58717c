"""What may stand in a ticket's fields, and what becomes of it.

- Null and the empty string are as good as missing, everywhere but in the id.
- Numbers become strings.
- Any other shape is a fault where something depends on the field: what the model reads (subject, body,
  body_format), the lane (priority, tags, tenant) or the order of revisions. A body that is passed over
  in silence would be labelled by its subject alone, a lost tenant would share a cache.
- `language`, `channel` and `created_at` are read only where `ticket.context_fields` asks for them.
"""

import re
from typing import Any

import orjson

from stream_classifier.core.formats.canonical import NAMES
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.format import Raw

EXACT_FLOAT = 2**53
"""Below it a float holds every integer exactly; some serialisers (Gson) write integers as `35436.0`.
Above it two ids could become one."""

NAMES_TOLD = 10  # what a header and a line of a screen hold
_FIELD_NAME = re.compile(r"[A-Za-z_][\w.-]{0,39}", re.ASCII)

_SHAPES: dict[type, str] = {dict: "an object", list: "a list", bool: "a boolean", str: "text"}


def ticket_id(raw: Raw, places: tuple[str, ...], there: Raw) -> str:
    """The id as a string. Where there is none, `places` are named, and the names that are `there`."""
    value = raw.get("ticket_id")
    if type(value) is str and value and not value.isspace():  # nearly always
        return value
    name, value = _first(raw, "ticket_id")
    if isinstance(value, str) and value.strip():
        return value
    if value is None or isinstance(value, str):
        raise _fault(
            f"The ticket has no id: looked for {_listed(places)}. {names_in(there)} Send a string or an"
            " integer there, or name the field that holds it in ticket.fields.ticket_id."
        )
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_FLOAT:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise _wrong("ticket_id", name, value, "a string or an integer (beyond 64 bits: a string)")


def text(raw: Raw, field: str) -> str | None:
    """A field's text, or None where it is missing, null or empty."""
    value = raw.get(field)
    if type(value) is str and value:  # nearly always: no second look on the hot path
        return value
    if value is None and len(NAMES[field]) == 1:
        return None
    name, value = _first(raw, field)
    if value is None or isinstance(value, str):
        return value
    if _is_number(value):
        return str(value)
    raise _wrong(field, name, value, "a string")


def body_format(raw: Raw) -> str:
    """`html` where the field says so in any form (`HTML`, `text/html`), else `text`."""
    if raw.get("body_format") is None:
        return "text"
    return "html" if "html" in (text(raw, "body_format") or "").lower() else "text"


def tags(raw: Raw) -> tuple[str, ...]:
    """A list of strings, numbers or objects with a `name`; a single string is parted at its commas."""
    value = raw.get("tags")
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(tag for part in value.split(",") if (tag := part.strip()))
    if not isinstance(value, list):
        raise _wrong("tags", "tags", value, "a list of strings")
    if set(map(type, value)) == {str}:
        return tuple(value)
    return tuple(name for item in value if (name := _tag(item)))


def context(value: Any, name: str) -> str:
    """A context field's value as the model reads it: text as it is, a flat list with commas, else JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) or _is_number(item) for item in value):
        return ", ".join(map(str, value))
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except orjson.JSONEncodeError as fault:  # orjson writes 254 levels and reads 1,024
        raise _fault(
            f"`{name}` is nested too deeply to be shown to the model: name a field within it in"
            " ticket.context_fields."
        ) from fault


def names_in(raw: Raw) -> str:
    """Which names an object has, as a sentence: those that look like a field's, since what is written by
    people may stand in any other."""
    names = [name for name in raw if _FIELD_NAME.fullmatch(name)][:NAMES_TOLD]
    if not raw:
        return "The object is empty."
    told = ", ".join(f"`{name}`" for name in names) or "no field"
    more = len(raw) - len(names)
    return f"There is {told}{f' and {more} more' if more else ''}."


def _first(raw: Raw, field: str) -> tuple[str, Any]:
    """The first of a field's names that holds something, and what it holds."""
    for name in NAMES[field]:
        value = raw.get(name)
        if value is not None and value != "":
            return name, value
    return field, None


def _tag(item: Any) -> str | None:
    if isinstance(item, dict):
        item = item.get("name")
    if item is None or isinstance(item, str):
        return item
    if _is_number(item):
        return str(item)
    raise _wrong("tags", "tags", item, "a list of strings")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _wrong(field: str, name: str, value: Any, right: str) -> NotATicket:
    shape = _SHAPES.get(type(value), "a number")
    return _fault(
        f"The ticket's `{name}` holds {shape}: send {right}, or name the field that holds it in"
        f" ticket.fields.{field}."
    )


def _fault(sentence: str) -> NotATicket:
    return NotATicket(DeadLetterReason.NOT_A_TICKET, sentence)
