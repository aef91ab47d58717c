"""What is sent through again, and as what: decided record by record.

Rules
-----
* A dead letter holds its record's bytes, and goes back to the input topic with its own key, value and headers
  but for `dlq.*`. An event holds none: its record is read again from its `source`. So is a dead letter that
  had to go without its value, or that is an event which had been too large.
* `replay.of` names the event that is renewed (`<topic>:<partition>:<offset>` of the record that it was made
  from), `replay.trips` counts how often the record was sent. Both are taken out of what the new event copies;
  the new event says `relabel_of`. Of an array, `replay.of` names the record, and each event its own ticket.
* What failed `MAX_TRIPS` times will fail again: it is left where it is unless somebody insists.
* A person's correction is no label of an older taxonomy: it holds until the person takes it back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

from stream_classifier.core.answer import DecidedBy
from stream_classifier.core.journey import Headers, OwnHeaders
from stream_classifier.core.taxonomy import content_digest

MAX_TRIPS = 3
OF, TRIPS, OURS = "replay.of", "replay.trips", "replay."
DEAD = "dlq."
DIGEST_CHARS = 12  # of a selection's name: enough to tell any two apart

_NAMED = re.compile(r"([a-zA-Z0-9._-]{1,249}):(\d{1,10}):(\d{1,19})(#\d{1,9})?")


class Origin(StrEnum):
    """Where to look for what is sent again."""

    DEAD_LETTERS = "dead-letters"
    REVIEWS = "reviews"
    LABELS = "labels"


class Place(NamedTuple):
    """A record of a topic."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"


class Offsets(NamedTuple):
    """Offsets of a partition of the topic that is searched, from the first to the last that is meant."""

    partition: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is meant. Times are milliseconds since the epoch, of the dead letter or the event; `until_ms` is
    past what is meant. `taxonomy_digest`: labels that this taxonomy gave are left; None: none are."""

    origin: Origin
    reasons: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    offsets: tuple[Offsets, ...] = ()
    taxonomy_digest: str | None = None

    @property
    def digest(self) -> str:
        """A name for this selection: what was sent for it is remembered under it."""
        return content_digest(
            [
                self.origin,
                sorted(self.reasons),
                self.since_ms,
                self.until_ms,
                sorted(self.offsets),
                self.taxonomy_digest,
            ]
        )[:DIGEST_CHARS]

    def meant(self, partition: int, offset: int, timestamp_ms: int) -> bool:
        """Whether this place and time are."""
        if self.since_ms is not None and timestamp_ms < self.since_ms:
            return False
        if self.until_ms is not None and timestamp_ms >= self.until_ms:
            return False
        inside = (row.partition == partition and row.first <= offset <= row.last for row in self.offsets)
        return not self.offsets or any(inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The input record that is sent again, and why it had ended where it was found. `held`: what was found
    has its bytes, so that it need not be read again."""

    place: Place
    reason: str
    held: bool


def choose(selection: Selection, value: bytes | None, headers: Headers) -> Chosen | None:
    """What a record of the dead-letter or the labels topic stands for; None where it is not meant."""
    if selection.origin is Origin.DEAD_LETTERS:
        chosen = _dead_letter(value, headers)
    else:
        chosen = _event(selection, value)
    if chosen is None or (selection.reasons and chosen.reason not in selection.reasons):
        return None
    return chosen


def trips_of(headers: Headers) -> int:
    """How often this record was sent again already."""
    text = (dict(headers).get(TRIPS) or b"").decode(errors="replace")
    return int(text) if re.fullmatch(r"\d{1,9}", text) else 0


def headers_for(headers: Headers, of: Place) -> OwnHeaders:
    """The headers with which a record is sent again."""
    kept = [(name, value) for name, value in headers if not name.lower().startswith((DEAD, OURS))]
    return [*kept, (OF, str(of).encode()), (TRIPS, str(trips_of(headers) + 1).encode())]


def renewed_by(headers: Headers, part: int | None) -> str | None:
    """`relabel_of` of the event of a record with these headers, or of its `part`th ticket."""
    for name, value in headers:
        if name.lower() == OF:
            named = _NAMED.fullmatch((value or b"").decode(errors="replace"))
            if named is None:
                return None
            topic, partition, offset, own_part = named.groups()
            ending = own_part or "" if part is None else f"#{part}"
            return f"{topic}:{partition}:{offset}{ending}"
    return None


def _dead_letter(value: bytes | None, headers: Headers) -> Chosen | None:
    """None where a record is no dead letter of ours."""
    told = {name: (text or b"").decode(errors="replace") for name, text in headers if name.startswith(DEAD)}
    try:
        place = Place(told["dlq.topic"], int(told["dlq.partition"]), int(told["dlq.offset"]))
    except (KeyError, ValueError):
        return None
    held = "dlq.value_omitted" not in told and not _is_event_of(place, value)
    return Chosen(place=place, reason=told.get("dlq.reason", ""), held=held)


def _event(selection: Selection, value: bytes | None) -> Chosen | None:
    event = _json(value)
    place = _source(event)
    if place is None:
        return None
    review = event.get("status") == "needs_review"
    if selection.origin is Origin.REVIEWS:
        return Chosen(place=place, reason=str(event.get("reason")), held=False) if review else None
    if review or event.get("decided_by") == DecidedBy.OVERRIDE:
        return None
    if selection.taxonomy_digest is not None and event.get("taxonomy_digest") == selection.taxonomy_digest:
        return None
    return Chosen(place=place, reason=str(event.get("taxonomy_digest")), held=False)


def _is_event_of(place: Place, value: bytes | None) -> bool:
    """Whether this is an event of that record, and not the record."""
    return b'"event_id"' in (value or b"") and _source(_json(value)) == place


def _source(event: Mapping[str, Any]) -> Place | None:
    match event:
        case {
            "event_id": str(),
            "source": {"topic": str(topic), "partition": int(number), "offset": int(offset)},
        }:
            return Place(topic, number, offset)
    return None


def _json(value: bytes | None) -> dict[str, Any]:
    try:
        read = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}
