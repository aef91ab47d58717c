"""A made stream of tickets, for the demo and for benchmarks: the same seed gives the same bytes.

What makes real streams hard is in it, in shares that can be set:

- repeats: the same text from somebody else, with another case or other white space; half of them in
  storms, where an outage lets dozens of people write the same within a short time;
- urgent tickets, marked by their priority;
- updates: the same ticket (and key) again with a higher revision, its text longer or unchanged;
- what is not a ticket: JSON cut off, an array of numbers, a ticket without an id;
- several languages and scripts, a line or a page long, with stack traces and quoted mails.

Fresh texts never repeat by chance: each names a reference of its own.
"""

import random
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from stream_classifier.lab.made_texts import Template, Texts, read_texts

DEMO_TAXONOMY: Mapping[str, Any] = {
    "labels": [
        {"name": "bug", "description": "An error, a crash, or something broken that fails or does not work."},
        {"name": "billing", "description": "An invoice, a charge, a refund, a payment or a price."},
        {"name": "access", "description": "Login, password, locked account, two-factor codes, permissions."},
        {"name": "how-to", "description": "A question of how something is done, or where it is found."},
        {"name": "feature", "description": "A wish or suggestion for what the product does not do yet."},
        {"name": "other", "description": "Anything else."},
    ],
    "instructions": "Judge what the customer needs, not the tone.",
}
"""The demo's taxonomy, as it would stand in a configuration file."""

STORM_TICKETS = 50
"""In one storm, as when many people find the login broken at once."""

STORM_DENSITY = 0.7
"""Of the records while a storm lasts; the rest are other people's."""

STORM_SHARE = 0.5
"""Of all repeats, those that come in storms."""

UPDATES = 0.02
"""Of all records, those that update an earlier ticket."""

UNCHANGED = 0.5
"""Of the updates, those that leave the text as it was (somebody set a field)."""

NON_ENGLISH = 0.25
REMEMBERED = 400
"""How far back a repeat or an update reaches, in tickets."""

