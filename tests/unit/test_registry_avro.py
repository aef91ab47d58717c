"""Avro's binary form: what is read, what types that JSON lacks become, and what means harm."""

import io
import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from stream_classifier.registry.avro import Unreadable, Unusable, avro_reader

PRIORITY = {"type": "enum", "name": "Priority", "symbols": ["low", "urgent"]}
TICKET = {
    "type": "record",
    "name": "Ticket",
    "namespace": "helpdesk",
    "fields": [
        {"name": "ticket_id", "type": "string"},
        {"name": "body", "type": ["null", "string"]},
        {"name": "priority", "type": PRIORITY},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": ["null", "double", "Priority"]}},
    ],
}
GIVEN = {
    "ticket_id": "T1",
    "body": "Grüße",
    "priority": "urgent",
    "tags": ["a", "b"],
    "more": {"x": 1.5, "y": None, "z": "low"},
}
TREE = {
    "type": "record",
    "name": "Tree",
    "fields": [{"name": "text", "type": "string"}, {"name": "inner", "type": ["null", "Tree"]}],
}


def field_of(kind: Any) -> dict[str, Any]:
    return {"type": "record", "name": "One", "fields": [{"name": "x", "type": kind}]}


def written(schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    schemaless_writer(stream, parse_schema(schema), value)
    return stream.getvalue()


def read(schema: Any, payload: bytes, *references: Any) -> Any:
    return avro_reader(json.dumps(schema), [json.dumps(each) for each in references])(payload)


def read_back(kind: Any, value: Any) -> Any:
    schema = field_of(kind)
    return read(schema, written(schema, {"x": value}))["x"]


def test_a_record_is_read_as_the_object_that_it_is() -> None:
    assert read(TICKET, written(TICKET, GIVEN)) == GIVEN


AT = datetime(2026, 1, 2, 3, 4, 5, 6000, UTC)


@pytest.mark.parametrize(
    ("kind", "value", "becomes"),
    [
        ("bytes", b"Hello", "Hello"),
        ("bytes", b"\xff\x00", "/wA="),
        ({"type": "fixed", "name": "F", "size": 2}, b"\xff\x00", "/wA="),
        ("double", float("nan"), None),
        ("double", float("-inf"), None),
        ({"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}, Decimal("-1.50"), "-1.50"),
        ({"type": "long", "logicalType": "timestamp-millis"}, AT, "2026-01-02T03:04:05.006000+00:00"),
        ({"type": "long", "logicalType": "timestamp-micros"}, AT, "2026-01-02T03:04:05.006000+00:00"),
        ({"type": "int", "logicalType": "date"}, date(2026, 1, 2), "2026-01-02"),
        ({"type": "int", "logicalType": "time-millis"}, time(3, 4), "03:04:00"),
        ({"type": "string", "logicalType": "uuid"}, str(UUID(int=7)), str(UUID(int=7))),
    ],
)
def test_what_json_has_no_type_for_becomes_a_text_or_null(kind: Any, value: Any, becomes: Any) -> None:
    found = read_back(kind, value)
    assert found == becomes
    orjson.dumps(found)


def test_a_timestamp_beyond_all_calendars_stays_a_number_and_costs_no_ticket() -> None:
    millis = {"type": "long", "logicalType": "timestamp-millis"}
    payload = written(field_of("long"), {"x": 2**62})
    assert read(field_of(millis), payload) == {"x": 2**62}


def test_a_schema_may_name_others_that_stand_apart() -> None:
    schema = field_of({"type": "array", "items": "helpdesk.Ticket"})
    payload = b"\x02" + written(TICKET, GIVEN) + b"\x00"
    assert read(schema, payload, TICKET) == {"x": [GIVEN]}


# ------------------------------------------------------------------------------------------- harm


@pytest.mark.parametrize("payload", [b"", b"\x04T", written(TICKET, GIVEN)[:-1], b"\xff" * 30])
def test_a_payload_that_breaks_off_is_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        read(TICKET, payload)


def test_bytes_that_are_left_over_show_another_schema() -> None:
    with pytest.raises(Unreadable):
        read(TICKET, written(TICKET, GIVEN) + b"\x00")


@pytest.mark.parametrize(
    "items",
    [
        "null",
        {"type": "record", "name": "Empty", "fields": []},
        {"type": "record", "name": "Nulls", "fields": [{"name": "n", "type": "null"}]},
        {"type": "fixed", "name": "F0", "size": 0},
    ],
)
def test_items_that_take_no_space_are_refused_since_any_number_fits_in_ten_bytes(items: Any) -> None:
    with pytest.raises(Unusable, match="take no space"):
        avro_reader(json.dumps(field_of({"type": "array", "items": items})), [])


def test_types_that_double_one_another_are_refused() -> None:
    kind: Any = "null"
    for depth in range(20):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"R{depth - 1}" if depth else "null"}]
        kind = {"type": "record", "name": f"R{depth}", "fields": fields}
    with pytest.raises(Unusable, match="more than 10000 parts that take no space"):
        avro_reader(json.dumps(kind), [])


def test_items_with_many_nulls_are_refused_since_each_byte_would_be_a_hundred_objects() -> None:
    nulls = [{"name": f"n{number}", "type": "null"} for number in range(200)]
    items = {"type": "record", "name": "I", "fields": [{"name": "a", "type": "boolean"}, *nulls]}
    with pytest.raises(Unusable, match="items with more than 100 parts"):
        avro_reader(json.dumps(field_of({"type": "array", "items": items})), [])


@pytest.mark.parametrize("kind", [{"type": "array", "items": "string"}, {"type": "map", "values": "string"}])
def test_a_million_items_are_no_ticket(kind: Any) -> None:
    million = b"\x80\x89\x7a"  # as Avro writes it
    with pytest.raises(Unreadable):
        read(field_of(kind), million + b"\0" * 2_000_000)


def test_ten_thousand_items_are_read() -> None:
    assert len(read_back({"type": "array", "items": "string"}, ["tag"] * 10_000)) == 10_000


def test_a_schema_that_names_itself_is_read() -> None:
    value = {"text": "a", "inner": {"text": "b", "inner": None}}
    assert read(TREE, written(TREE, value)) == value


DEEP = """
import json
from stream_classifier.registry.avro import Unreadable, avro_reader
try:
    avro_reader(json.dumps({schema}), [])(b"\\x00\\x02" * {depth} + b"\\x00\\x00")
except Unreadable:
    print("unreadable")
"""


def test_a_value_nested_a_hundred_thousand_deep_does_not_end_the_process() -> None:
    script = DEEP.format(schema=TREE, depth=100_000)
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout.strip()) == (0, "unreadable"), done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "null",
        '"nothing"',
        '{"type": "record"}',
        '{"type": "record", "name": "R", "fields": 3}',
        "[" * 900 + "]" * 900,
    ],
)
def test_what_is_no_schema_is_unusable(text: str) -> None:
    with pytest.raises(Unusable):
        avro_reader(text, [])


def mutated(payload: bytes, cuts: list[tuple[int, int]], end: int) -> bytes:
    harmed = bytearray(payload)
    for place, byte in cuts:
        harmed[place % len(harmed)] = byte
    return bytes(harmed[: end % (len(harmed) + 1)])


LOGICAL = {
    **TICKET,
    "fields": [
        *TICKET["fields"],
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}},
    ],
}
VALUE: Mapping[str, Any] = GIVEN | {"at": AT, "cost": Decimal("1.00")}
READ = avro_reader(json.dumps(LOGICAL), [])
WRITTEN = written(LOGICAL, VALUE)


@given(
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    end=st.integers(0, len(WRITTEN)),
    tail=st.binary(max_size=12),
)
@hypothesis_settings(max_examples=500)
def test_whatever_bytes_come_they_are_json_or_unreadable(
    cuts: list[tuple[int, int]], end: int, tail: bytes
) -> None:
    try:
        found = READ(mutated(WRITTEN, cuts, end) + tail)
    except Unreadable:
        return
    orjson.dumps(found)
