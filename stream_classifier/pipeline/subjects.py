"""Whom an event is about: its record, its ticket, and the headers that it takes over."""

from typing import Protocol

from stream_classifier.core.answer import Lane
from stream_classifier.core.event import Subject, cloud_event_headers, copied_headers, event_id
from stream_classifier.core.journey import Delivery, Headers, OwnHeaders, Partition, Waiting
from stream_classifier.core.replay import renewed_by
from stream_classifier.core.ticket import Ticket
from stream_classifier.pipeline.preparing import Prepared

CLOUD_EVENT_TYPE = b"application/cloudevents"


class Record(Protocol):
    """A record as the consumer delivers it; `timestamp` is in milliseconds since the epoch."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers


def known_subject(
    partition: Partition,
    record: Record,
    ticket: Ticket,
    prepared: Prepared,
    *,
    lane: Lane,
    labelled_ms: int,
    superseded: bool,
) -> Subject:
    """Of a ticket that the cache knows."""
    return Subject(
        topic=partition.topic,
        partition=partition.number,
        offset=record.offset,
        ticket_id=ticket.ticket_id,
        tenant=ticket.tenant,
        revision=ticket.revision,
        lane=lane,
        timestamp_ms=record.timestamp,
        labelled_ms=labelled_ms,
        truncated=prepared.truncated,
        superseded=superseded,
        relabel_of=renewed_by(record.headers, None) if record.headers else None,
    )


def subject_of(delivery: Delivery, waiting: Waiting, labelled_ms: int, superseded: bool) -> Subject:
    """Of a ticket that has waited."""
    return Subject(
        topic=delivery.partition.topic,
        partition=delivery.partition.number,
        offset=delivery.offset,
        part=waiting.part,
        ticket_id=waiting.ticket_id,
        tenant=waiting.tenant,
        revision=waiting.revision,
        lane=delivery.lane,
        timestamp_ms=delivery.timestamp_ms,
        labelled_ms=labelled_ms,
        truncated=waiting.truncated,
        overtook=delivery.overtook,
        superseded=superseded,
        relabel_of=renewed_by(delivery.headers, waiting.part) if delivery.headers else None,
    )


def headers_of(headers: Headers, subject: Subject) -> OwnHeaders:
    """An event's: those of its record that go on, and a CloudEvent's own where the record was one."""
    copied = copied_headers(headers)
    return copied + cloud_event_headers(event_id(subject)) if any(map(_of_cloud_event, headers)) else copied


def _of_cloud_event(header: tuple[str, bytes | None]) -> bool:
    """Whether a record with this header is a CloudEvent, in binary or in structured mode. Kafka allows a
    header without a value."""
    name, value = header[0].lower(), header[1] or b""
    return name.startswith("ce_") or (name == "content-type" and value.startswith(CLOUD_EVENT_TYPE))
