"""A record and its tickets as the journey knows them, for those that cannot leave at once."""

from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Delivery, Partition, Waiting
from stream_classifier.core.ticket import Ticket
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.pipeline.subjects import Record


def delivery_of(partition: Partition, record: Record, lane: Lane, now: float) -> Delivery:
    """The record, read at `now` by the loop's clock."""
    return Delivery(
        partition=partition,
        offset=record.offset,
        key=record.key,
        headers=tuple(record.headers),  # the client's own list takes room even where it is empty
        timestamp_ms=record.timestamp,
        read_at=now,
        lane=lane,
    )


def waiting_of(
    delivery: Delivery, ticket: Ticket, prepared: Prepared, utf8: bytes, part: int | None
) -> Waiting:
    """One of its tickets; `utf8` is its text, `part` its place where there are several."""
    return Waiting(
        delivery=delivery,
        part=part,
        ticket_id=ticket.ticket_id,
        tenant=ticket.tenant,
        revision=ticket.revision,
        utf8=utf8,
        text_digest=prepared.digest,
        tokens=prepared.tokens,
        truncated=prepared.truncated,
        urgent_key=prepared.urgent_key,
        bulk_key=prepared.bulk_key,
        fallback_keys=prepared.fallback_keys,
    )
