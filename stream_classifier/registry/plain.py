"""What Avro's types become where only JSON's are known.

* Bytes are text where they are UTF-8, else base64.
* A decimal is a text, so that no digit is lost. Times and dates are texts in ISO 8601.
* A number that JSON has no form for (NaN, infinities) is null, as with an event's own figures.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID


def plain(value: Any) -> Any:
    """The value in JSON's types. Raises `RecursionError` for what is nested beyond the stack."""
    turn = _TURNS.get(type(value))
    return value if turn is None else turn(value)


def _object(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(part) for name, part in value.items()}


def _array(value: list[Any]) -> list[Any]:
    return [plain(part) for part in value]


def _number(value: float) -> float | None:
    return value if isfinite(value) else None


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _iso(value: date | time) -> str:
    return value.isoformat()


_TURNS: dict[type, Callable[[Any], Any]] = {
    dict: _object,
    list: _array,
    float: _number,
    bytes: _bytes,
    Decimal: str,
    UUID: str,
    datetime: _iso,
    date: _iso,
    time: _iso,
}
