"""A ticket, and how one is read from a record.

- A record holds one ticket, or a JSON array of them; an array with one element that is none is no
  ticket as a whole, since the record has only one key, one offset and one dead letter.
- Envelopes (CloudEvents, Connect, Debezium) are taken off where there are any, and the format is recognised
  object by object, or is the one that is named. `json` reads the object as it stands; `cloudevents` insists
  on the envelope.
- What holds no ticket to classify (a deletion, spam, a comment) is passed over by a named rule. An array's
  other elements are read none the less.
- An own field path replaces all names that its field is otherwise looked for under. It is followed in the
  ticket's object, else in what was around that.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stream_classifier.core.formats import (
    AVAILABLE_FORMATS,
    EVENTS_ONLY,
    FORMATS,
    canonical,
    cloudevents,
    debezium,
    fields,
    named,
    recognise,
)
from stream_classifier.core.formats.canonical import NAMES
from stream_classifier.core.formats.decode import decode
from stream_classifier.core.formats.fault import DeadLetterReason, NotATicket
from stream_classifier.core.formats.format import Format, Raw
from stream_classifier.core.formats.opening import Opened, opened, source_of
from stream_classifier.core.formats.passing import PassedOver, PassRule
from stream_classifier.core.formats.paths import FieldPath

__all__ = [
    "AVAILABLE_FORMATS",
    "TICKET_FIELDS",
    "DeadLetterReason",
    "NotATicket",
    "PassRule",
    "PassedOver",
    "Ticket",
    "TicketReader",
]

TICKET_FIELDS = tuple(NAMES)
"""The fields that `ticket.fields` may give an own path."""

MAX_TICKETS = 10_000
"""Of one record, which is one step: so many take half a second, in which nothing else moves, and their events
are some 10 MB. A value of a megabyte could hold ten times as many."""

PLAIN_FORMATS = frozenset({"auto", "json"})  # those that read the canonical form without an envelope
TEXT_OR_NONE = frozenset({str, type(None)})

Headers = Sequence[tuple[str, bytes | None]]

Decoder = Callable[[bytes, Headers], Any]
"""A record's value and headers to a JSON value. Raises `NotATicket`."""


@dataclass(slots=True)
class Ticket:
    """One ticket, as the helpdesk has it. Never changed after reading; it is not frozen because that
    costs 0.9 µs for each record of a stream of 15,000 a second."""

    ticket_id: str
    subject: str
    body: str
    body_format: str  # "text" or "html"
    priority: str | None
    tags: tuple[str, ...]
    tenant: str | None
    revision: str | None  # `revision`, or else `updated_at`
    context: tuple[tuple[str, str], ...] = ()  # (path, value) of `ticket.context_fields`


