"""What is wrapped around tickets: CloudEvents, Connect, Debezium, ServiceNow's results, JSON in a text."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from stream_classifier.core.formats.opening import MAX_LAYERS
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket, TicketReader
from tests.unit.made_payloads import MADE, SERVICENOW, ZENDESK_ROW, Made

AUTO = TicketReader()
ROW = {"ticket_id": "5", "subject": "Help", "body": "It broke."}
OUTBOX = {"id": "6c", "aggregatetype": "ticket", "aggregateid": "5", "type": "TicketCreated"}
EVENT_HEADERS = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/shop")]


def read(raw: Any, headers: Sequence[tuple[str, bytes]] = (), reader: TicketReader = AUTO) -> Ticket:
    (ticket,) = reader.read(orjson.dumps(raw), headers)
    return ticket


def rule_of(raw: Any) -> str:
    with pytest.raises(PassedOver) as caught:
        AUTO.read(orjson.dumps(raw))
    return caught.value.rule


def change(op: str, **more: Any) -> dict[str, Any]:
    row = {"before": None, "after": ROW, "source": {"db": "help"}, "op": op, "ts_ms": 1772442900123}
    return row | more


def connect(payload: Any) -> dict[str, Any]:
    return {"schema": {"type": "struct", "fields": []}, "payload": payload}


def event(data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "type": "t", "source": "/shop", "id": "1", "data": data}


WRAPPERS = [
    change("c"),
    change("r"),
    change("u", before=ROW | {"body": "old"}),
    connect(ROW),
    connect(change("c")),
    event(connect(change("c"))),
    change("c", after=orjson.dumps(ROW).decode()),  # MongoDB
    change("c", after=OUTBOX | {"payload": orjson.dumps(ROW).decode()}),
    change("c", after=OUTBOX | {"payload": ROW}),
    orjson.dumps(ROW).decode(),  # the outbox event router
    connect(orjson.dumps(ROW).decode()),
    ROW | {"__op": "u", "__deleted": "false", "__ts_ms": 1},
    {"result": ROW},
]


@pytest.mark.parametrize("raw", WRAPPERS)
def test_what_is_wrapped_around_a_ticket_is_taken_off(raw: Any) -> None:
    ticket = read(raw)
    assert (ticket.ticket_id, ticket.subject, ticket.body) == ("5", "Help", "It broke.")


@pytest.mark.parametrize("case", MADE, ids=lambda case: case.name)
def test_any_format_may_be_wrapped(case: Made) -> None:
    bare = read(case.payload)
    assert read(connect(change("u", after=case.payload))) == bare
    assert read(case.payload, EVENT_HEADERS).subject == bare.subject
    assert read(event(case.payload)).ticket_id == bare.ticket_id
    assert read(orjson.dumps(case.payload).decode(), reader=TicketReader(format=case.format)) == bare


@pytest.mark.parametrize(
    ("raw", "rule"),
    [
        (change("d", before=ROW, after=None), "deleted"),
        (connect(change("d", before=ROW, after=None)), "deleted"),
        (change("t", after=None), "other_object"),
        ({"op": "m", "ts_ms": 1, "source": {}, "message": {"prefix": "p"}}, "other_object"),
        (ROW | {"__deleted": "true"}, "deleted"),
        (ROW | {"__deleted": True}, "deleted"),
        (ZENDESK_ROW.payload | {"__deleted": "true"}, "deleted"),
        (connect(None), "tombstone"),
        (change("c", after=OUTBOX | {"payload": None}), "tombstone"),
        (ROW | {"body": "__debezium_unavailable_value"}, "partial"),
        (change("u", after=ZENDESK_ROW.payload | {"description": "__debezium_unavailable_value"}), "partial"),
    ],
)
def test_what_a_change_event_does_not_hold_is_passed_over(raw: Any, rule: str) -> None:
    assert rule_of(raw) == rule


def test_a_large_value_that_is_no_text_of_the_ticket_is_not_missed() -> None:
    assert read(ROW | {"attachment": "__debezium_unavailable_value"}).body == "It broke."


@pytest.mark.parametrize(
    "raw",
    [
        ROW | {"op": "d", "before": {}, "after": None, "ts_ms": 1, "source": {}},
        ROW | {"schema": 1, "payload": {}},
        ROW | {"specversion": "1.0", "data": {"id": 9}},
        {"id": "5", "subject": "Help", "body": "It broke.", "op": "d", "after": None, "payload": 1},
    ],
)
def test_a_ticket_with_fields_like_an_envelope_s_is_a_ticket(raw: dict[str, Any]) -> None:
    assert read(raw).subject == "Help"


def test_a_change_event_without_its_row_says_what_is_missing() -> None:
    with pytest.raises(NotATicket, match="no `after`"):
        AUTO.read(orjson.dumps(change("u", after=None)))


def test_text_that_is_no_json_is_no_ticket() -> None:
    with pytest.raises(NotATicket, match="must be a JSON object"):
        AUTO.read(b'"hello"')
    with pytest.raises(NotATicket, match="The text in the value is not JSON"):
        AUTO.read(b'"{hello"')


def test_there_is_an_end_to_wrapping() -> None:
    raw: Any = ROW
    for _ in range(MAX_LAYERS):
        raw = connect(raw)
    with pytest.raises(NotATicket, match=f"more than {MAX_LAYERS} times"):
        AUTO.read(orjson.dumps(raw))


def test_an_array_may_stand_in_an_envelope_and_its_elements_in_their_own() -> None:
    raw = {"result": [connect(SERVICENOW.payload), SERVICENOW.payload | {"sys_id": "b"}]}
    assert [ticket.ticket_id for ticket in AUTO.read(orjson.dumps(raw))] == ["c0ffee", "b"]


def test_an_event_s_source_is_the_tenant_where_the_ticket_names_none() -> None:
    assert read(ROW, EVENT_HEADERS).tenant == read(event(ROW)).tenant == "/shop"
    assert read(ROW | {"tenant": "acme"}, EVENT_HEADERS).tenant == "acme"


def test_where_plain_json_is_set_nothing_is_taken_off() -> None:
    with pytest.raises(NotATicket, match=r"has no id.*There is `schema`, `payload`"):
        read(connect(ROW), reader=TicketReader(format="json"))


def test_headers_that_are_no_event_s_change_nothing() -> None:
    headers = [("traceparent", b"00-1-2-01"), ("content-type", b"application/json"), ("\u0130", b"\xff")]
    assert read(ROW, headers) == read(ROW)
