from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.backpressure import LOW_SHARE, Backpressure


def bounded() -> Backpressure:
    return Backpressure(max_tickets=100, max_bytes=1_000)


def test_reading_stops_at_either_bound() -> None:
    assert not bounded().update(99, 999)
    assert bounded().update(100, 0)
    assert bounded().update(0, 1_000)


def test_reading_goes_on_only_when_both_are_below_their_low_marks() -> None:
    backpressure = bounded()
    seen = [backpressure.update(*load) for load in ((100, 0), (99, 0), (80, 0), (79, 800), (79, 799))]
    assert seen == [True, True, True, True, False]


def test_it_does_not_flutter_around_one_mark() -> None:
    backpressure = bounded()
    seen = [backpressure.update(tickets, 0) for tickets in (99, 100, 99, 100, 99)]
    assert seen == [False, True, True, True, True]


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 2_000))))
def test_it_never_rests_below_the_low_marks_nor_reads_above_the_high_ones(
    loads: list[tuple[int, int]],
) -> None:
    backpressure = bounded()
    for tickets, size_bytes in loads:
        rests = backpressure.update(tickets, size_bytes)
        if tickets >= 100 or size_bytes >= 1_000:
            assert rests
        if tickets < LOW_SHARE * 100 and size_bytes < LOW_SHARE * 1_000:
            assert not rests


def test_nothing_in_flight_always_reads() -> None:
    backpressure = Backpressure(max_tickets=1, max_bytes=1)
    assert [backpressure.update(1, 1), backpressure.update(0, 0)] == [True, False]
