"""Bytes to JSON, envelopes, and HTML bodies."""

import base64

import orjson
import pytest

from stream_classifier.core.formats import FORMATS, recognise
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.ticket import DeadLetterReason, NotATicket, TicketReader

AUTO = TicketReader()
STRICT = TicketReader(format="cloudevents")
PLAIN = TicketReader(format="json")

TICKET = {"ticket_id": "35436", "subject": "Help", "body": "It broke."}
EVENT = {
    "specversion": "1.0",
    "type": "com.example.ticket",
    "source": "/zendesk",
    "id": "2b24",
    "data": TICKET,
}
BINARY_HEADERS = [("ce_specversion", b"1.0"), ("ce_id", b"2b24"), ("content-type", b"application/json")]
STRUCTURED_HEADERS = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]


def ids(reader: TicketReader, raw: object, headers: list[tuple[str, bytes]] | None = None) -> list[str]:
    return [ticket.ticket_id for ticket in reader.read(orjson.dumps(raw), headers or [])]


# ---------------------------------------------------------------- decoding


def test_a_byte_order_mark_is_passed_over() -> None:
    assert decode(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (rb'"cut \ud83d"', "cut \ufffd"),
        (rb'"\ude00 cut"', "\ufffd cut"),
        (rb'"\uD83D\uDE00 \ud83d"', "\U0001f600 \ufffd"),
        (rb'"\\ud83d \ud83d"', "\\ud83d \ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
    ],
)
def test_half_of_a_surrogate_pair_becomes_the_replacement_character(source: bytes, text: str) -> None:
    assert decode(source) == text


def test_of_a_key_that_occurs_twice_the_last_value_counts() -> None:
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}


@pytest.mark.parametrize(
    "value",
    [b"{", b"[", b'{"a": NaN}', b'{"a": 1e999}', b'{"a" 1}'],
)
def test_what_is_not_json_is_told_with_its_place(value: bytes) -> None:
    with pytest.raises(NotATicket, match=r"is not JSON \(.*line \d+ column \d+\): send one JSON") as caught:
        decode(value)
    assert caught.value.reason is DeadLetterReason.NOT_JSON


def test_nesting_beyond_the_parser_s_depth_is_not_json() -> None:
    with pytest.raises(NotATicket, match="is not JSON"):
        decode(b"[" * 2000 + b"]" * 2000)


def test_schema_registry_bytes_are_recognised() -> None:
    with pytest.raises(NotATicket, match="a schema registry"):
        decode(b"\x00\x00\x00\x00\x2a\x06abc")


# ---------------------------------------------------------------- CloudEvents


def test_in_binary_mode_the_value_is_the_ticket() -> None:
    assert ids(AUTO, TICKET, BINARY_HEADERS) == ids(STRICT, TICKET, BINARY_HEADERS) == ["35436"]


def test_in_structured_mode_the_data_is_the_ticket_with_and_without_the_header() -> None:
    assert ids(AUTO, EVENT) == ids(AUTO, EVENT, STRUCTURED_HEADERS) == ids(STRICT, EVENT) == ["35436"]


def test_the_event_s_own_id_is_never_taken_for_the_ticket_s() -> None:
    with pytest.raises(NotATicket, match="has no id"):
        ids(AUTO, EVENT | {"data": {"subject": "Help"}})


@pytest.mark.parametrize(
    "data",
    [
        {"data_base64": base64.b64encode(orjson.dumps(TICKET)).decode()},
        {"data_base64": base64.b64encode(orjson.dumps(TICKET)).decode(), "data": None},
        {"data": orjson.dumps(TICKET).decode()},
    ],
)
def test_data_may_be_encoded_once_more(data: dict[str, object]) -> None:
    event = {name: value for name, value in EVENT.items() if name != "data"}
    assert ids(AUTO, event | data) == ["35436"]


def test_data_may_be_an_array_of_tickets_and_an_array_may_hold_events() -> None:
    assert ids(STRICT, EVENT | {"data": [TICKET, {"id": 2}]}) == ["35436", "2"]
    assert ids(STRICT, [EVENT, EVENT | {"data": {"id": 2}}]) == ["35436", "2"]
    assert ids(STRICT, [TICKET, {"id": 2}], BINARY_HEADERS) == ["35436", "2"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": None}, "has no `data`"),
        ({"data": None, "data_base64": "%"}, "is not base64"),
        ({"data": None, "data_base64": 7}, "is not base64"),
        ({"data": None, "data_base64": "aGVsbG8="}, "`data_base64` is not JSON"),
        ({"data": "hello"}, "`data` is not JSON"),
        ({"data": 7}, "must be a JSON object"),
    ],
)
def test_an_event_without_a_ticket_in_it_is_told_so(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(NotATicket, match=sentence):
        ids(AUTO, EVENT | change)


def test_the_header_alone_makes_it_an_event() -> None:
    with pytest.raises(NotATicket, match="has no `data`"):
        ids(AUTO, TICKET, STRUCTURED_HEADERS)


def test_where_events_are_required_a_bare_ticket_is_refused_with_the_remedy() -> None:
    with pytest.raises(NotATicket, match=r"set ticket\.format to auto"):
        ids(STRICT, TICKET)


def test_where_plain_json_is_set_an_event_is_read_as_it_stands() -> None:
    assert ids(PLAIN, EVENT, STRUCTURED_HEADERS) == ["2b24"]


def test_headers_without_a_value_are_no_fault() -> None:
    headers = [("content-type", None), ("trace", None)]
    assert AUTO.read(orjson.dumps(TICKET), headers)[0].ticket_id == "35436"


# ---------------------------------------------------------------- the table


def test_the_general_format_comes_last_so_that_it_takes_what_nothing_else_claims() -> None:
    assert FORMATS[-1].name == "json"
    assert recognise({}).name == recognise({"ticket_id": 1}).name == "json"
