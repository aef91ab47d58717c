"""The tally as Prometheus metrics, read when somebody scrapes: counting a ticket costs nothing extra.

A name is `stream_classifier_` and the measure's own. A counter without dimensions stands at 0 from the
start, and so do the rows that a measure names, so that `rate()` sees their first step; any other row appears
with its first count.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from stream_classifier.core.tally import MEASURES, Histogram, Kind, Measure, Tally

PREFIX = "stream_classifier_"

Row = TypeVar("Row")


class TallyCollector(Collector):
    """Every declared measure, with its rows of this moment."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterable[Metric]:
        """One family a measure, in the order of their declaration."""
        return [self._family(measure) for measure in MEASURES.values()]

    def _family(self, measure: Measure) -> Metric:
        match measure.kind:
            case Kind.COUNTER:
                return _counter(measure, self._tally.counters.get(measure, {}))
            case Kind.HISTOGRAM:
                return _histogram(measure, self._tally.histograms.get(measure, {}))
            case Kind.GAUGE:
                read = self._tally.gauges.get(measure)
                return _gauge(measure, read() if read else {})


def new_registry(tally: Tally) -> CollectorRegistry:
    """An own registry: the tally, and what Prometheus' client knows of the process and Python."""
    registry = CollectorRegistry()
    registry.register(TallyCollector(tally))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """The exposition and its content type: OpenMetrics where `accept` asks for it, else Prometheus' text."""
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _counter(measure: Measure, rows: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(PREFIX + measure.name, measure.help, labels=measure.labels)
    for labels, count in _from_start(measure, rows, 0.0):
        family.add_metric(labels, count)
    return family


def _gauge(measure: Measure, rows: Mapping[tuple[str, ...], float]) -> Metric:
    family = GaugeMetricFamily(PREFIX + measure.name, measure.help, labels=measure.labels)
    for labels, value in rows.items():
        family.add_metric(labels, value)
    return family


def _histogram(measure: Measure, rows: Mapping[tuple[str, ...], Histogram]) -> Metric:
    family = HistogramMetricFamily(PREFIX + measure.name, measure.help, labels=measure.labels)
    empty = Histogram(measure.buckets, [0] * (len(measure.buckets) + 1))
    for labels, histogram in _from_start(measure, rows, empty):
        bounds = [*(str(float(bound)) for bound in histogram.bounds), "+Inf"]
        family.add_metric(
            labels, list(zip(bounds, accumulate(histogram.counts), strict=True)), histogram.total
        )
    return family


def _from_start(
    measure: Measure, rows: Mapping[tuple[str, ...], Row], zero: Row
) -> Iterator[tuple[tuple[str, ...], Row]]:
    """The rows; those that are there from the start (the one row of a measure without dimensions) first."""
    from_start = measure.rows or (() if measure.labels else ((),))
    yield from ((row, rows.get(row, zero)) for row in from_start)
    yield from ((row, value) for row, value in rows.items() if row not in from_start)
