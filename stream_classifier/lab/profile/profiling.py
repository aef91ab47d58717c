"""The whole profile: from what was seen to what is recommended."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_classifier.core.answer import Lane
from stream_classifier.lab.profile.arrivals import Arrivals, arrivals, poisson
from stream_classifier.lab.profile.columns import Tickets, Trait
from stream_classifier.lab.profile.costing import CallTimes, Costing
from stream_classifier.lab.profile.hits import Hit, asked, curve
from stream_classifier.lab.profile.projection import OneCallATicket, Projector, one_call_a_ticket
from stream_classifier.lab.profile.recommendation import Advice, advise, ttl
from stream_classifier.lab.profile.repeats import Repeated
from stream_classifier.lab.profile.survey import Survey
from stream_classifier.lab.profile.yaml_text import taxonomy_text, yaml_text
from stream_classifier.settings import Settings

MONTH_S = 30 * 86_400
MONTH_FROM_S = 3600.0  # of shorter data no month is told: an hour's rate may be anything
DEFAULT_RATE = 1.0
SHOWN_LANGUAGES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asks for. `rate` None takes the data's own times, `within_s` is the longest time that a
    bulk label may take (p99), `stand_in` the taxonomy that stands in for one that is not configured."""

    source: str
    rate: float | None = None
    seed: int = 0
    within_s: float = 10.0
    times: CallTimes = field(default_factory=CallTimes)
    stand_in: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The texts: how many, how often again, how long (in tokens), in which script and language."""

    distinct: int
    repeated: int
    repeated_share: float
    top: Sequence[Repeated]
    tokens: int
    tokens_p50: int
    tokens_p90: int
    tokens_p99: int
    tokens_longest: int
    histogram: Sequence[tuple[int, int, int]]  # from, to, texts
    truncated: int
    scripts: Mapping[str, int]
    languages: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """All that was found. `whole` is false where reading ended at a limit or was interrupted."""

    source: str
    whole: bool
    tickets: int
    urgent: int
    alone: int
    without_text: int
    refused: Mapping[str, int]
    texts: Texts
    arrivals: Arrivals
    hits: Sequence[Hit]  # by TTL; empty where arrivals are made
    hit_share: float  # with the recommended TTL
    ttl_s: float
    prefix_tokens: int
    model: str
    urgent_model: str
    within_s: float
    requests_per_minute: int | None  # what the account allows, where the settings say
    tokens_per_minute: int | None
    times: CallTimes
    rate_given: bool
    stand_in: bool
    one_call_a_ticket: OneCallATicket
    advice: Advice
    yaml: str

    @property
    def months(self) -> float | None:
        """How many times the data's span fits into a month; None where it is too short to tell."""
        told = self.rate_given or not self.arrivals.made
        long_enough = self.rate_given or self.arrivals.span_s >= MONTH_FROM_S
        return MONTH_S / self.arrivals.span_s if told and long_enough and self.arrivals.span_s else None

    def as_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)


def profiled(survey: Survey, asked_for: Asked, *, whole: bool, told: Callable[[str], None]) -> Profile:
    """The profile of what was surveyed (at least one ticket with a text). `told` is handed what is done next.

    Raises ValueError where nothing was seen.
    """
    survey.repeats.close()
    settings, builder = survey.parts.settings, survey.parts.builder
    told("sorting")
    made = asked_for.rate is not None or not survey.timed
    tickets = _timed(survey.tickets, asked_for, made=made)
    came = arrivals(tickets.at, made=made)
    one_model = builder.models[Lane.BULK] == builder.models[Lane.URGENT]
    told("the cache")
    hits = [] if made else list(curve(tickets, survey.repeats.counts, one_model=one_model))
    ttl_s = ttl(hits, came.span_s, settings.cache.ttl_s)
    needs = asked(tickets, survey.repeats.counts, ttl_s, one_model=one_model, seed=asked_for.seed)
    costing = Costing(builder=builder, times=asked_for.times)
    told("one call a ticket")
    single = one_call_a_ticket(costing, tickets, settings.llm.concurrency)
    told("batches")
    advice = advise(
        Projector(costing=costing, tickets=tickets, needs=needs).project,
        settings.llm.concurrency,
        within_s=asked_for.within_s,
        longest_wait_s=settings.health.stall_s - settings.llm.timeout_s,
        told=lambda: told("batches"),
    )
    return Profile(
        source=asked_for.source,
        whole=whole,
        tickets=len(tickets),
        urgent=survey.traits[Trait.URGENT],
        alone=survey.traits[Trait.ALONE],
        without_text=survey.traits[Trait.EMPTY],
        refused=dict(survey.refused),
        texts=_texts(survey),
        arrivals=came,
        hits=hits,
        hit_share=1 - sum(needs) / max(survey.lengths.tickets, 1),
        ttl_s=ttl_s,
        prefix_tokens=costing.prefix_tokens,
        model=builder.models[Lane.BULK],
        urgent_model=builder.models[Lane.URGENT],
        within_s=asked_for.within_s,
        requests_per_minute=settings.llm.requests_per_minute,
        tokens_per_minute=settings.llm.tokens_per_minute,
        times=asked_for.times,
        rate_given=asked_for.rate is not None,
        stand_in=asked_for.stand_in is not None,
        one_call_a_ticket=single,
        advice=advice,
        yaml=_yaml(settings, advice, ttl_s, _kept_at_once(tickets, needs, ttl_s), asked_for.stand_in),
    )


def _timed(tickets: Tickets, asked_for: Asked, *, made: bool) -> Tickets:
    if not made:
        return tickets.in_order()
    return tickets.timed(poisson(len(tickets), asked_for.rate or DEFAULT_RATE, asked_for.seed))


def _texts(survey: Survey) -> Texts:
    lengths, repeats = survey.lengths, survey.repeats
    return Texts(
        distinct=repeats.distinct,
        repeated=repeats.repeated,
        repeated_share=repeats.repeated / max(lengths.tickets, 1),
        top=list(repeats.top()),
        tokens=lengths.total,
        tokens_p50=lengths.percentile(0.5),
        tokens_p90=lengths.percentile(0.9),
        tokens_p99=lengths.percentile(0.99),
        tokens_longest=lengths.longest,
        histogram=list(lengths.histogram()),
        truncated=survey.truncated,
        scripts=dict(survey.scripts.most_common()),
        languages=dict(survey.languages.most_common(SHOWN_LANGUAGES)),
    )


def _kept_at_once(tickets: Tickets, needs: bytearray, ttl_s: float) -> int:
    """The most answers that are not older than the TTL at any time."""
    times = array("d", (at for at, asks in zip(tickets.at, needs, strict=True) if asks))
    first = most = 0
    for last, at in enumerate(times):
        while times[first] < at - ttl_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def _yaml(
    settings: Settings, advice: Advice, ttl_s: float, answers: int, stand_in: Mapping[str, Any] | None
) -> str:
    chosen = advice.chosen
    text = yaml_text(
        settings,
        max_tickets=chosen.max_tickets,
        max_wait_s=chosen.max_wait_s,
        concurrency=chosen.concurrency,
        ttl_s=ttl_s,
        answers=answers,
    )
    return text if stand_in is None else text + taxonomy_text(stand_in)