class TicketReader:
    """Reads records into tickets, as the settings under `ticket` say."""

    def __init__(
        self,
        *,
        format: str = "auto",  # noqa: A002 - the setting's name
        max_bytes: int = 1 << 20,
        context_fields: Sequence[str] = (),
        fields: Mapping[str, str] | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        """`fields` maps names from `TICKET_FIELDS` to paths, as `body: payload.text`; `decoder` reads values
        that need not be JSON.

        Raises:
            ValueError: an unknown format or field, or what is not a path.
        """
        if format not in AVAILABLE_FORMATS:
            raise ValueError(f"ticket.format must be one of {', '.join(AVAILABLE_FORMATS)}")
        own = fields or {}
        if unknown := own.keys() - NAMES.keys():
            raise ValueError(
                f"ticket.fields knows {', '.join(TICKET_FIELDS)}; not {', '.join(sorted(unknown))}"
            )
        self._name = format
        self._shapes = tuple(row for row in FORMATS if row.name == format)  # none: recognise it
        self._max_bytes = max_bytes
        self._context = tuple(FieldPath.parse(name) for name in context_fields)
        self._own = {field: FieldPath.parse(path) for field, path in own.items()}
        self._decoder = decoder
        self._plain_allowed = format in PLAIN_FORMATS and not (self._own or self._context)

    def read(self, value: bytes, headers: Headers = ()) -> tuple[Ticket, ...]:
        """The tickets of one record, never none.

        Raises:
            NotATicket: for whatever bytes cannot be read.
            PassedOver: for what holds no ticket to classify. Nothing else is raised for any bytes.
        """
        if len(value) > self._max_bytes:
            raise NotATicket(
                DeadLetterReason.TOO_LARGE,
                f"The value has {len(value)} bytes and ticket.max_bytes allows {self._max_bytes}: shorten the"
                " ticket at its source, or raise ticket.max_bytes.",
            )
        raw = decode(value) if self._decoder is None else self._decoder(value, headers)
        if self._plain_allowed and type(raw) is dict and not (headers and cloudevents.may_be_event(headers)):
            ticket = _plain(raw)
            if ticket is not None:
                return (ticket,)
        whole = self._opened(raw, headers)
        if isinstance(whole.content, list):
            return _each(whole.content, lambda item: self._ticket(self._element(item, whole)))
        return (self._ticket(whole),)

    def _opened(self, raw: Any, headers: Headers) -> Opened:
        if self._name == canonical.FORMAT.name:
            return Opened(raw)
        within = Opened(None, event=cloudevents.attributes(headers)) if headers else None
        return opened(raw, content_type=_content_type(headers) if headers else "", within=within)

    def _element(self, item: Any, whole: Opened) -> Opened:
        return Opened(item) if self._name == canonical.FORMAT.name else opened(item, within=whole)

    def _ticket(self, found: Opened) -> Ticket:
        raw = found.content
        if self._name == EVENTS_ONLY and found.event is None:
            raise _not_a_ticket(
                "The record is not a CloudEvent, neither by its headers nor by its fields: send it as one, or"
                " set ticket.format to auto."
            )
        if not isinstance(raw, dict):
            raise _not_a_ticket("A ticket must be a JSON object with an id: send one, or an array of them.")
        if debezium.says_deleted(raw):
            raise PassedOver(PassRule.DELETED)
        row = named(self._shapes, raw, strictly=not self._own) if self._shapes else recognise(raw)
        parts = row.canonical(raw)
        if self._own:
            parts = self._with_own_fields(parts, found)
        ticket = Ticket(
            ticket_id=fields.ticket_id(parts, self._id_places(row), raw),
            subject=fields.text(parts, "subject") or "",
            body=fields.text(parts, "body") or "",
            body_format=fields.body_format(parts),
            priority=fields.text(parts, "priority"),
            tags=fields.tags(parts),
            tenant=fields.text(parts, "tenant") or source_of(found.event),
            revision=fields.text(parts, "revision"),
            context=self._context_of(found, parts) if self._context else (),
        )
        if debezium.UNAVAILABLE in (ticket.subject, ticket.body):
            raise PassedOver(PassRule.PARTIAL)
        return ticket

    def _with_own_fields(self, parts: Raw, found: Opened) -> Raw:
        replaced = {name for field in self._own for name in NAMES[field]}
        kept = {name: value for name, value in parts.items() if name not in replaced}
        return kept | {field: found.along(path) for field, path in self._own.items()}

    def _id_places(self, row: Format) -> tuple[str, ...]:
        own = self._own.get("ticket_id")
        return (own.name,) if own else row.id_places

    def _context_of(self, found: Opened, parts: Raw) -> tuple[tuple[str, str], ...]:
        """The context fields that hold something, by the record's own names, else by the canonical."""
        given = ((path.name, _first_given(found.along(path), path.of(parts))) for path in self._context)
        return tuple((name, fields.context(value, name)) for name, value in given if value not in (None, ""))


def _plain(raw: Raw) -> Ticket | None:
    """A canonical ticket whose fields are all plain text or missing, as nearly all are, at half the price;
    None for anything else, which is then read with every question asked."""
    get = raw.get
    ticket_id, subject, body = get("ticket_id"), get("subject"), get("body")
    if not (type(ticket_id) is type(subject) is type(body) is str and subject and body):
        return None
    priority, tenant, revision = get("priority"), get("tenant"), get("revision") or get("updated_at")
    if not (
        type(priority) in TEXT_OR_NONE and type(tenant) in TEXT_OR_NONE and type(revision) in TEXT_OR_NONE
    ):
        return None
    if "body_format" in raw or "__deleted" in raw or not ticket_id or ticket_id.isspace():
        return None
    if body == debezium.UNAVAILABLE:
        return None
    tags = fields.tags(raw) if "tags" in raw else ()
    # By place: names would cost 0.3 µs more.
    return Ticket(ticket_id, subject, body, "text", priority or None, tags, tenant or None, revision or None)


def _each(items: list[Any], read: Callable[[Any], Ticket]) -> tuple[Ticket, ...]:
    if not items:
        raise _not_a_ticket("The array is empty: send at least one ticket in it, or no record.")
    if len(items) > MAX_TICKETS:
        raise NotATicket(
            DeadLetterReason.TOO_LARGE,
            f"The array holds {len(items)} tickets, and a record may hold {MAX_TICKETS}: send fewer in each.",
        )
    tickets: list[Ticket] = []
    rules: list[PassRule] = []
    for place, item in enumerate(items):
        try:
            tickets.append(_element(place, item, read))
        except PassedOver as passed:
            rules.append(passed.rule)
    if rules:
        raise PassedOver(*rules, tickets=tickets)
    return tuple(tickets)


def _element(place: int, item: Any, read: Callable[[Any], Ticket]) -> Ticket:
    try:
        return read(item)
    except NotATicket as fault:
        sentence = f"Element {place} of the array (counted from 0): {fault.sentence}"
        raise NotATicket(fault.reason, sentence) from fault


def _content_type(headers: Headers) -> str:
    """The record's media type in lower case and without parameters; empty where no header gives it."""
    for name, value in headers:
        if name.lower() == "content-type" and value is not None:
            return value.decode("ascii", "replace").partition(";")[0].strip().lower()
    return ""


def _first_given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value


def _not_a_ticket(sentence: str) -> NotATicket:
    return NotATicket(DeadLetterReason.NOT_A_TICKET, sentence)
