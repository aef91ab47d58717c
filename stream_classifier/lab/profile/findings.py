"""A profile in sentences: first what a person decides by, then what the figures rest on."""

from collections.abc import Iterator
from math import inf

from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.lab.figures import duration, percent, rate, seconds, usd
from stream_classifier.lab.profile.profiling import DEFAULT_RATE, Profile
from stream_classifier.lab.profile.projection import STRETCH_TICKETS, STRETCHES
from stream_classifier.lab.profile.recommendation import FEW_HITS, choose

MANY_URGENT = 0.2  # of all tickets
MUCH_MORE = 0.1  # of the cost, that more waiting would save


def findings(profile: Profile) -> Iterator[str]:
    """What was found, the most important first."""
    yield _cost(profile)
    yield _prefix_cached(profile)
    if profile.months is not None:
        yield _month(profile)
    yield _batches(profile)
    yield from _patience(profile)
    yield _cache(profile)
    if not profile.advice.keeps_limit:
        yield _too_late(profile)
    yield from _limits(profile)
    if profile.urgent > MANY_URGENT * profile.tickets:
        yield (
            f"{percent(profile.urgent / profile.tickets)} of the tickets are urgent by the rules of triage. "
            "Each has a call of its own, so batches save nothing on them: see whether the rules are too wide."
        )


def caveats(profile: Profile) -> Iterator[str]:
    """What the figures rest on, and what they do not tell."""
    times = profile.times
    if not profile.whole:
        yield f"Not all was read: these are the first {profile.tickets:,} tickets."
    if profile.refused:
        told = ", ".join(f"{count:,} {reason}" for reason, count in profile.refused.items())
        yield f"Rows that are no tickets were left out: {told}."
    if profile.arrivals.made:
        yield _made(profile)
    yield (
        f"A call is taken to answer its first token after {times.first_token_s:g} s and then "
        f"{times.tokens_per_s:g} a second (--first-token, --tokens-per-s); no limits, no failures."
    )
    yield (
        "Tokens are estimated as the service does before it has heard from the provider, usually within a "
        f"tenth; prices are those of llm.prices for {_models(profile)}."
    )
    if profile.tickets > STRETCHES * STRETCH_TICKETS:
        yield (
            f"Batches were simulated on {STRETCHES} stretches of {STRETCH_TICKETS:,} tickets, evenly spread; "
            "the cache on all."
        )
    if profile.stand_in:
        yield (
            "No taxonomy is configured, so six made-up labels stand in: with your own the prompt, and so the "
            "cost of a call, will be another (--config)."
        )
    yield (
        "This tells cost and waiting, not accuracy: try larger batches on tickets whose labels are known "
        "before you rely on them."
    )


def _cost(profile: Profile) -> str:
    chosen, single = profile.advice.chosen, profile.one_call_a_ticket
    calls = f"{chosen.calls:,.0f} calls in place of {single.calls:,}"
    if chosen.cost_usd is None or single.cost_usd is None:
        no_price = f"No cost is told, since {_models(profile)} has no price in llm.prices."
        return f"As recommended, these tickets take {calls}. {no_price}"
    less = percent(1 - chosen.cost_usd / single.cost_usd) if single.cost_usd else "nothing"
    return (
        f"As recommended, these tickets cost {usd(chosen.cost_usd)}, {less} less than one call a ticket "
        f"({usd(single.cost_usd)}), in {calls}."
    )


def _prefix_cached(profile: Profile) -> str:
    chosen, single = profile.advice.chosen, profile.one_call_a_ticket
    cached_usd, single_usd = chosen.prefix_cached_cost_usd, single.prefix_cached_cost_usd
    if profile.prefix_tokens < PREFIX_CACHE_FROM_TOKENS or cached_usd is None or single_usd is None:
        return (
            "A provider's prefix cache would change nothing: it keeps beginnings of "
            f"{PREFIX_CACHE_FROM_TOKENS:,} tokens and more, and these calls have about "
            f"{profile.prefix_tokens:,} in common."
        )
    return (
        f"With a provider's prefix cache: {usd(cached_usd)}, {percent(1 - cached_usd / single_usd)} less "
        f"than one call a ticket with one ({usd(single_usd)})."
    )


