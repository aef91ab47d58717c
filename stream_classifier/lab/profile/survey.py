"""Looks at every ticket once, as the service would look at it.

Rules
-----
* Reading, text, digest, lane and tokens are those of the service's own parts; nothing of their rules is
  repeated here.
* Memory is bounded by `limit`: what is kept of a ticket has a fixed size, whatever its text.
* A row that is no ticket is counted by its reason, the first ones are kept to be shown, and reading goes on.
* A time that is missing is that of the ticket before, where nearly all have one (`TIMED_SHARE`); else the
  data has no times at all.
"""

from collections import Counter
from dataclasses import dataclass, field

from stream_classifier.core.orders import gives_orders
from stream_classifier.core.scripts import script_of
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket, TicketReader
from stream_classifier.core.triage import Triage
from stream_classifier.lab.profile.columns import Tickets, Trait
from stream_classifier.lab.profile.lengths import Lengths
from stream_classifier.lab.profile.repeats import Repeats
from stream_classifier.lab.profile.sources import Came
from stream_classifier.lab.rows import BadRow
from stream_classifier.pipeline.preparing import Prepared, Preparer
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings

LANGUAGE_FIELDS = ("language", "lang", "locale")
MAX_LANGUAGES = 1000  # a field that holds something else than languages must not fill the memory
TIMED_SHARE = 0.95
SHOWN_REFUSED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The service's parts that a profile needs."""

    settings: Settings
    builder: Builder
    reader: TicketReader
    triage: Triage
    preparer: Preparer

    @classmethod
    async def of(cls, settings: Settings) -> "Parts":
        """The builder wants a running loop; the parts themselves do not."""
        builder = Builder(settings, Tally())
        triage = builder.triage()
        return cls(
            settings=settings,
            builder=builder,
            reader=builder.reader(),
            triage=triage,
            preparer=builder.preparer(triage),
        )


@dataclass(slots=True, kw_only=True)
class Survey:
    """What was seen so far. `limit` tickets are looked at; `cut` says that there were more."""

    parts: Parts
    limit: int
    tickets: Tickets = field(default_factory=Tickets)
    repeats: Repeats = field(default_factory=Repeats)
    lengths: Lengths = field(default_factory=Lengths)
    scripts: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)  # rows that are no tickets, by reason
    first_refused: list[str] = field(default_factory=list)
    traits: Counter[Trait] = field(default_factory=Counter)
    truncated: int = 0
    cut: bool = False
    untimed: int = 0  # tickets that have no time
    _last_at: float = 0.0
    _tenants: dict[str | None, int] = field(default_factory=dict)

    @property
    def timed(self) -> bool:
        """Whether the data says when its tickets came."""
        timed = len(self.tickets) - self.untimed
        return timed > 1 and timed >= TIMED_SHARE * len(self.tickets) and len(set(self.tickets.at)) > 1

    def take(self, came: Came) -> None:
        """One record: a ticket, several, or none."""
        if len(self.tickets) >= self.limit:
            self.cut = True
            return
        try:
            tickets = self.parts.reader.read(came.value, came.headers)
        except NotATicket as fault:
            self._refuse(fault.reason.value, f"{came.where}: {fault.sentence}")
            return
        except PassedOver as passed:
            if not passed.tickets:
                self._refuse(passed.rule.value, f"{came.where}: {passed.sentence}")
                return
            tickets = passed.tickets
        prepared = [self.parts.preparer(ticket) for ticket in tickets]
        rules = (self.parts.triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True))
        urgent = any(rule is not None for rule in rules)
        for ticket, ready in zip(tickets, prepared, strict=True):
            self._add(ticket, ready, came, urgent=urgent)

    def bad(self, row: BadRow) -> None:
        """A row that could not be read."""
        self._refuse("unreadable", f"Line {row.line}: {row.sentence}")

    def _refuse(self, reason: str, sentence: str) -> None:
        self.refused[reason] += 1
        if len(self.first_refused) < SHOWN_REFUSED:
            self.first_refused.append(sentence)

    def _add(self, ticket: Ticket, prepared: Prepared, came: Came, *, urgent: bool) -> None:
        text = self.parts.preparer.utf8_of(ticket).decode()
        traits = Trait.URGENT if urgent else Trait(0)
        if not text:
            traits |= Trait.EMPTY
        elif gives_orders(text):
            traits |= Trait.ALONE
        key = self.tickets.add(
            at=self._time(came),
            key=prepared.bulk_key,
            tokens=prepared.tokens,
            traits=traits,
            group=self._group(ticket),
        )
        for trait in traits:
            self.traits[trait] += 1
        self.truncated += prepared.truncated
        if text:
            self.repeats.note(key, text)
            self.lengths.add(prepared.tokens)
            self.scripts[script_of(text)] += 1
        self._note_language(came)

    def _time(self, came: Came) -> float:
        self.untimed += came.at is None
        self._last_at = self._last_at if came.at is None else came.at
        return self._last_at

    def _group(self, ticket: Ticket) -> int:
        if not self.parts.settings.batch.isolate_tenants:
            return 0
        return self._tenants.setdefault(ticket.tenant, len(self._tenants))

    def _note_language(self, came: Came) -> None:
        language = next((came.fields[name] for name in LANGUAGE_FIELDS if name in came.fields), None)
        if isinstance(language, str) and language.strip():
            name = language.strip().lower()[:20]
            if name in self.languages or len(self.languages) < MAX_LANGUAGES:
                self.languages[name] += 1
