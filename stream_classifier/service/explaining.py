"""What would happen to a ticket, found out without a call: by the parts that the service itself is made of.

Rules
-----
* No text is sent to anybody and nothing is changed: no provider; the cache and people's corrections are only
  read, and what keeps them from being read is told.
* Whatever can be asked of the service's own parts is asked of them; nothing of their rules is repeated here.
* What only a running service knows is not guessed: what it keeps in memory, and what it is just asking.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from stream_classifier.cache.inspection import Inspected, inspect
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Usage
from stream_classifier.core.call_size import CallSizes
from stream_classifier.core.correction import Correction, NotACorrection, Place
from stream_classifier.core.known import Known
from stream_classifier.core.orders import orders_in
from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.core.prompt import CHECKS
from stream_classifier.core.tally import Tally
from stream_classifier.core.text import digest_prefix, model_text, normalise
from stream_classifier.core.ticket import Ticket
from stream_classifier.kafka.corrections_inspection import InspectedCorrections, inspect_corrections
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings, kafka_now

UNCUT = sys.maxsize  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one ticket takes of a call with so many like it; USD are None where the model has no price."""

    tickets: int
    tokens_in: int
    tokens_out: int
    usd: float | None
    usd_with_prefix_cache: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What would be sent for this ticket alone."""

    system: str
    user: str
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One ticket. `rule` is None in the bulk lane, and where another ticket of its record is the urgent one;
    `orders` is what in the text seems to give orders to the model; `correction` is a person's, which decides
    before all else, and `refused` are those that are there and not in force."""

    ticket_id: str
    lane: Lane
    rule: str | None
    prepared: Prepared
    text: str
    normalised: str
    whole_chars: int  # before anything was left out
    stripped_chars: int
    alone: bool  # its call would hold no other ticket
    orders: str | None
    fills_a_batch: bool
    correction: Correction | None
    refused: Sequence[NotACorrection]
    known: Known | None
    model: str
    shares: Sequence[Share]
    sent: Sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All tickets of a record; why there may be more known than could be seen (`obstacle`), and why there may
    be corrections that could not (`uncorrected`)."""

    tickets: Sequence[Explained]
    obstacle: str | None
    uncorrected: str | None


LookForCorrections = Callable[[Iterable[Place]], Awaitable[InspectedCorrections]]


def on_topic(settings: Settings, environ: Mapping[str, str]) -> LookForCorrections:
    """Looks on the overrides topic, with the login as it is now."""
    prefix = digest_prefix(settings.ticket.redact)
    return lambda places: inspect_corrections(kafka_now(settings, environ), places, settings.taxonomy, prefix)


async def explain(
    settings: Settings, tickets: Sequence[Ticket], corrections: LookForCorrections
) -> Explanation:
    """What would happen to these tickets of one record."""
    explainer = Explainer(Builder(settings, Tally()))
    prepared = [explainer.preparer(ticket) for ticket in tickets]
    keys = dict.fromkeys(key for p in prepared for key in (p.bulk_key, p.urgent_key))
    inspected = await inspect(settings.cache, list(keys), time.time())
    places = {
        place
        for ticket, ready in zip(tickets, prepared, strict=True)
        for place in _places(ticket, ready)
        if ready.tokens  # an empty text has no correction
    }
    corrected = await corrections(places) if places else InspectedCorrections()
    return Explanation(
        tickets=explainer.record(tickets, prepared, Found(inspected=inspected, corrected=corrected)),
        obstacle=inspected.obstacle,
        uncorrected=corrected.obstacle,
    )


def _places(ticket: Ticket, prepared: Prepared) -> set[Place]:
    """Where its corrections stand: its tenant's, and the one for all."""
    return {Place(prepared.digest, ticket.tenant), Place(prepared.digest, None)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is known of the texts without the model."""

    inspected: Inspected
    corrected: InspectedCorrections


class Explainer:
    """Explains tickets with the parts that `builder` makes."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._triage = builder.triage()
        self.preparer = builder.preparer(self._triage)

    def record(
        self, tickets: Sequence[Ticket], prepared: Sequence[Prepared], found: Found
    ) -> list[Explained]:
        """The tickets of one record: they share a lane."""
        rules = [self._triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True)]
        lane = Lane.URGENT if any(rules) else Lane.BULK
        return [
            self._ticket(ticket, ready, lane, rule, found)
            for ticket, ready, rule in zip(tickets, prepared, rules, strict=True)
        ]

    def _ticket(
        self, ticket: Ticket, prepared: Prepared, lane: Lane, rule: str | None, found: Found
    ) -> Explained:
        builder, text = self._builder, self.preparer.utf8_of(ticket).decode()
        settings = builder.settings.ticket
        whole, _ = model_text(ticket, UNCUT)
        stripped, _ = model_text(ticket, UNCUT, settings.strip)
        orders = orders_in(text)
        fills_a_batch = prepared.tokens >= builder.settings.batch.max_tokens
        alone = lane is Lane.URGENT or orders is not None or fills_a_batch
        keys = (prepared.bulk_key, prepared.urgent_key) if lane is Lane.URGENT else (prepared.bulk_key,)
        known, corrected = found.inspected.known, found.corrected
        places = _places(ticket, prepared)
        return Explained(
            ticket_id=ticket.ticket_id,
            lane=lane,
            rule=rule,
            prepared=prepared,
            text=text,
            normalised=normalise(text),
            whole_chars=len(whole),
            stripped_chars=len(whole) - len(stripped),
            alone=alone,
            orders=orders,
            fills_a_batch=fills_a_batch,
            correction=corrected.correction(prepared.digest, ticket.tenant),
            refused=[fault for place, fault in corrected.refused.items() if place in places],
            known=next((known[key] for key in keys if key in known), None),
            model=builder.models[lane],
            shares=[self._share(prepared.tokens, n, lane) for n in self._sizes(prepared.tokens, alone)],
            sent=self._sent(text),
        )

    def _sizes(self, tokens: int, alone: bool) -> list[int]:
        """Of what calls its share is told: by itself, and in a full batch of such texts."""
        batch = self._builder.settings.batch
        full = max(1, min(batch.max_tickets, batch.max_tokens // max(tokens, 1)))
        return [1] if alone else sorted({1, full})

    def _share(self, tokens: int, tickets: int, lane: Lane) -> Share:
        builder, model = self._builder, self._builder.models[lane]
        sizes = CallSizes(prompt=builder.prompt, tokens=builder.estimators[model], replies=builder.replies())
        size, constant = sizes.of([tokens] * tickets), sizes.constant(tickets)
        kept = constant if constant >= PREFIX_CACHE_FROM_TOKENS else 0

        def usd(cached_in: int) -> float | None:
            usage = Usage(tokens_in=size.prompt, tokens_out=size.reply, cached_in=cached_in)
            cost_usd = builder.prices.cost_usd(model, usage)
            return None if cost_usd is None else cost_usd / tickets

        return Share(
            tickets=tickets,
            tokens_in=round(size.prompt / tickets),
            tokens_out=round(size.reply / tickets),
            usd=usd(cached_in=0),
            usd_with_prefix_cache=usd(cached_in=kept),
        )

    def _sent(self, text: str) -> Sent:
        prompt = self._builder.prompt
        return Sent(system=prompt.system, user=prompt.user([(CHECKS[0], text)]), schema=prompt.schema_text(1))