FIRST_AT = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
CHANNELS = ("email", "web", "chat", "api")
CALM_PRIORITIES = ("low", "normal", "normal", "normal", "high", None)
URGENT_PRIORITIES = ("urgent", "P1", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeRecord:
    """A record for the input topic."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTicket:
    """A ticket before it is written down."""

    number: int
    subject: str
    body: str
    language: str
    priority: str | None
    tenant: str
    channel: str
    revision: int = 1

    @property
    def ticket_id(self) -> str:
        return f"T-{self.number}"


def made_tickets(
    n: int, seed: int, *, repeats: float = 0.2, urgent: float = 0.03, not_tickets: float = 0.01
) -> Iterator[MadeRecord]:
    """`n` records; the shares are of all records and hold on average.

    Raises `ValueError` where the shares together leave no room for fresh tickets.
    """
    if repeats + urgent + not_tickets + UPDATES >= 1:
        raise ValueError("repeats, urgent and not_tickets must leave room for fresh tickets")
    tickets = 1 - not_tickets
    desk = _Desk(
        rng=random.Random(seed), texts=read_texts(), repeats=repeats / tickets, urgent=urgent / tickets
    )
    for index in range(n):
        if desk.rng.random() < not_tickets:
            yield _not_a_ticket(desk.rng, index)
        else:
            yield _record(desk.next_ticket(index), index)


def _record(ticket: MadeTicket, index: int) -> MadeRecord:
    at = FIRST_AT + timedelta(seconds=index)
    written = {
        "ticket_id": ticket.ticket_id,
        "subject": ticket.subject,
        "body": ticket.body,
        "priority": ticket.priority,
        "tenant": ticket.tenant,
        "language": ticket.language,
        "channel": ticket.channel,
        "created_at": at.isoformat().replace("+00:00", "Z"),
        "revision": ticket.revision,
    }
    return MadeRecord(
        key=ticket.ticket_id.encode(), value=orjson.dumps(written), headers=(("source", b"made-helpdesk"),)
    )


@dataclass(slots=True, kw_only=True)
class _Desk:
    """The helpdesk as it goes: whom it remembers, and the storm that is on, if one is.

    The shares are those of all tickets; the chances that they lead to hold while no storm blows.
    """

    rng: random.Random
    texts: Texts
    repeats: float
    urgent: float
    recent: deque[MadeTicket] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    storm: MadeTicket | None = None
    storm_left: int = 0
    calm_left: int | None = None

    def next_ticket(self, index: int) -> MadeTicket:
        """A fresh ticket, a repeat or an update; `index` makes its number and its reference unique."""
        if self.storm and self.storm_left and self.rng.random() < STORM_DENSITY:
            self.storm_left -= 1
            return self._remembered(self._by_another(self.storm, index))
        if not self.storm_left and self._calm_is_over():
            return self._remembered(self._outbreak(index))
        kind = self._kind()
        if kind == "update":
            return self._update()
        if kind == "repeat":
            return self._remembered(self._by_another(self.rng.choice(self.recent), index))
        return self._remembered(self._fresh(index, is_urgent=kind == "urgent"))

    def _calm_is_over(self) -> bool:
        """True once in a while: a calm has a length of its own, drawn when it begins."""
        if not self.repeats:
            return False
        if self.calm_left is None:
            self.calm_left = round(self._mean_calm() * self.rng.uniform(0.5, 1.5))
        self.calm_left -= 1
        return self.calm_left <= 0

    def _mean_calm(self) -> float:
        """So that `STORM_SHARE` of the repeats come in storms: STORM_TICKETS of them in a calm and the
        STORM_TICKETS / STORM_DENSITY tickets of a storm."""
        return STORM_TICKETS * (1 / (self.repeats * STORM_SHARE) - 1 / STORM_DENSITY)

    def _kind(self) -> str:
        calm = 1 - self.repeats * STORM_SHARE
        lone = max(0.0, self.repeats * (1 - STORM_SHARE) - UPDATES * UNCHANGED)
        draw = self.rng.random() * calm
        if draw < self.urgent:
            return "urgent"
        if self.recent and draw < self.urgent + UPDATES:
            return "update"
        return "repeat" if self.recent and draw < self.urgent + UPDATES + lone else "fresh"

    def _remembered(self, ticket: MadeTicket) -> MadeTicket:
        self.recent.append(ticket)
        return ticket

    def _outbreak(self, index: int) -> MadeTicket:
        self.storm = self._ticket(index, self.rng.choice(self.texts.storms), "normal")
        self.storm_left, self.calm_left = STORM_TICKETS, None
        return self.storm

    def _by_another(self, ticket: MadeTicket, index: int) -> MadeTicket:
        """The same text as somebody else types it."""
        return replace(
            ticket,
            number=_number(index),
            subject=_retyped(self.rng, ticket.subject),
            body=_retyped(self.rng, ticket.body),
            priority=self.rng.choice(CALM_PRIORITIES),
            tenant=self.rng.choice(self.texts.tenants),
            channel=self.rng.choice(CHANNELS),
            revision=1,
        )

    def _update(self) -> MadeTicket:
        place = self.rng.randrange(len(self.recent))
        ticket = self.recent[place]
        added = (
            ""
            if self.rng.random() < UNCHANGED
            else f"\n\n{self.rng.choice(self.texts.follow_ups[ticket.language])}"
        )
        self.recent[place] = replace(ticket, body=ticket.body + added, revision=ticket.revision + 1)
        return self.recent[place]

    def _fresh(self, index: int, *, is_urgent: bool) -> MadeTicket:
        if is_urgent:
            return self._ticket(index, self.rng.choice(self.texts.urgent), self.rng.choice(URGENT_PRIORITIES))
        abroad = self.rng.random() < NON_ENGLISH
        template = self.rng.choice(self.texts.other_languages if abroad else self.texts.english)
        return self._ticket(index, template, self.rng.choice(CALM_PRIORITIES))

    def _ticket(self, index: int, template: Template, priority: str | None) -> MadeTicket:
        slots = _slots(self.rng, self.texts.slots, index)
        return MadeTicket(
            number=_number(index),
            subject=template.subject.format_map(slots),
            body=template.body.format_map(slots),
            language=template.language,
            priority=priority,
            tenant=self.rng.choice(self.texts.tenants),
            channel=self.rng.choice(CHANNELS),
        )


def _number(index: int) -> int:
    return 100_000 + index


def _reference(index: int) -> str:
    """Looks drawn at random and never repeats: a step that is coprime to the range visits all of it."""
    return f"{chr(ord('A') + index // 900_000 % 26)}{100_000 + index * 7919 % 900_000}"


def _slots(rng: random.Random, lists: Mapping[str, Sequence[str]], index: int) -> dict[str, str]:
    """One ticket's values for all slots of all templates; a trace has slots itself."""
    slots = {name: rng.choice(values) for name, values in lists.items()}
    slots |= {
        "ref": _reference(index),
        "amount": f"{rng.randrange(900, 240_000) / 100:,.2f} {rng.choice(('EUR', 'USD', 'GBP'))}",
        "minutes": str(rng.randrange(5, 90)),
        "percent": str(rng.randrange(12, 99)),
        "few": str(rng.randrange(2, 8)),
        "module_path": slots["module"].replace(".", "/"),
        "line": str(rng.randrange(20, 900)),
        "line2": str(rng.randrange(20, 900)),
    }
    return slots | {"trace": slots["trace"].format_map(slots)}


def _retyped(rng: random.Random, text: str) -> str:
    """The same words with another case or other white space; case only where it is plain in every script."""
    ways: list[Callable[[str], str]] = [
        lambda text: text,
        lambda text: text + "\n",
        lambda text: "  " + text,
        lambda text: text.replace(" ", "  ", 1),
    ]
    if text.isascii():
        ways += [str.upper, str.lower]
    return rng.choice(ways)(text)


def _not_a_ticket(rng: random.Random, index: int) -> MadeRecord:
    key = f"T-{_number(index)}".encode()
    values = (
        b'{"ticket_id": "' + key + b'", "subject": "Invoice missing", "body": "Dear all, I have not rec',
        b"[17, 4, 23, 8]",
        b'{"subject": "No number on this one", "body": "The form was sent before it was saved."}',
        b"ping",
        b'"just a text"',
    )
    return MadeRecord(key=key, value=rng.choice(values))
