"""A ticket's spans: one from its delivery until the broker has its event, and in it one for the sending.

Rules
-----
* A span is opened when the ticket is called for the first time, or else when its event leaves, and begins
  when the record was read. So a backlog that waits costs nothing.
* It ends when the broker has acknowledged the event. Where `OPEN_MAX` are open already, as while the broker
  is away, those that leave end at the hand-over, so that memory stays bounded.
* A ticket whose partition is taken away says so and ends: its next owner opens another, in the same trace.
* One that is not sampled has no span for the sending: nobody would see it, and it carries its own context on.
* Attributes are ids, names, numbers and reasons. Never a text, a key or a header.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import chain

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from stream_classifier.core.event import Subject, event_id
from stream_classifier.core.journey import Decision, Headers, OwnHeaders, Partition, Waiting
from stream_classifier.observe import trace_names as names
from stream_classifier.observe.trace_context import came_with, going_with

OPEN_MAX = 5_000  # of some 4 KB each, with the span for the sending
KAFKA = "kafka"

Attributes = dict[str, AttributeValue]


@dataclass(slots=True)
class _Open:
    """A ticket's span, and that of its event's sending once it has left."""

    span: Span
    sending: Span | None = None

    def end(self) -> None:
        if self.sending is not None:
            self.sending.end()
        self.span.end()


@dataclass(slots=True, kw_only=True)
class TicketSpans:
    """Makes and ends tickets' spans. `now` is the loop's clock in seconds, `wall_ns` the wall clock in
    nanoseconds."""

    tracer: Tracer
    group_id: str
    output_topic: str
    now: Callable[[], float]
    wall_ns: Callable[[], int] = time.time_ns
    open_max: int = OPEN_MAX
    _open: dict[Partition, dict[int, dict[int | None, _Open]]] = field(default_factory=dict)
    _count: int = 0

    def called(self, waiting: Waiting) -> Span | None:
        """The span of a ticket that is being asked; None where too many are open."""
        delivery = waiting.delivery
        opened = self._opened(
            delivery.partition, delivery.offset, waiting.part, delivery.headers, delivery.read_at
        )
        return None if opened is None else opened.span

    def leaves(
        self,
        partition: Partition,
        subject: Subject,
        decision: Decision,
        *,
        came: Headers,
        headers: OwnHeaders,
        read_at: float | None = None,
    ) -> OwnHeaders:
        """A ticket's event is handed to the producer. Returned are the headers that it goes with, which carry
        the trace on. `came` are the record's, `read_at` says when it was read: None for this moment."""
        kept = self._opened(partition, subject.offset, subject.part, came, read_at)
        left = kept or _Open(self._begun(partition, subject.offset, came, read_at))
        if left.span.is_recording():
            left.span.set_attributes(_of(subject, decision))
            left.sending = self._sending(left.span)
        if kept is None:
            left.end()
        return going_with(headers, left.sending or left.span)

    def rejected(self, partition: Partition, offset: int, came: Headers, reason: str) -> None:
        """A record is no ticket, and goes to the dead-letter topic as it came."""
        kept = self._opened(partition, offset, None, came, None)
        left = kept or _Open(self._begun(partition, offset, came, None))
        left.span.set_attribute(names.EVENT_ID, f"{partition}:{offset}")
        failed(left.span, reason)
        if kept is None:
            left.end()

    def acknowledged(self, partition: Partition, offsets: Collection[int]) -> None:
        """The broker has all that these records were to bring about."""
        records = self._open.get(partition)
        if records:
            for offset in offsets:
                self._end(records.pop(offset, {}))

    def close(self) -> None:
        """End all that are open: nothing more is published."""
        for partition in list(self._open):
            self._take_away(partition)

    def _opened(
        self, partition: Partition, offset: int, part: int | None, came: Headers, read_at: float | None
    ) -> _Open | None:
        """A ticket's open span, or a new one; None where too many are open."""
        if partition not in self._open:
            self._begin(partition)
        parts = self._open[partition].get(offset, {})
        if part not in parts:
            if self._count >= self.open_max:
                return None
            parts[part] = _Open(self._begun(partition, offset, came, read_at))
            self._open[partition][offset] = parts
            self._count += 1
        return parts[part]

    def _begin(self, partition: Partition) -> None:
        """The first span of an assignment: those that went away are done with."""
        for other in [other for other in self._open if not other.open]:
            self._take_away(other)
        self._open[partition] = {}

    def _take_away(self, partition: Partition) -> None:
        records = self._open.pop(partition)
        for opened in chain.from_iterable(parts.values() for parts in records.values()):
            opened.span.add_event(names.NOT_PUBLISHED)
        for parts in records.values():
            self._end(parts)

    def _end(self, parts: dict[int | None, _Open]) -> None:
        self._count -= len(parts)
        for opened in parts.values():
            opened.end()

    def _begun(self, partition: Partition, offset: int, came: Headers, read_at: float | None) -> Span:
        ago_s = 0.0 if read_at is None else self.now() - read_at
        return self.tracer.start_span(
            f"process {partition.topic}",
            context=came_with(came),
            kind=SpanKind.CONSUMER,
            attributes={
                **_operation("process", partition.topic),
                names.PARTITION: str(partition.number),
                names.OFFSET: offset,
                names.GROUP: self.group_id,
            },
            start_time=self.wall_ns() - round(ago_s * 1e9),
        )

    def _sending(self, span: Span) -> Span:
        return self.tracer.start_span(
            f"send {self.output_topic}",
            context=set_span_in_context(span),
            kind=SpanKind.PRODUCER,
            attributes=_operation("send", self.output_topic),
        )


def failed(span: Span, error_type: str) -> None:
    """Say why it came to nothing."""
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(Status(StatusCode.ERROR))


def _operation(name: str, topic: str) -> Attributes:
    return {
        names.SYSTEM: KAFKA,
        names.OPERATION_NAME: name,
        names.OPERATION_TYPE: name,
        names.DESTINATION: topic,
    }


def _of(subject: Subject, decision: Decision) -> Attributes:
    """What is said of a ticket that leaves; what the event has as null is left out."""
    told: dict[str, AttributeValue | None] = {
        names.EVENT_ID: event_id(subject),
        names.TICKET_ID: subject.ticket_id,
        names.LANE: str(subject.lane),
        names.STATUS: "labelled" if decision.reason is None else "needs_review",
        names.REASON: decision.reason and str(decision.reason),
        names.DECIDED_BY: decision.decided_by and str(decision.decided_by),
        names.MODEL: decision.model,
        names.BATCH_ID: decision.batch_id,
        names.ATTEMPTS: decision.attempts,
        names.OVERTOOK: subject.overtook or None,
    }
    return {name: value for name, value in told.items() if value is not None}
