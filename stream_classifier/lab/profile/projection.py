"""From simulated calls to tokens, cost and waiting, beside what one call a ticket would take.

Rules
-----
* Tokens are estimated as the service estimates them before it has learned the provider's count.
* Of a large backlog `STRETCHES` stretches of `STRETCH_TICKETS` tickets are simulated, evenly spread, and
  their calls are taken for all that need one. Which tickets need one is known of every ticket.
* Two costs are told, with and without the provider's prefix cache: which of them is true, it depends.
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy
from stream_classifier.lab.profile.columns import Tickets, Trait
from stream_classifier.lab.profile.costing import Costing, weight
from stream_classifier.lab.profile.simulation import Played, SimulatedLanes, Simulation

STRETCHES = 8
STRETCH_TICKETS = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Seconds from arrival to label; None where a lane had no tickets."""

    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """What a configuration would do with all tickets. Costs are None where a model has no price; `weight` is
    what choices are made by: the cost with a prefix cache, or tokens where there is no price."""

    max_tickets: int
    max_wait_s: float
    concurrency: int
    calls: float
    urgent_calls: float
    texts: float  # that are asked
    texts_per_call: float  # of the bulk lane's
    tokens_in: float
    tokens_out: float
    cost_usd: float | None
    prefix_cached_cost_usd: float | None
    weight: float
    bulk: Wait
    urgent: Wait


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCallATicket:
    """Every ticket asked by itself, whatever is known: what savings are measured against. `bulk` is its
    waiting at the same number of calls at once."""

    calls: int
    cost_usd: float | None
    prefix_cached_cost_usd: float | None
    bulk: Wait


@dataclass(slots=True, kw_only=True)
class Projector:
    """Projects configurations for one set of tickets, of which `needs` says which must be asked."""

    costing: Costing
    tickets: Tickets
    needs: bytearray
    _asked: dict[Lane, int] = field(init=False)

    def __post_init__(self) -> None:
        traits = self.tickets.traits
        urgent = sum(bool(traits[place] & Trait.URGENT) for place, needs in enumerate(self.needs) if needs)
        self._asked = {Lane.URGENT: urgent, Lane.BULK: sum(self.needs) - urgent}

    def project(self, max_tickets: int, max_wait_s: float, concurrency: int) -> Projection:
        """One configuration."""
        played = self._play(max_tickets, max_wait_s, concurrency)
        factor = {lane: self._asked[lane] / max(played.texts[lane], 1) for lane in Lane}
        usage = {lane: self.costing.usage(played, lane, factor[lane]) for lane in Lane}
        calls = {lane: played.calls[lane].total() for lane in Lane}
        prefix_cached_usd = self.costing.usd(usage, prefix_cache=True)
        return Projection(
            max_tickets=max_tickets,
            max_wait_s=max_wait_s,
            concurrency=concurrency,
            calls=sum(calls[lane] * factor[lane] for lane in Lane),
            urgent_calls=calls[Lane.URGENT] * factor[Lane.URGENT],
            texts=sum(self._asked.values()),
            texts_per_call=played.texts[Lane.BULK] / max(calls[Lane.BULK], 1),
            tokens_in=sum(use.tokens_in for use in usage.values()),
            tokens_out=sum(use.tokens_out for use in usage.values()),
            cost_usd=self.costing.usd(usage, prefix_cache=False),
            prefix_cached_cost_usd=prefix_cached_usd,
            weight=weight(usage.values()) if prefix_cached_usd is None else prefix_cached_usd,
            bulk=_wait(played, Lane.BULK),
            urgent=_wait(played, Lane.URGENT),
        )

    def _play(self, max_tickets: int, max_wait_s: float, concurrency: int) -> Played:
        settings, models = self.costing.builder.settings, self.costing.builder.models
        lanes = SimulatedLanes(
            policy=BatchPolicy(
                max_tickets=max_tickets, max_tokens=settings.batch.max_tokens, max_wait_s=max_wait_s
            ),
            slots={Lane.BULK: concurrency, Lane.URGENT: settings.urgent.concurrency},
            call_s=self.costing.call_s,
            one_model=models[Lane.BULK] == models[Lane.URGENT],
        )
        simulation = Simulation(tickets=self.tickets, needs=self.needs, lanes=lanes)
        for stretch in stretches(len(self.tickets)):
            simulation.play(stretch)
        return lanes.played


def one_call_a_ticket(costing: Costing, tickets: Tickets, concurrency: int) -> OneCallATicket:
    """Without cache, without joining, without batches."""
    asked = bytearray(not traits & Trait.EMPTY for traits in tickets.traits)
    alone = tickets.with_keys(array("Q", range(len(tickets))))
    each = Projector(costing=costing, tickets=alone, needs=asked).project(1, 0.0, concurrency)
    return OneCallATicket(
        calls=sum(asked),
        cost_usd=each.cost_usd,
        prefix_cached_cost_usd=each.prefix_cached_cost_usd,
        bulk=each.bulk,
    )


def stretches(tickets: int) -> Sequence[range]:
    """The places of the tickets that are simulated: all, or evenly spread stretches."""
    if tickets <= STRETCHES * STRETCH_TICKETS:
        return [range(tickets)]
    step = (tickets - STRETCH_TICKETS) / (STRETCHES - 1)
    starts = [round(number * step) for number in range(STRETCHES)]
    return [range(start, start + STRETCH_TICKETS) for start in starts]


def _wait(played: Played, lane: Lane) -> Wait:
    p50_s, p99_s = played.wait_s(lane, (0.5, 0.99))
    return Wait(p50_s=p50_s, p99_s=p99_s)
