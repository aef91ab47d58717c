"""What the simulator counts."""

from typing import Any

from stream_classifier.lab.simulator.stats import CallRecord, Stats


def finished(stats: Stats, *, status: int | None = 200, **fields: Any) -> None:
    stats.begin()
    stats.end(CallRecord(start_s=0.0, end_s=1.0, status=status, **fields))


def test_calls_are_counted_by_status_and_by_fault() -> None:
    stats = Stats()
    finished(stats)
    finished(stats, status=503, fault="http_503")
    finished(stats, status=None, fault="reset")
    assert stats.totals()["by_status"] == {"200": 1, "503": 1, "none": 1}
    assert stats.totals()["by_fault"] == {"http_503": 1, "reset": 1}


def test_tokens_are_counted_by_model_and_in_all() -> None:
    stats = Stats()
    finished(stats, model="small", tokens_in=10, tokens_out=2, tokens_cached=8)
    finished(stats, model="large", tokens_in=5, tokens_out=1)
    totals = stats.totals()
    assert totals["by_model"]["small"] == {"calls": 1, "tokens_in": 10, "tokens_out": 2, "tokens_cached": 8}
    assert (totals["tokens_in"], totals["tokens_out"], totals["tokens_cached"]) == (15, 3, 8)


def test_texts_that_are_asked_again_are_told_from_distinct_ones() -> None:
    stats = Stats()
    stats.asked(["a", "b", "a"])
    stats.asked(["b", "c"])
    stats.answered(["a"])
    totals = stats.totals()
    assert (totals["records_asked"], totals["distinct_texts"], totals["texts_asked_again"]) == (5, 3, 2)
    assert totals["texts_answered_again"] == 0
    assert (stats.times_asked("a"), stats.times_answered("a"), stats.times_asked("never")) == (2, 1, 0)


def test_the_most_calls_at_once_are_remembered() -> None:
    stats = Stats()
    stats.begin()
    stats.begin()
    stats.end(CallRecord(start_s=0.0))
    assert (stats.concurrent, stats.max_concurrent) == (1, 2)


def test_the_log_keeps_the_newest_calls() -> None:
    stats = Stats(log_size=2)
    for records in (1, 2, 3):
        finished(stats, records=records)
    assert [call["records"] for call in stats.snapshot()["call_log"]] == [2, 3]


def test_a_reset_forgets_all_but_the_calls_under_way() -> None:
    stats = Stats(log_size=3)
    finished(stats)
    stats.begin()
    stats.asked(["a"])
    stats.reset()
    assert stats == Stats(log_size=3, concurrent=1, max_concurrent=1)
    stats.end(CallRecord(start_s=0.0))
    assert stats.concurrent == 0