def _month(profile: Profile) -> str:
    months, chosen, single = profile.months or 0.0, profile.advice.chosen, profile.one_call_a_ticket
    tickets = f"A month at this rate is {profile.tickets * months:,.0f} tickets"
    if chosen.cost_usd is None or single.cost_usd is None:
        return f"{tickets} and {chosen.calls * months:,.0f} calls."
    return f"{tickets}: {usd(chosen.cost_usd * months)}, against {usd(single.cost_usd * months)}."


def _batches(profile: Profile) -> str:
    advice = profile.advice
    chosen = advice.chosen
    if not advice.batches_are_worth_it:
        return (
            f"Batches are not worth it here: they would save {percent(advice.saving)} of what one text a "
            f"call costs with the same cache. {_why_not(profile)} One text a call answers sooner."
        )
    soon, late = seconds(chosen.bulk.p50_s), seconds(chosen.bulk.p99_s)
    return (
        f"Batches are worth it: {chosen.texts_per_call:.1f} texts a call on average save "
        f"{percent(advice.saving)} of what one text a call costs with the same cache. Half of the bulk "
        f"labels come within {soon}, 99 % within {late}; with one text a call it is "
        f"{seconds(advice.one.bulk.p50_s)} and {seconds(advice.one.bulk.p99_s)}."
    )


def _patience(profile: Profile) -> Iterator[str]:
    """What more waiting would save, where it is much."""
    advice = profile.advice
    cheapest = choose((advice.one, *advice.grid), inf)
    saving = 1 - cheapest.weight / advice.one.weight if advice.one.weight else 0.0
    if saving > advice.saving + MUCH_MORE:
        yield (
            f"If bulk labels may come within {seconds(cheapest.bulk.p99_s)}, batches of up to "
            f"{cheapest.max_tickets} that wait for {cheapest.max_wait_s:g} s save {percent(saving)}: see "
            "--within."
        )


def _why_not(profile: Profile) -> str:
    most = max((each.texts_per_call for each in profile.advice.grid), default=1.0)
    if most < 2:
        often = rate(profile.arrivals.per_s)
        return f"Tickets come too seldom ({often}) for two to meet within {profile.within_s:g} s."
    return "The texts are so long, or so many are urgent, that what they share of a prompt is little."


def _cache(profile: Profile) -> str:
    texts = profile.texts
    if profile.hit_share < FEW_HITS:
        before = percent(texts.repeated_share).replace("under", "Under") if texts.repeated else "None"
        return (
            f"{before} of the texts had come before: the cache will save next to nothing, and costs nothing."
        )
    order = ", if they come in the order of the file" if profile.arrivals.made else ""
    return (
        f"{percent(texts.repeated_share)} of the texts had come before; an answer kept for "
        f"{duration(profile.ttl_s)} spares {percent(profile.hit_share)} of the tickets a call{order}."
    )


def _too_late(profile: Profile) -> str:
    chosen = profile.advice.chosen
    return (
        f"Nothing that was tried keeps 99 % of the bulk labels within {profile.within_s:g} s: the best "
        f"comes to {seconds(chosen.bulk.p99_s)} with {chosen.concurrency} calls at once, and the busiest "
        f"minute brings {profile.arrivals.busiest_minute:,} tickets. More replicas or calls at once may mend "
        "it, or a longer --within."
    )


def _limits(profile: Profile) -> Iterator[str]:
    """Where the busiest minute takes more than the account's limits, in calls or in tokens."""
    chosen, share = profile.advice.chosen, profile.arrivals.busiest_minute / profile.tickets
    needs = {
        "requests": (profile.requests_per_minute, chosen.calls * share),
        "tokens": (profile.tokens_per_minute, (chosen.tokens_in + chosen.tokens_out) * share),
    }
    for kind, (limit, needed) in needs.items():
        if limit is not None and needed > limit:
            yield (
                f"The busiest minute takes about {needed:,.0f} {kind}, and llm.{kind}_per_minute allows "
                f"{limit:,}: bulk will wait longer then than is told here."
            )


def _made(profile: Profile) -> str:
    per_s = profile.arrivals.per_s
    if profile.rate_given:
        return f"Arrivals are drawn at random, {rate(per_s)} on average, as --rate asks."
    return (
        f"The data does not say when tickets came: arrivals are drawn at random, {DEFAULT_RATE:g} a second "
        "on average. That is a guess, and waiting and the size of batches depend on it: give the true one by "
        "--rate, or the field that holds the time by --time-field."
    )


def _models(profile: Profile) -> str:
    return " and ".join(dict.fromkeys((profile.model, profile.urgent_model)))
