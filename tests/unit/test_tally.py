import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core import measures
from stream_classifier.core.tally import MEASURES, Histogram, Kind, Measure, Tally

ROWS = st.tuples(st.sampled_from(["urgent", "bulk"]), st.sampled_from(["labelled", "needs_review"]))


def test_a_name_can_be_declared_only_once() -> None:
    with pytest.raises(ValueError, match="records_total is declared twice"):
        Measure("records_total", Kind.COUNTER, "Again.")
    assert MEASURES["records_total"] is measures.RECORDS


@given(added=st.lists(st.tuples(ROWS, st.integers(1, 100)), max_size=30))
def test_a_count_over_any_dimension_is_the_sum_of_its_rows(
    added: list[tuple[tuple[str, str], int]],
) -> None:
    tally = Tally()
    for (lane, status), n in added:
        tally.add(measures.EVENTS, lane, status, "llm", "", n=n)
    by_status = sum(n for (_, status), n in added if status == "labelled")
    assert tally.count(measures.EVENTS) == sum(n for _, n in added)
    assert tally.count(measures.EVENTS, None, "labelled") == by_status
    assert tally.count(measures.EVENTS, "urgent") + tally.count(measures.EVENTS, "bulk") == tally.count(
        measures.EVENTS
    )


def test_what_was_never_counted_is_zero() -> None:
    assert Tally().count(measures.CALLS, "bulk") == 0


@given(values=st.lists(st.tuples(st.floats(-10, 100), st.integers(1, 5)), max_size=30))
def test_each_observation_falls_into_the_first_bucket_whose_bound_it_does_not_exceed(
    values: list[tuple[float, int]],
) -> None:
    histogram = Histogram((1.0, 10.0), [0, 0, 0])
    for value, times in values:
        histogram.observe(value, times)
    assert histogram.counts == [
        sum(times for value, times in values if value <= 1),
        sum(times for value, times in values if 1 < value <= 10),
        sum(times for value, times in values if value > 10),
    ]


@given(values=st.lists(st.floats(0, 100), max_size=30), times=st.integers(1, 9))
def test_observing_several_alike_is_observing_each(values: list[float], times: int) -> None:
    at_once, one_by_one = Tally(), Tally()
    for value in values:
        at_once.observe(measures.LATENCY, value, "bulk", times=times)
        for _ in range(times):
            one_by_one.observe(measures.LATENCY, value, "bulk")
    for row, histogram in at_once.histograms.get(measures.LATENCY, {}).items():
        other = one_by_one.histograms[measures.LATENCY][row]
        assert histogram.counts == other.counts
        assert histogram.total == pytest.approx(other.total)


def test_a_gauge_is_read_only_when_somebody_looks() -> None:
    depth: dict[tuple[str, ...], float] = {("bulk",): 1.0}
    tally = Tally()
    tally.gauge(measures.WAITING, lambda: depth)
    depth["bulk",] = 5.0
    assert tally.gauges[measures.WAITING]() == {("bulk",): 5.0}
