"""What is not a ticket: to the dead-letter topic with its bytes, and the stream goes on."""

import structlog

from stream_classifier.core import measures
from stream_classifier.core.dead_letter import dead_letter_headers
from stream_classifier.core.event import Rfc3339
from stream_classifier.core.journey import Partition
from stream_classifier.core.ticket import NotATicket
from stream_classifier.pipeline.departures import Departures
from stream_classifier.pipeline.subjects import Record

log = structlog.get_logger(__name__)


def reject(
    departures: Departures, partition: Partition, record: Record, value: bytes, fault: NotATicket
) -> None:
    """Send the record to where people look for it; it is told once."""
    headers = dead_letter_headers(
        record.headers,
        reason=fault.reason,
        sentence=fault.sentence,
        topic=partition.topic,
        partition=partition.number,
        offset=record.offset,
        failed_at=Rfc3339()(departures.wall_ms()),
    )
    departures.tally.add(measures.DEAD_LETTERS, fault.reason)
    log.warning(
        "dead_letter",
        event_id=f"{partition}:{record.offset}",
        partition=str(partition),
        offset=record.offset,
        reason=fault.reason,
    )
    if departures.tracing is not None:
        departures.tracing.rejected(partition, record.offset, record.headers, fault.reason)
    departures.outbox.dead_letter(partition, record.offset, record.key, value, headers)
