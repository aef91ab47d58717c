"""A record becomes tickets or one clear refusal, whatever its bytes are."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream_classifier.core.formats.canonical import NAMES
from stream_classifier.core.ticket import (
    DeadLetterReason,
    NotATicket,
    Ticket,
    TicketReader,
)

READER = TicketReader(max_bytes=1 << 20)

FULL = {
    "ticket_id": "T-7",
    "subject": "Can't log in",
    "body": "<p>Since noon.</p>",
    "body_format": "html",
    "priority": "urgent",
    "tags": ["vip", "eu"],
    "tenant": "acme",
    "language": "en",
    "channel": "email",
    "created_at": "2026-05-13T08:30:00Z",
    "revision": 4,
}


def read_one(raw: Any, reader: TicketReader = READER) -> Ticket:
    (ticket,) = reader.read(orjson.dumps(raw))
    return ticket


def refusal(value: bytes, reader: TicketReader = READER) -> NotATicket:
    with pytest.raises(NotATicket) as caught:
        reader.read(value)
    return caught.value


def test_every_field_of_the_canonical_form_is_read() -> None:
    assert read_one(FULL) == Ticket(
        ticket_id="T-7",
        subject="Can't log in",
        body="<p>Since noon.</p>",
        body_format="html",
        priority="urgent",
        tags=("vip", "eu"),
        tenant="acme",
        revision="4",
    )


@pytest.mark.parametrize("raw", [{"id": 7}, {"id": 7} | dict.fromkeys(set(FULL) - {"ticket_id"})])
def test_everything_but_the_id_may_be_missing_or_null(raw: dict[str, Any]) -> None:
    ticket = read_one(raw)
    assert (ticket.ticket_id, ticket.subject, ticket.body, ticket.body_format) == ("7", "", "", "text")
    assert (ticket.priority, ticket.tags, ticket.tenant, ticket.revision) == (None, (), None, None)


@pytest.mark.parametrize("name", ["body", "text", "description"])
def test_the_body_may_go_by_three_names(name: str) -> None:
    assert read_one({"id": 1, name: "hello"}).body == "hello"


def test_an_empty_body_gives_way_to_a_text_that_is_not() -> None:
    assert read_one({"id": 1, "body": "", "text": None, "description": "hello"}).body == "hello"


def test_updated_at_serves_as_revision_where_there_is_none() -> None:
    assert read_one({"id": 1, "updated_at": "2026-05-13"}).revision == "2026-05-13"
    assert read_one({"id": 1, "updated_at": "2026-05-13", "revision": 2}).revision == "2"


@pytest.mark.parametrize(
    ("value", "published"),
    [("T-1", "T-1"), (0, "0"), (-3, "-3"), (2**64 - 1, "18446744073709551615"), (35436.0, "35436")],
)
def test_an_id_is_published_as_a_string(value: object, published: str) -> None:
    assert read_one({"ticket_id": value}).ticket_id == published


@pytest.mark.parametrize("value", [True, False, 1.5, [1], {"a": 1}])
def test_other_shapes_are_no_id(value: object) -> None:
    fault = refusal(orjson.dumps({"ticket_id": value}))
    assert fault.reason is DeadLetterReason.NOT_A_TICKET
    assert "`ticket_id`" in fault.sentence


def test_an_integer_beyond_64_bits_is_refused_rather_than_rounded() -> None:
    fault = refusal(b'{"id": 123456789012345678901}')
    assert "beyond 64 bits: a string" in fault.sentence


@pytest.mark.parametrize("raw", [{}, {"ticket_id": None}, {"id": ""}, {"ticket_id": "  "}, {"subject": "a"}])
def test_without_an_id_the_sentence_names_where_it_was_looked_for(raw: dict[str, Any]) -> None:
    fault = refusal(orjson.dumps(raw))
    assert fault.reason is DeadLetterReason.NOT_A_TICKET
    assert "`ticket_id` and `id`" in fault.sentence
    assert "ticket.fields.ticket_id" in fault.sentence


def test_numbers_become_text() -> None:
    ticket = read_one({"id": 1, "subject": 404, "body": 1.5, "priority": 1, "tenant": 12})
    assert (ticket.subject, ticket.body, ticket.priority, ticket.tenant) == ("404", "1.5", "1", "12")


@pytest.mark.parametrize(
    "field", ["subject", "body", "body_format", "priority", "tags", "tenant", "revision"]
)
@pytest.mark.parametrize("shape", [{"a": "b"}, [["a"]], True])
def test_a_field_that_something_depends_on_is_never_passed_over(field: str, shape: object) -> None:
    fault = refusal(orjson.dumps({"id": 1, field: shape}))
    assert fault.reason is DeadLetterReason.NOT_A_TICKET
    assert f"ticket.fields.{field}" in fault.sentence


@pytest.mark.parametrize("field", ["language", "channel", "created_at"])
def test_a_field_that_only_informs_may_hold_anything(field: str) -> None:
    assert read_one({"id": 1, field: {"code": "en"}}).ticket_id == "1"


@pytest.mark.parametrize(
    ("tags", "read"),
    [
        (["a", "b"], ("a", "b")),
        (["a", 7, None, ""], ("a", "7")),
        ([{"name": "bug", "id": 1}, {"color": "red"}], ("bug",)),
        ("vip, eu", ("vip", "eu")),
        ([], ()),
        ("", ()),
    ],
)
def test_tags_come_in_several_shapes(tags: object, read: tuple[str, ...]) -> None:
    assert read_one({"id": 1, "tags": tags}).tags == read


@pytest.mark.parametrize(
    ("given_format", "read"), [("HTML", "html"), ("text/html", "html"), ("markdown", "text"), ("", "text")]
)
def test_a_body_is_html_only_where_it_says_so(given_format: str, read: str) -> None:
    assert read_one({"id": 1, "body_format": given_format}).body_format == read


def test_an_array_is_several_tickets_in_order() -> None:
    assert [t.ticket_id for t in READER.read(b'[{"id": 3}, {"id": 1}]')] == ["3", "1"]


def test_an_empty_array_is_no_ticket() -> None:
    assert refusal(b"[]").reason is DeadLetterReason.NOT_A_TICKET


@pytest.mark.parametrize("other", [1, None, "x", [], {}, [{"id": 1}]])
def test_an_array_with_one_element_that_is_none_is_no_ticket_as_a_whole(other: object) -> None:
    fault = refusal(orjson.dumps([{"id": 1}, other]))
    assert fault.reason is DeadLetterReason.NOT_A_TICKET
    assert fault.sentence.startswith("Element 1 of the array")


@pytest.mark.parametrize("value", [b"1", b'"text"', b"true", b"null"])
def test_json_that_is_no_object_is_no_ticket(value: bytes) -> None:
    assert refusal(value).reason is DeadLetterReason.NOT_A_TICKET


def test_a_value_above_the_limit_is_too_large_and_the_limit_itself_is_not() -> None:
    value = b'{"id": 1}'
    assert TicketReader(max_bytes=len(value)).read(value)
    fault = refusal(value, TicketReader(max_bytes=len(value) - 1))
    assert fault.reason is DeadLetterReason.TOO_LARGE
    assert "ticket.max_bytes" in fault.sentence


def test_a_sentence_never_quotes_a_value() -> None:
    secret = "hunter2"
    for raw in ({"ticket_id": {secret: secret}}, {"id": 1, "body": [secret]}, [secret], {"subject": secret}):
        assert secret not in refusal(orjson.dumps(raw)).sentence
    assert secret not in refusal(b'{"id": "hunter2"').sentence


def test_an_own_path_replaces_the_names_its_field_has_otherwise() -> None:
    reader = TicketReader(fields={"ticket_id": "meta.key", "body": "payload.texts.0"})
    raw = {"id": 1, "text": "old", "meta": {"key": "K"}, "payload": {"texts": ["new"]}, "priority": "low"}
    ticket = read_one(raw, reader)
    assert (ticket.ticket_id, ticket.body, ticket.priority) == ("K", "new", "low")


def test_an_own_path_that_leads_nowhere_is_a_missing_field() -> None:
    reader = TicketReader(fields={"body": "payload.text"})
    assert read_one({"id": 1, "text": "old", "payload": []}, reader).body == ""


def test_the_sentence_for_a_missing_id_names_the_own_path() -> None:
    fault = refusal(b'{"id": 1}', TicketReader(fields={"ticket_id": "meta.key"}))
    assert "looked for `meta.key`." in fault.sentence


@pytest.mark.parametrize("fields", [{"text": "a"}, {"body": "a..b"}, {"body": ""}])
def test_field_paths_are_checked_when_the_reader_is_made(fields: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"ticket\.fields|is not a path"):
        TicketReader(fields=fields)


def test_a_format_that_is_not_available_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="auto, json, cloudevents, freshdesk"):
        TicketReader(format="remedy")


def test_context_fields_are_read_in_the_order_of_the_settings_and_without_the_missing() -> None:
    reader = TicketReader(context_fields=("plan.name", "gone", "seats", "products", "trial"))
    raw = {"id": 1, "plan": {"name": "gold"}, "seats": 5, "products": ["a", 2], "trial": {"b": 1, "a": True}}
    assert read_one(raw, reader).context == (
        ("plan.name", "gold"),
        ("seats", "5"),
        ("products", "a, 2"),
        ("trial", '{"a":true,"b":1}'),
    )


def test_a_context_field_nested_too_deeply_to_show_is_refused_with_the_remedy() -> None:
    deep = b"[" * 500 + b"]" * 500
    fault = refusal(b'{"id": 1, "plan": ' + deep + b"}", TicketReader(context_fields=("plan",)))
    assert "ticket.context_fields" in fault.sentence


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
fields_of_any_shape = st.dictionaries(
    st.sampled_from([*FULL, "id", "text", "data", "specversion"]), json_values
)
OWN = TicketReader(fields={"body": "text.0.a"}, context_fields=("tags", "data.a"))


@given(st.binary())
@example(b"\x00\x00\x00\x00\x01")
@example(b"\xff\xfe{\x00}\x00")
@example(b"[" * 100_000)
@example(b'{"id":' * 100_000)
@example(b'{"id": ' + b"9" * 10_000 + b"}")
def test_no_bytes_raise_anything_but_not_a_ticket(value: bytes) -> None:
    with contextlib.suppress(NotATicket):
        READER.read(value)


@given(fields_of_any_shape | st.lists(fields_of_any_shape), st.sampled_from([READER, OWN]))
def test_no_json_raises_anything_but_not_a_ticket(raw: Any, reader: TicketReader) -> None:
    try:
        tickets = reader.read(json.dumps(raw).encode(), [("content-type", b"application/json")])
    except NotATicket:
        return
    assert tickets
    for ticket in tickets:
        assert ticket.ticket_id
        assert all(isinstance(part, str) for part in (ticket.subject, ticket.body, *ticket.tags))
        repr(ticket).encode()  # no half of a surrogate pair is left anywhere


PLAIN_NAMES = [name for names in NAMES.values() for name in names]
PLAIN_VALUES: st.SearchStrategy[object] = st.one_of(
    st.none(), st.text(max_size=4), st.integers(0, 9), st.just([]), st.just("html")
)


@given(st.dictionaries(st.sampled_from([*PLAIN_NAMES, "specversion", "data"]), PLAIN_VALUES))
def test_the_short_way_reads_what_the_long_way_reads(raw: dict[str, object]) -> None:
    value = orjson.dumps(raw)
    short, long = TicketReader(), TicketReader(fields={"channel": "channel"})  # an own path: the long way
    assert outcome(short, value) == outcome(long, value)


def outcome(reader: TicketReader, value: bytes) -> object:
    try:
        return reader.read(value)
    except NotATicket as fault:
        return fault.reason, fault.sentence
