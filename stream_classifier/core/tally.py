"""The counts: one place that every room adds to, and that logs, metrics and screens read from.

Pure data: adding is a dictionary operation, so the hot path may do it once a batch. What may be counted
is declared as a `Measure`; `observe/` turns the declarations into Prometheus metrics, and
`docs/metrics.md` is held against them by a test.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MEASURES: dict[str, "Measure"] = {}


class Kind(StrEnum):
    """Prometheus' three kinds that we use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """One thing that is counted. `name` carries its base unit last and no prefix; `labels` are the
    names of its dimensions, whose values must be a bounded set. `rows` are label values that are shown at 0
    before their first count: of a row that only then appears, Prometheus does not see the first step."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.name in MEASURES:
            raise ValueError(f"measure {self.name} is declared twice")
        if any(len(row) != len(self.labels) for row in self.rows):
            raise ValueError(f"measure {self.name} has rows that do not fit its labels")
        MEASURES[self.name] = self


@dataclass(slots=True)
class Histogram:
    """Observations in buckets: `counts[i]` fell at or below `bounds[i]`, the last above all."""

    bounds: tuple[float, ...]
    counts: list[int]
    total: float = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times


GaugeRows = Mapping[tuple[str, ...], float]


@dataclass(slots=True)
class Tally:
    """Everything counted since the start of the process."""

    counters: dict[Measure, dict[tuple[str, ...], float]] = field(default_factory=dict)
    histograms: dict[Measure, dict[tuple[str, ...], Histogram]] = field(default_factory=dict)
    gauges: dict[Measure, Callable[[], GaugeRows]] = field(default_factory=dict)

    def add(self, measure: Measure, *labels: str, n: float = 1) -> None:
        """Count `n` more of `measure` under these label values."""
        rows = self.counters.setdefault(measure, {})
        rows[labels] = rows.get(labels, 0) + n

    def observe(self, measure: Measure, value: float, *labels: str, times: int = 1) -> None:
        """Enter one observation (or several alike) into a histogram."""
        rows = self.histograms.setdefault(measure, {})
        if labels not in rows:
            rows[labels] = Histogram(measure.buckets, [0] * (len(measure.buckets) + 1))
        rows[labels].observe(value, times)

    def gauge(self, measure: Measure, read: Callable[[], GaugeRows]) -> None:
        """Name the function that reads a gauge's rows, by label values, when somebody looks."""
        self.gauges[measure] = read

    def count(self, measure: Measure, *labels: str | None) -> float:
        """The sum over all rows whose labels match; None matches any value, as do labels left out."""
        rows = self.counters.get(measure, {})
        return sum(n for row, n in rows.items() if _matches(row, labels))


def _matches(row: tuple[str, ...], wanted: Iterable[str | None]) -> bool:
    return all(want is None or want == have for have, want in zip(row, wanted, strict=False))
