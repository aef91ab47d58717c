"""Which schema a record's value is written by: Confluent's wire format, in its two forms.

* Before the value: a zero byte, and the schema's number in four bytes, the highest first. JSON never begins
  with a zero byte, so plain JSON may stand on the same topic.
* In a header `__value_schema_id`: a one byte and the schema's GUID in sixteen, or a zero byte and its number.
  The value then is the payload alone. Of several such headers the last counts, as with Kafka's own clients.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

HEADER = "__value_schema_id"
BY_NUMBER, BY_GUID = b"\0", b"\1"
NUMBER_END, GUID_END = 1 + 4, 1 + 16

SchemaId = int | UUID
"""A schema's number in its registry, or its GUID."""

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Framed:
    """A value that is written by a schema; the payload begins at `start`."""

    schema_id: SchemaId
    start: int


def framed(value: bytes, headers: Headers) -> Framed | None:
    """How the value is framed; None where it is not, or breaks off within its frame."""
    for name, given in reversed(headers):
        if name == HEADER and given is not None and (schema_id := _schema_id(given)) is not None:
            return Framed(schema_id, start=0)
    if value[:1] == BY_NUMBER and len(value) >= NUMBER_END:
        return Framed(int.from_bytes(value[1:NUMBER_END]), start=NUMBER_END)
    return None


def _schema_id(given: bytes) -> SchemaId | None:
    if given[:1] == BY_GUID and len(given) == GUID_END:
        return UUID(bytes=given[1:])
    if given[:1] == BY_NUMBER and len(given) == NUMBER_END:
        return int.from_bytes(given[1:])
    return None
