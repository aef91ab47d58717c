"""Reads Avro's binary form, by fastavro, without trusting the bytes or the schema.

Rules
-----
* A value is read by the schema that it was written with; nothing is resolved against another.
* fastavro's compiled reader uses the C stack, and a value nested 5,000 deep ends the process there
  (1.13.1). So a schema that can nest without end is read by its Python reader, whose depth has a limit.
* An array's items must take a byte each: else a value of ten bytes could stand for 2**60 of them.
* A value has `MAX_READS` numbers and texts at the most. Without that, 1 MiB could hold a million objects, and
  the loop for seconds.
* What takes no space in a value (nulls, and the objects themselves) is bounded, too, as a whole and in each
  item: types that name one another twice each grow by powers of two.
* A time or a decimal out of its range is read as the number that stands for it: an absurd timestamp
  must not cost a ticket its label.
* Bytes that are left over mean that the value was written by another schema.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import orjson
from fastavro import _read_py, parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException, UnknownType

from stream_classifier.registry.plain import plain

MAX_DEPTH = 64
"""Types within one another; ten are many. Beyond it the reader with a limit of its own takes over."""
MAX_READS = 100_000
"""Lengths, numbers and texts of one value, each byte of a number as one. The largest tickets have some
thousands; so many take 40 MiB and half a second at the worst."""
MAX_FREE = 10_000
"""Parts of a value that take no space; large helpdesk schemas have some hundreds of objects."""
MAX_FREE_IN_ITEM = 100
"""The same in one item of an array or a map, of which there may be many."""

ITEMS = {"array": "items", "map": "values"}
NO_SCHEMA = (
    SchemaParseException,
    UnknownType,
    *(RecursionError, TypeError, KeyError, ValueError, AttributeError),  # what fastavro lets through
)

Schema = Any  # as fastavro parses it: a name, a list (a union) or a dict


class Unusable(Exception):
    """Nothing can be read by this schema; `why` reads on from "The schema"."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Unreadable(Exception):
    """The payload is not what its schema says."""


def avro_reader(text: str, references: Sequence[str]) -> Callable[[bytes], Any]:
    """Reads payloads written by this schema into JSON's types. `references` are the schemas that it names,
    each after those that it names itself.

    The reader raises `Unreadable`. Raises `Unusable`.
    """
    schema, names = _parsed(text, references, logical=True)
    bare, _ = _parsed(text, references, logical=False)
    survey = _Survey(names)
    survey.width(schema, 0)
    if survey.free(schema) > MAX_FREE:
        raise Unusable(f"has more than {MAX_FREE} parts that take no space")
    read = _read_py.schemaless_reader if survey.endless else schemaless_reader

    def reader(payload: bytes) -> Any:
        try:
            try:
                return plain(_whole(read, payload, schema))
            except (OverflowError, ValueError):
                return plain(_whole(read, payload, bare))
        except Exception as error:  # whatever bytes can do to it
            raise Unreadable(type(error).__name__) from error

    return reader


class _Counted(BytesIO):
    """Bytes that are read so many times at the most."""

    left = MAX_READS

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise EOFError("too many parts")
        return super().read(size)


def _whole(read: Callable[..., Any], payload: bytes, schema: Schema) -> Any:
    stream = _Counted(payload)
    value = read(stream, schema, None)
    if stream.tell() != len(payload):
        raise EOFError("bytes are left over")
    return value


def _parsed(text: str, references: Sequence[str], *, logical: bool) -> tuple[Schema, dict[str, Schema]]:
    names: dict[str, Schema] = {}
    try:
        *_, schema = [parse_schema(_loaded(each, logical), names) for each in (*references, text)]
    except NO_SCHEMA as error:
        raise Unusable("is not a valid Avro schema") from error
    return schema, names


def _loaded(text: str, logical: bool) -> Any:
    schema = orjson.loads(text)
    return schema if logical else _without_logical(schema)


def _without_logical(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_logical(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _without_logical(part) for name, part in schema.items() if name != "logicalType"}
    return schema


@dataclass(slots=True)
class _Survey:
    """What a schema asks of whoever reads by it; `endless`: it names itself, or nests too deep."""

    names: dict[str, Schema]
    endless: bool = False
    _widths: dict[str, int] = field(default_factory=dict)
    _free: dict[str, int] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _counting: set[str] = field(default_factory=set)

    def width(self, schema: Schema, depth: int) -> int:
        """Bytes that a value takes at the least. Raises `Unusable`."""
        if depth > MAX_DEPTH:
            self.endless = True
        if isinstance(schema, list):
            return 1 + min((self.width(part, depth + 1) for part in schema), default=0)
        kind, name = _kind(schema), _name(schema, self.names)
        if name is not None:
            return self._width_of_named(name, depth)
        if kind in ITEMS:
            self._look_at_items(kind, schema[ITEMS[kind]], depth)
        return {"null": 0, "float": 4, "double": 8}.get(kind, 1)

    def _look_at_items(self, kind: str, items: Schema, depth: int) -> None:
        if not self.width(items, depth + 1) and kind == "array":
            raise Unusable("has an array whose items take no space")
        if self.free(items) > MAX_FREE_IN_ITEM:
            raise Unusable(f"has items with more than {MAX_FREE_IN_ITEM} parts that take no space")

    def _width_of_named(self, name: str, depth: int) -> int:
        if name in self._open:
            self.endless = True
            return 1
        if name not in self._widths:
            self._open.add(name)
            schema = self.names[name]
            self._widths[name] = (
                sum(self.width(part["type"], depth + 1) for part in schema["fields"])
                if "fields" in schema
                else schema.get("size", 1)
            )
            self._open.discard(name)
        return self._widths[name]

    def free(self, schema: Schema) -> int:
        """Nulls and objects that a value may have without taking space for them."""
        if isinstance(schema, list):
            return max(map(self.free, schema), default=0)
        name = _name(schema, self.names)
        if name is None:
            return int(_kind(schema) == "null")
        if name in self._counting:
            return 1
        if name not in self._free:
            self._counting.add(name)
            fields = self.names[name].get("fields", ())
            self._free[name] = 1 + sum(self.free(part["type"]) for part in fields)
            self._counting.discard(name)
        return self._free[name]


def _kind(schema: Schema) -> str:
    return str(schema["type"] if isinstance(schema, dict) else schema)


def _name(schema: Schema, names: dict[str, Schema]) -> str | None:
    """The name of a record, an enumeration or a fixed; None of what has none."""
    name = schema.get("name") if isinstance(schema, dict) else schema
    return name if name in names else None
