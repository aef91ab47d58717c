"""CloudEvents 1.0, by the specification's JSON format and its Kafka binding.

In binary mode the attributes are `ce_*` headers and the record's value is the ticket itself, so there
is nothing to take off. In structured mode the value is the event; the ticket is its `data`, or
`data_base64` where the producer took the ticket for bytes. A `data` that is a string is read as JSON
once more: producers that hand over text they have already encoded are common, and a bare string could
not be a ticket anyway.

`source` is the tenant where the ticket names none: ids are unique within a source only. Neither the
event's `id` nor its `subject` is ever the ticket's id: the one is new with each event, and the other is the
producer's name for the ticket (`ticket/35436`), not the helpdesk's.

https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md
"""

import base64
from collections.abc import Sequence
from typing import Any

from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.format import Envelope, Raw

CONTENT_TYPE = "application/cloudevents+json"
VERSION_HEADER, SOURCE_HEADER = "ce_specversion", "ce_source"


def is_binary(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """True where the record's headers are a CloudEvent's attributes."""
    return any(name == VERSION_HEADER for name, _ in headers)


def may_be_event(headers: Sequence[tuple[str, bytes | None]]) -> bool:
    """False where no header speaks of events, as nearly always. Quick to say."""
    return any(
        name.startswith("ce_") or (value is not None and b"cloudevents" in value) for name, value in headers
    )


def attributes(headers: Sequence[tuple[str, bytes | None]]) -> Raw | None:
    """The source of an event in binary mode; None where it is no event."""
    if not is_binary(headers):
        return None
    found = dict(headers).get(SOURCE_HEADER)
    return {"source": found.decode("utf-8", "replace")} if found else {}


def wraps(raw: Raw, content_type: str) -> bool:
    """True of an event in structured mode, whether the header says so or only the object does."""
    return content_type == CONTENT_TYPE or ("specversion" in raw and ("data" in raw or "data_base64" in raw))


def content(raw: Raw) -> Any:
    """The event's data.

    Raises:
        NotATicket: there is no data, or it cannot be decoded.
    """
    data = raw.get("data")
    if data is None and raw.get("data_base64") is not None:
        return decode(_from_base64(raw["data_base64"]), what="The CloudEvent's `data_base64`")
    if data is None:
        raise _fault("The CloudEvent has no `data`: send the ticket as its `data`.")
    if isinstance(data, str):
        return decode(data.encode(), what="The CloudEvent's `data`")
    return data


def _from_base64(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as fault:
        raise _fault(
            "The CloudEvent's `data_base64` is not base64: send the ticket as its `data`."
        ) from fault


def _fault(sentence: str) -> NotATicket:
    return NotATicket(DeadLetterReason.NOT_A_TICKET, sentence)


ENVELOPE = Envelope(name="cloudevents", marks=frozenset({"specversion"}), wraps=wraps, content=content)
