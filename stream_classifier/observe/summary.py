"""The summary line: what came in and went out since the last one, and what is the matter now.

All of it is read from the tally. Money is compared with one call a ticket, from the same counts; where no
price is known the amounts are null, not zero. There are two such comparisons, without and with a provider's
prefix cache.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import DecidedBy
from stream_classifier.core.tally import GaugeRows, Measure, Tally

log = structlog.get_logger(__name__)

NEEDS_REVIEW = "needs_review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What the tally said at one moment: counts since the start, then the state of that moment."""

    records: float = 0
    events: float = 0
    cache_hits: float = 0
    shared: float = 0
    overridden: float = 0
    needs_review: float = 0
    dead_letters: float = 0
    calls: float = 0
    cost_usd: float | None = None  # None: no call yet, or no price known
    single_cost_usd: float | None = None
    single_cached_cost_usd: float | None = None

    in_flight: float = 0
    oldest_s: float = 0.0
    lag: float = 0
    paused: tuple[str, ...] = ()


class Summarised(TypedDict):
    """The fields of the event `summary`. `in` is a keyword of Python, hence `records_in`."""

    records_in: int
    events_out: int
    cache_hits: int
    shared: int
    overridden: int
    needs_review: int
    dead_letters: int
    calls: int
    cost_usd: float | None
    saved_usd: float | None
    saved_cached_usd: float | None
    in_flight: int
    oldest_s: float
    lag: int
    paused: list[str]


def take(tally: Tally) -> Snapshot:
    """Read everything that the summary needs."""

    def decided_by(who: DecidedBy) -> float:
        return tally.count(measures.EVENTS, None, None, who)

    return Snapshot(
        records=tally.count(measures.RECORDS),
        events=tally.count(measures.EVENTS),
        cache_hits=decided_by(DecidedBy.CACHE),
        shared=decided_by(DecidedBy.SHARED),
        overridden=decided_by(DecidedBy.OVERRIDE),
        needs_review=tally.count(measures.EVENTS, None, NEEDS_REVIEW),
        dead_letters=tally.count(measures.DEAD_LETTERS),
        calls=tally.count(measures.CALLS),
        cost_usd=_amount(tally, measures.COST),
        single_cost_usd=_amount(tally, measures.SINGLE_COST),
        single_cached_cost_usd=_amount(tally, measures.SINGLE_CACHED_COST),
        in_flight=sum(_read(tally, measures.IN_FLIGHT).values()),
        oldest_s=max(_read(tally, measures.OLDEST).values(), default=0.0),
        lag=sum(_read(tally, measures.LAG).values()),
        paused=_paused(tally),
    )


def summarise(before: Snapshot, after: Snapshot) -> Summarised:
    """What happened between the two, and the state at the second. Amounts to a millionth of a dollar."""
    spent = _grown(before.cost_usd, after.cost_usd)
    single = _grown(before.single_cost_usd, after.single_cost_usd)
    single_cached = _grown(before.single_cached_cost_usd, after.single_cached_cost_usd)
    return {
        "records_in": int(after.records - before.records),
        "events_out": int(after.events - before.events),
        "cache_hits": int(after.cache_hits - before.cache_hits),
        "shared": int(after.shared - before.shared),
        "overridden": int(after.overridden - before.overridden),
        "needs_review": int(after.needs_review - before.needs_review),
        "dead_letters": int(after.dead_letters - before.dead_letters),
        "calls": int(after.calls - before.calls),
        "cost_usd": None if spent is None else round(spent, 6),
        "saved_usd": _saved(single, spent),
        "saved_cached_usd": _saved(single_cached, spent),
        "in_flight": int(after.in_flight),
        "oldest_s": round(after.oldest_s, 1),
        "lag": int(after.lag),
        "paused": list(after.paused),
    }


class Summary:
    """Logs the event `summary`: each covers the time since the one before."""

    def __init__(self, tally: Tally, clock: Callable[[], float]) -> None:
        self._tally = tally
        self._clock = clock
        self._told, self._told_at = Snapshot(), clock()

    def report(self) -> None:
        """Log one summary now; also fit for the end of the process."""
        now, present = self._clock(), take(self._tally)
        log.info("summary", period_s=round(now - self._told_at, 1), **summarise(self._told, present))
        self._told, self._told_at = present, now

    async def report_every(self, interval_s: float) -> None:
        """Log a summary each `interval_s` seconds until cancelled; lateness does not add up."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + interval_s, loop.time())
            await asyncio.sleep(due - loop.time())
            self.report()


def _grown(before: float | None, after: float | None) -> float | None:
    return None if after is None else after - (before or 0)


def _saved(single: float | None, spent: float | None) -> float | None:
    return None if single is None or spent is None else round(single - spent, 6)


def _amount(tally: Tally, measure: Measure) -> float | None:
    return tally.count(measure) if measure in tally.counters else None


def _read(tally: Tally, measure: Measure) -> GaugeRows:
    read = tally.gauges.get(measure)
    return read() if read else {}


def _paused(tally: Tally) -> tuple[str, ...]:
    """The reasons for which something waits: open breakers, spent budgets and paused partitions."""
    breakers = _read(tally, measures.BREAKER_OPEN)
    partitions = _read(tally, measures.PARTITIONS_PAUSED)
    reasons = {reason for (_, reason), is_open in breakers.items() if is_open}
    reasons |= {"budget" for used in _read(tally, measures.BUDGET_USED).values() if used >= 1}
    return tuple(sorted(reasons | {reason for (reason,), paused in partitions.items() if paused}))
