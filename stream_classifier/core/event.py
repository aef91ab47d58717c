"""The labelled event, as bytes (contract: DESIGN, Events; `docs/schemas/event.schema.json`).

An event has two halves: what belongs to this record, rendered each time, and what belongs to the
decision, which for a cached answer is the same for every ticket and is rendered once. Of the first half,
too, all that many records share is rendered once and kept: this is the hot path, and no clock is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from stream_classifier.core.journey import Decision
from stream_classifier.core.ticket import Ticket

EVENT = b'%b%d%b","schema_version":1,"ticket_id":%b,"tenant":%b,"revision":%b,%b%b%b%d}%b'
"""In order: where the record stands, in `event_id`; the ticket; how it came through; its times; where the
record stands, in `source`; and the half that belongs to the decision."""

HEADERS_KEPT = b'"headers_dropped":false'
HEADERS_DROPPED = b'"headers_dropped":true'
NOT_COPIED = ("ce_", "content-", "dlq.", "replay.", "__value_schema_id")  # each tells of the input's value
CONTENT_TYPE = ("content-type", b"application/json")
CE_TYPE = b"stream-classifier.ticket.labelled.v1"
CE_SOURCE = b"/stream-classifier"
TENANTS = 1024  # whose names are kept as they are written; a stream of more pays for each again
LAST_MS = 253_402_300_799_999
"""The end of the year 9999, the last that RFC 3339 can write. Later timestamps occur: of producers that
count in microseconds."""


@dataclass(slots=True)
class Rfc3339:
    """Milliseconds since the epoch as RFC 3339 UTC.

    The last text is kept, and the last second's: events come in bursts. What lies before the epoch or
    beyond the year 9999 is written as the nearest that can be.
    """

    _ms: int | None = None
    _utf8: bytes = b""
    _second: int | None = None
    _prefix: str = ""

    def __call__(self, ms: int) -> str:
        return self.utf8(ms).decode()

    def utf8(self, ms: int) -> bytes:
        """The same as bytes."""
        if ms != self._ms:
            self._utf8 = self._render(min(max(ms, 0), LAST_MS)).encode()
            self._ms = ms
        return self._utf8

    def _render(self, ms: int) -> str:
        second, rest = divmod(ms, 1000)
        if second != self._second:
            self._prefix = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            self._second = second
        return f"{self._prefix}.{rest:03d}Z"


@dataclass(slots=True, kw_only=True)
class Subject:
    """What an event says of its record and ticket. Never changed once made; it is not frozen because
    that costs 1 µs for each event.

    `timestamp_ms` (negative: the record has none) and `labelled_ms` are milliseconds since the epoch;
    `part` is the ticket's place in an array.
    """

    topic: str
    partition: int
    offset: int
    part: int | None = None
    ticket_id: str
    tenant: str | None
    revision: str | None
    lane: str
    timestamp_ms: int
    labelled_ms: int
    truncated: bool = False
    overtook: bool = False
    superseded: bool = False
    relabel_of: str | None = None  # `event_id` of the event that a replay renews

    @property
    def latency_ms(self) -> int:
        """From the record's timestamp to the hand-over."""
        return latency_ms(self.timestamp_ms, self.labelled_ms)


