"""Debezium and Kafka Connect: what they wrap around a row.

| form | the ticket is |
| --- | --- |
| `{"schema": ..., "payload": ...}`: Connect's JSON with schemas | `payload`; null is a tombstone |
| change event, `op` c, r or u | `after`, which may be JSON in a text (MongoDB) |
| change event of an outbox table | `after.payload` |
| outbox event router | the value itself, as a rule JSON in a text |
| flattened row (`ExtractNewRecordState`) | the row, unless `__deleted` says `true` |

A row's own format is recognised as ever. `op` d is passed over as `deleted`, t (a truncated table) and m
(a message of the database's log) as `other_object`. Where the database did not send a large value because
it had not changed, Debezium writes `__debezium_unavailable_value`: a ticket whose subject or body is that is
passed over as `partial`, since a label by the rest would be another; `REPLICA IDENTITY FULL` makes it whole.

https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-change-events-value
https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
https://debezium.io/documentation/reference/stable/transformations/event-flattening.html
"""

from typing import Any

from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.format import Envelope, Raw
from stream_classifier.core.formats.parts import has_own_text
from stream_classifier.core.formats.passing import PassedOver, PassRule

ROW = frozenset("cru")
NO_ROW = {"d": PassRule.DELETED, "t": PassRule.OTHER_OBJECT, "m": PassRule.OTHER_OBJECT}
CONNECT_NAMES = frozenset({"schema", "payload"})
OUTBOX_NAMES = ("aggregateid", "aggregatetype", "aggregate_id", "aggregate_type")
UNAVAILABLE = "__debezium_unavailable_value"
DELETED_FIELD = "__deleted"


def says_deleted(row: Raw) -> bool:
    """Whether a flattened row says that it was deleted."""
    return row.get(DELETED_FIELD) in ("true", True)


def _is_connect(raw: Raw, content_type: str) -> bool:
    return raw.keys() == CONNECT_NAMES


def _payload(raw: Raw) -> Any:
    if raw["payload"] is None:
        raise PassedOver(PassRule.TOMBSTONE)
    return raw["payload"]


def _is_change(raw: Raw, content_type: str) -> bool:
    op = raw.get("op")
    if not isinstance(op, str) or not (op in ROW or op in NO_ROW) or has_own_text(raw):
        return False
    return "after" in raw or "before" in raw or ("source" in raw and "ts_ms" in raw)


def _row(raw: Raw) -> Any:
    if (rule := NO_ROW.get(raw["op"])) is not None:
        raise PassedOver(rule)
    row = raw.get("after")
    if row is None:
        raise NotATicket(
            DeadLetterReason.NOT_A_TICKET,
            "The change event has no `after`: let the connector send the row as it is after the change.",
        )
    if isinstance(row, dict) and "payload" in row and any(name in row for name in OUTBOX_NAMES):
        return _payload(row)
    return row


CONNECT = Envelope(name="connect", marks=CONNECT_NAMES, wraps=_is_connect, content=_payload)
CHANGE = Envelope(name="debezium", marks=frozenset({"op"}), wraps=_is_change, content=_row)
