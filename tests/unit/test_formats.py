"""Bytes to JSON, envelopes, and HTML bodies."""

import base64
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.formats import FORMATS, recognise
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.html_body import text_of_html
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
    [b"", b" ", b"{", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": "\xff"}', b"{} x", '{"a": 1}'.encode("utf-16")],
)
def test_what_is_not_json_is_told_with_its_place(value: bytes) -> None:
    with pytest.raises(NotATicket, match=r"is not JSON \(.*line \d+ column \d+\): send one JSON") as caught:
        decode(value)
    assert caught.value.reason is DeadLetterReason.NOT_JSON


def test_nesting_beyond_the_parser_s_depth_is_not_json() -> None:
    with pytest.raises(NotATicket, match="is not JSON"):
        decode(b"[" * 2000 + b"]" * 2000)


def test_schema_registry_bytes_are_recognised() -> None:
    with pytest.raises(NotATicket, match="like Avro or Protobuf"):
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


# ---------------------------------------------------------------- HTML bodies


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>Hello <b>wor</b>ld</p><p>Bye</p>", "Hello world\n\nBye"),
        ("one<br>two<BR/>three", "one\ntwo\nthree"),
        ("<div>a</div><div>b</div>", "a\n\nb"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
        ("<html><head><title>T</title><style>p{}</style></head><body>x</body></html>", "x"),
        ("a<script>if (a<b) alert('</p>')</SCRIPT >b", "ab"),
        ("a<!-- hidden <p> -->b<![if !mso]>c<![endif]>d", "abcd"),
        ("<a title=\"1 > 0\" href='x>y'>link</a>", "link"),
        ("Caf&eacute;&nbsp;&amp; 5 &lt; 6 &#x41;", "Café & 5 < 6 A"),
        ("if a < b and b <= c", "if a < b and b <= c"),
        ("  spread \n over\t lines ", "spread over lines"),
        ("<pre>a\n  b</pre>", "a\n b"),
        ("never <a closed", "never <a closed"),
        ('broken <a title="5" inch">text</a> and "more"', 'broken text and "more"'),
        ("unclosed <!-- takes the rest", "unclosed"),
        ("unclosed <style> takes the rest", "unclosed"),
        ("", ""),
    ],
)
def test_html_reads_as_its_reader_would_see_it(source: str, text: str) -> None:
    assert text_of_html(source) == text


def test_a_character_reference_of_a_thousand_digits_is_no_fault() -> None:
    assert text_of_html("a &#" + "9" * 5000 + "; b").startswith("a &#999")


@given(st.text(alphabet="<>/!-\"'& #;a1bp=\n[]") | st.text())
def test_no_html_raises(source: str) -> None:
    assert "\n\n\n" not in text_of_html(source)


HOSTILE = [
    "<a ",
    '<a b="',
    "<a b='\">",
    "<!--",
    "<![",
    "<",
    "<b>",
    "<script></",
    "<pre>   ",
    "&#1",
    " \n",
    "9",
]


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("opening", ["", "<pre>", '<a "', "&#"])
def test_hostile_html_takes_time_linear_in_its_length(opening: str, unit: str) -> None:
    started_s = time.process_time()
    text_of_html(opening + unit * 100_000)
    assert time.process_time() - started_s < 5.0  # it takes a tenth of a second; a quadratic scan, minutes