@dataclass(slots=True)
class EventWriter:
    """Renders events for one taxonomy; `questions` are its questions' names, in order."""

    questions: Sequence[str]
    _received: Rfc3339 = field(default_factory=Rfc3339)
    _labelled: Rfc3339 = field(default_factory=Rfc3339)
    _times: tuple[int, int] | None = None  # of the last event; in a burst the next has the same
    _times_utf8: bytes = b""
    _places: dict[tuple[str, int], tuple[bytes, bytes]] = field(default_factory=dict)
    _plain_manners: dict[tuple[str, bool], bytes] = field(default_factory=dict)

    def constant(self, decision: Decision, text_digest: str) -> bytes:
        """The half that belongs to the decision, up to and with the closing brace."""
        return text_digest.encode().join(self.around_digest(decision))

    def around_digest(self, decision: Decision) -> tuple[bytes, bytes]:
        """The same without the text's digest, which stands between: so it is one for all texts that were
        decided alike."""
        before: dict[str, Any] = {
            "status": "labelled" if decision.reason is None else "needs_review",
            "label": decision.labels[0] if decision.labels else None,
            "labels": dict(zip(self.questions, decision.labels, strict=True)),
            "reason": decision.reason,
            "decided_by": decision.decided_by,
        }
        after: dict[str, Any] = {
            "model": decision.model,
            "taxonomy_digest": decision.taxonomy_digest,
            "prompt_digest": decision.prompt_digest,
            "batch_id": decision.batch_id,
            "batch_size": decision.batch_size,
            "attempts": decision.attempts,
            "tokens_in": decision.tokens_in,
            "tokens_out": decision.tokens_out,
            "cost_usd": decision.cost_usd,
        }
        return b',%b,"text_digest":"' % orjson.dumps(before)[1:-1], b'",%b' % orjson.dumps(after)[1:]

    def render(self, subject: Subject, constant: bytes) -> bytes:
        """The whole event. A record without a timestamp counts as received when it was labelled."""
        place = self._place(subject.topic, subject.partition)
        return EVENT % (
            place[0],
            subject.offset,
            b"" if subject.part is None else b"#%d" % subject.part,
            orjson.dumps(subject.ticket_id),
            _name(subject.tenant),
            b"null" if subject.revision is None else orjson.dumps(subject.revision),
            _manner(subject),
            self._told_times(subject.timestamp_ms, subject.labelled_ms),
            place[1],
            subject.offset,
            constant,
        )

    def render_plain(  # noqa: PLR0917 - names would cost as much as looking all of it up
        self,
        topic: str,
        partition: int,
        offset: int,
        ticket: Ticket,
        lane: str,
        truncated: bool,
        timestamp_ms: int,
        labelled_ms: int,
        constant: bytes,
    ) -> bytes:
        """The same for a record of one ticket of which a subject would say no more than this."""
        place = self._places.get((topic, partition)) or self._place(topic, partition)
        times = (timestamp_ms, labelled_ms)
        return EVENT % (
            place[0],
            offset,
            b"",
            orjson.dumps(ticket.ticket_id),
            _name(ticket.tenant),
            b"null" if ticket.revision is None else orjson.dumps(ticket.revision),
            self._plain_manners.get((lane, truncated)) or self._plain_manner(lane, truncated),
            self._times_utf8 if self._times == times else self._told_times(*times),
            place[1],
            offset,
            constant,
        )

    def _told_times(self, timestamp_ms: int, labelled_ms: int) -> bytes:
        self._times = timestamp_ms, labelled_ms
        self._times_utf8 = b'"received_at":"%b","labelled_at":"%b","latency_ms":%d' % (
            self._received.utf8(timestamp_ms if timestamp_ms >= 0 else labelled_ms),
            self._labelled.utf8(labelled_ms),
            latency_ms(timestamp_ms, labelled_ms),
        )
        return self._times_utf8

    def _place(self, topic: str, partition: int) -> tuple[bytes, bytes]:
        """What stands before the offset in `event_id`, and in `source`."""
        place = self._places.get((topic, partition))
        if place is None:
            name = orjson.dumps(topic)
            place = self._places[topic, partition] = (
                b'{"event_id":%b:%d:' % (name[:-1], partition),
                b',"source":{"topic":%b,"partition":%d,"offset":' % (name, partition),
            )
        return place

    def _plain_manner(self, lane: str, truncated: bool) -> bytes:
        plain = Subject(
            topic="",
            partition=0,
            offset=0,
            ticket_id="",
            tenant=None,
            revision=None,
            lane=lane,
            timestamp_ms=0,
            labelled_ms=0,
            truncated=truncated,
        )
        manner = self._plain_manners[lane, truncated] = _manner(plain)
        return manner


@lru_cache(TENANTS)
def _name(tenant: str | None) -> bytes:
    return orjson.dumps(tenant)


def _manner(subject: Subject) -> bytes:
    """How the record came through: what is the same for nearly all."""
    fields: dict[str, Any] = {
        "lane": subject.lane,
        "relabel_of": subject.relabel_of,
        "headers_dropped": False,
        "overtook": subject.overtook,
        "superseded": subject.superseded,
        "truncated": subject.truncated,
    }
    return orjson.dumps(fields)[1:-1] + b","


def latency_ms(timestamp_ms: int, labelled_ms: int) -> int:
    """From the record's timestamp to the hand-over; 0 where the record has none, or a later clock's."""
    return labelled_ms - timestamp_ms if 0 <= timestamp_ms < labelled_ms else 0


def event_id(subject: Subject) -> str:
    """`<topic>:<partition>:<offset>`, and `#n` for the n-th ticket of an array."""
    part = "" if subject.part is None else f"#{subject.part}"
    return f"{subject.topic}:{subject.partition}:{subject.offset}{part}"


def without_headers(event: bytes) -> bytes:
    """The event for a record whose copied headers were left out for size. The first unescaped mention
    of the field is ours: in a text its quotes would be escaped."""
    return event.replace(HEADERS_KEPT, HEADERS_DROPPED, 1)


def copied_headers(headers: Sequence[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The headers that an event carries on, as a list (the client's batch builder wants no tuple)."""
    kept = [h for h in headers if not h[0].lower().startswith(NOT_COPIED)]
    return [*kept, CONTENT_TYPE]


def cloud_event_headers(event: str) -> list[tuple[str, bytes]]:
    """The attributes of a CloudEvent in binary mode, for an event whose input was one."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", CE_TYPE),
        ("ce_source", CE_SOURCE),
        ("ce_id", event.encode()),
    ]
