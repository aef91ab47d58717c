"""What the cache would answer, by how long it keeps an answer.

An answer serves from when it was asked for until its TTL is over, spread as the service spreads it; being
used does not extend it. Which tickets need a call does not depend on how they are batched, so it is found in
one pass over all of them, and only texts that repeat take any room.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from random import Random

from stream_classifier.core.known import expiry
from stream_classifier.lab.profile.arrivals import DAY_S, HOUR_S, MINUTE_S
from stream_classifier.lab.profile.columns import KEY_BITS, Tickets, Trait

TTLS_S = (
    MINUTE_S,
    5 * MINUTE_S,
    15 * MINUTE_S,
    HOUR_S,
    4 * HOUR_S,
    12 * HOUR_S,
    DAY_S,
    3 * DAY_S,
    7 * DAY_S,
    30 * DAY_S,
)
FAST = 1 << KEY_BITS  # sets the urgent model's answers apart, where it is another one


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """The share of all texts that need no call of their own with this TTL."""

    ttl_s: float
    share: float


def asked(
    tickets: Tickets, repeats: Container[int], ttl_s: float, *, one_model: bool, seed: int = 0
) -> bytearray:
    """For each ticket (in order of time) 1 where it needs a call, else 0. `repeats` are the keys of the texts
    that come more than once; `one_model`: both lanes ask the same."""
    needs = bytearray(len(tickets))
    known: dict[int, float] = {}
    rng = Random(seed)
    for place, (at, key, traits) in enumerate(zip(tickets.at, tickets.key, tickets.traits, strict=True)):
        if traits & Trait.EMPTY:
            continue
        if key not in repeats:
            needs[place] = 1
            continue
        own = key if one_model or not traits & Trait.URGENT else key | FAST
        if known.get(key, -1.0) < at and known.get(own, -1.0) < at:
            needs[place] = 1
            known[own] = expiry(at, ttl_s, rng)
    return needs


def curve(tickets: Tickets, repeats: Container[int], *, one_model: bool) -> Iterator[Hit]:
    """The share of hits by TTL, up to the first TTL that is longer than all of the data."""
    span_s = tickets.at[-1] - tickets.at[0]
    texts = sum(not traits & Trait.EMPTY for traits in tickets.traits)
    for ttl_s in TTLS_S:
        needs = asked(tickets, repeats, ttl_s, one_model=one_model)
        yield Hit(ttl_s=ttl_s, share=1 - sum(needs) / max(texts, 1))
        if ttl_s > span_s:
            return
