"""Which configuration, and whether batches are worth it at all.

Rules
-----
* Of what keeps the bulk lane's p99 within the limit that was given, all that cost at most `NEAR` times the
  cheapest are as good; among them the smallest batch is taken, since a model errs less in a small one, and
  then the shortest deadline.
* Where nothing keeps the limit, what comes nearest to it.
* Batches are worth it where they save `WORTH` of what one call a text costs with the same cache.
* More calls at once are advised where that keeps the limit, or brings the p99 down by a half.
* The shortest TTL that has `NEAR_HITS` of the hits of the longest; one hour at the least: what is shorter
  saves nobody anything. Where the data has no times, is shorter than that TTL, or hardly repeats, the TTL
  stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

from stream_classifier.lab.profile.arrivals import HOUR_S
from stream_classifier.lab.profile.hits import Hit
from stream_classifier.lab.profile.projection import Projection

SIZES = (5, 10, 20, 40)
DEADLINES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
NEAR = 1.05
WORTH = 0.10
NEAR_HITS = 0.95
FEW_HITS = 0.005
LONGEST_TTL_S = 7 * 24 * HOUR_S  # labels older than that are nobody's saving: products change
MORE_CALLS = (2, 4)  # times the calls at once
HALF = 0.5

Project = Callable[[int, float, int], Projection]


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The configuration that is recommended. `one` is one text a call with the same cache, `grid` all that
    was compared, `saving` what batches save of `one`'s cost."""

    chosen: Projection
    one: Projection
    grid: Sequence[Projection]
    saving: float
    batches_are_worth_it: bool
    keeps_limit: bool


def advise(
    project: Project, concurrency: int, *, within_s: float, longest_wait_s: float, told: Callable[[], None]
) -> Advice:
    """Compare configurations at so many calls at once. `within_s` limits the bulk lane's p99,
    `longest_wait_s` the deadlines that the other settings allow; `told` is called after each comparison."""
    one = project(1, 0.0, concurrency)
    grid = []
    for size, wait_s in product(SIZES, DEADLINES_S):
        if wait_s < longest_wait_s:
            grid.append(project(size, wait_s, concurrency))
            told()
    best = choose([one, *grid], within_s)
    saving = 1 - best.weight / one.weight if one.weight else 0.0
    worth = best is not one and saving >= WORTH
    chosen = with_more_calls(best if worth else one, project, within_s)
    return Advice(
        chosen=chosen,
        one=one,
        grid=grid,
        saving=max(saving, 0.0),
        batches_are_worth_it=worth,
        keeps_limit=_p99_s(chosen) <= within_s,
    )


def choose(candidates: Sequence[Projection], within_s: float) -> Projection:
    """The best of these by the rules above."""
    quickest_s = min(map(_p99_s, candidates))
    limit_s = max(within_s, quickest_s * NEAR)
    quick = [candidate for candidate in candidates if _p99_s(candidate) <= limit_s]
    cheapest = min(candidate.weight for candidate in quick)
    near = [candidate for candidate in quick if candidate.weight <= cheapest * NEAR]
    return min(near, key=lambda candidate: (candidate.max_tickets, candidate.max_wait_s))


def with_more_calls(chosen: Projection, project: Project, within_s: float) -> Projection:
    """The same with more calls at once, where they are what is short."""
    if _p99_s(chosen) <= within_s:
        return chosen
    wider = chosen
    for times in MORE_CALLS:
        wider = project(chosen.max_tickets, chosen.max_wait_s, chosen.concurrency * times)
        if _p99_s(wider) <= within_s:
            break
    return wider if _p99_s(wider) <= max(within_s, HALF * _p99_s(chosen)) else chosen


def ttl(hits: Sequence[Hit], span_s: float, current_s: float) -> float:
    """How long answers should serve. `hits` is empty where the data has no times, `span_s` how long it is."""
    reasonable = [hit for hit in hits if HOUR_S <= hit.ttl_s <= LONGEST_TTL_S]
    if not reasonable or reasonable[-1].share < FEW_HITS:
        return current_s
    enough = NEAR_HITS * reasonable[-1].share
    shortest_s = next(hit.ttl_s for hit in reasonable if hit.share >= enough)
    return shortest_s if shortest_s <= span_s else current_s


def _p99_s(projection: Projection) -> float:
    return projection.bulk.p99_s or 0.0
