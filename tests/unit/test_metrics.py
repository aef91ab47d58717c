import re

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from stream_classifier.core import measures
from stream_classifier.core.tally import MEASURES, Kind, Tally
from stream_classifier.observe.metrics import PREFIX, new_registry, render


def exposed(tally: Tally) -> dict[tuple[str, tuple[str, ...]], float]:
    body, _ = render(new_registry(tally))
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_counter_is_exposed_under_its_name_with_total_once() -> None:
    tally = Tally()
    tally.add(measures.TICKETS, "urgent", n=3)
    assert exposed(tally)["stream_classifier_tickets_total", ("urgent",)] == 3


def test_a_counter_without_dimensions_stands_at_zero_from_the_start() -> None:
    assert exposed(Tally())["stream_classifier_records_total", ()] == 0


def test_every_measure_is_described_before_it_has_a_row() -> None:
    body = render(new_registry(Tally()))[0].decode()
    assert set(re.findall(r"^# TYPE stream_classifier_(\w+) \w+$", body, re.MULTILINE)) == set(MEASURES)


def test_a_gauge_is_read_at_the_scrape() -> None:
    tally, depth = Tally(), 0.0
    tally.gauge(measures.WAITING, lambda: {("bulk",): depth})
    depth = 7.0
    assert exposed(tally)["stream_classifier_waiting_texts", ("bulk",)] == 7


@given(values=st.lists(st.floats(0, 4000), max_size=50))
def test_a_histograms_buckets_are_cumulative_and_its_count_and_sum_are_right(values: list[float]) -> None:
    tally = Tally()
    for value in values:
        tally.observe(measures.LATENCY, value, "bulk")
    rows = exposed(tally)
    for bound in measures.LATENCY_BUCKETS_S if values else ():
        at_or_below = sum(value <= bound for value in values)
        assert rows[f"{PREFIX}latency_seconds_bucket", ("bulk", str(float(bound)))] == at_or_below
    assert rows.get((f"{PREFIX}latency_seconds_count", ("bulk",)), 0) == len(values)
    assert abs(rows.get((f"{PREFIX}latency_seconds_sum", ("bulk",)), 0) - sum(values)) < 1e-6


def test_the_process_and_python_are_there_too() -> None:
    names = {name for name, _ in exposed(Tally())}
    assert {"process_resident_memory_bytes", "python_gc_collections_total", "python_info"} <= names


def test_openmetrics_is_spoken_where_it_is_asked_for() -> None:
    body, content_type = render(new_registry(Tally()), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_prometheus_text_is_the_default() -> None:
    assert render(new_registry(Tally()))[1].startswith("text/plain; version=0.0.4")


def test_names_carry_base_units_and_counters_end_in_total() -> None:
    for measure in MEASURES.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", measure.name)
        assert measure.name.endswith("_total") == (measure.kind is Kind.COUNTER)
        assert not re.search(r"_(ms|millis|minutes|kb|mib|percent)\b", measure.name)
        assert bool(measure.buckets) == (measure.kind is Kind.HISTOGRAM)
