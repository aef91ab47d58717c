"""The last quarter of an hour in a few hundred numbers, so that a page that is opened now shows since when.

A sample reads the tally, every `STEP_S`, whether somebody looks or not: else the page would begin empty at
the very moment when it is opened because something went wrong. That is all the work that is done for nobody.
"""

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.tally import Tally

STEP_S = 5.0
KEPT_S = 900.0  # what somebody who was woken asks for: since when
MINUTE_S = 60.0
OF_LANES = frozenset(Lane)  # calls of other kinds are probes


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What the tally said at a moment: counts since the start. `at` is of a steady clock; `latencies` are the
    counts of the histogram's buckets, `calls` those of tickets, by what came of them."""

    at: float
    tickets: Mapping[Lane, float]
    events: Mapping[Lane, float]
    latencies: Mapping[Lane, Sequence[int]]
    calls: Mapping[str, float]


def sample(tally: Tally, at: float) -> Sample:
    """Read the tally now."""
    calls: dict[str, float] = {}
    for (lane, _, outcome), count in tally.counters.get(measures.CALLS, {}).items():
        if lane in OF_LANES:
            calls[outcome] = calls.get(outcome, 0) + count
    histograms = tally.histograms.get(measures.LATENCY, {})
    return Sample(
        at=at,
        tickets={lane: tally.count(measures.TICKETS, lane) for lane in Lane},
        events={lane: tally.count(measures.EVENTS, lane) for lane in Lane},
        latencies={lane: tuple(histograms[(lane,)].counts) for lane in Lane if (lane,) in histograms},
        calls=calls,
    )


@dataclass(frozen=True, slots=True)
class Period:
    """What happened between two samples."""

    begin: Sample
    end: Sample

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end.at - self.begin.at

    def came(self, lane: Lane) -> float:
        """Tickets read a second."""
        return self._a_second(self.end.tickets[lane] - self.begin.tickets[lane])

    def left(self, lane: Lane) -> float:
        """Events published a second."""
        return self._a_second(self.end.events[lane] - self.begin.events[lane])

    @property
    def left_all(self) -> float:
        """Events published a second, of both lanes."""
        return sum(self.left(lane) for lane in Lane)

    @property
    def calls(self) -> dict[str, int]:
        """Calls by what came of them."""
        grown = {what: round(n - self.begin.calls.get(what, 0)) for what, n in self.end.calls.items()}
        return {what: n for what, n in grown.items() if n > 0}

    def within_s(self, lane: Lane, share: float) -> float | None:
        """A time within which this share of the tickets was published: a bound of the histogram, `inf` above
        the last. None where none was."""
        end = self.end.latencies.get(lane, ())
        begin = self.begin.latencies.get(lane, (0,) * len(end))
        counts = [now - before for now, before in zip(end, begin, strict=True)]
        wanted, seen = share * sum(counts), 0
        for bound, count in zip((*measures.LATENCY_BUCKETS_S, float("inf")), counts, strict=False):
            seen += count
            if count and seen >= wanted:
                return bound
        return None

    def _a_second(self, grown: float) -> float:
        return grown / self.seconds if self.seconds > 0 else 0.0


Rate = tuple[float, float]
"""How many seconds before the end, and how many a second."""


@dataclass(slots=True)
class History:
    """Samples of the tally. `now` is a steady clock in seconds."""

    tally: Tally
    now: Callable[[], float]
    _samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=round(KEPT_S / STEP_S) + 1))

    def __post_init__(self) -> None:
        self.take()

    async def run(self) -> None:
        """Take a sample every `STEP_S`, until cancelled."""
        while True:
            await asyncio.sleep(STEP_S)
            self.take()

    def take(self) -> None:
        """Take one now."""
        self._samples.append(sample(self.tally, self.now()))

    def last(self, window_s: float) -> Period:
        """The time from so long ago, or the first sample, until now."""
        end = sample(self.tally, self.now())
        before = bisect_right(self._samples, end.at - window_s, key=_at) - 1
        return Period(self._samples[max(before, 0)], end)

    def rates(self, read: Callable[[Period], float]) -> list[Rate]:
        """What `read` makes of each step, oldest first."""
        end = self._samples[-1].at
        steps = (Period(*pair) for pair in pairwise(self._samples))
        return [(end - step.end.at, read(step)) for step in steps]


def _at(taken: Sample) -> float:
    return taken.at
