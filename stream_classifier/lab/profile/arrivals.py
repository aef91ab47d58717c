"""How fast tickets came, or, where the data does not say, would come."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
BUCKETS = 60  # bars of the picture


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """The arrivals in figures. `made`: drawn at this rate, because the data has no times or another rate was
    asked for. `buckets` are the counts in so many equal parts of the time."""

    made: bool
    first_s: float
    last_s: float
    per_s: float
    busiest_minute: int
    busiest_hour: int | None  # None where all of it took less than two hours
    peak: float  # of the busiest hour (else minute), over the mean
    buckets: Sequence[int]

    @property
    def span_s(self) -> float:
        return self.last_s - self.first_s


def arrivals(at: Sequence[float], *, made: bool) -> Arrivals:
    """Figures of these times (in order, at least one)."""
    first_s, last_s = at[0], at[-1]
    span_s = last_s - first_s
    minute = _busiest(at, MINUTE_S)
    hour = _busiest(at, HOUR_S) if span_s >= 2 * HOUR_S else None
    busiest, width_s = (minute, MINUTE_S) if hour is None else (hour, HOUR_S)
    return Arrivals(
        made=made,
        first_s=first_s,
        last_s=last_s,
        per_s=(len(at) - 1) / span_s if span_s > 0 else 0.0,
        busiest_minute=minute,
        busiest_hour=hour,
        peak=busiest / (len(at) / max(span_s / width_s, 1.0)),
        buckets=_buckets(at, first_s, span_s),
    )


def poisson(tickets: int, rate: float, seed: int) -> "array[float]":
    """Times of so many tickets that come independently of one another, `rate` a second."""
    rng, now = Random(seed), 0.0
    times = array("d")
    for _ in range(tickets):
        now += rng.expovariate(rate)
        times.append(now)
    return times


def _busiest(at: Sequence[float], width_s: int) -> int:
    return max(Counter(int(time // width_s) for time in at).values())


def _buckets(at: Sequence[float], first_s: float, span_s: float) -> list[int]:
    counts = [0] * BUCKETS
    for time in at:
        counts[min(int((time - first_s) / span_s * BUCKETS), BUCKETS - 1) if span_s > 0 else 0] += 1
    return counts
