import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.start_position import Start, start_position


@pytest.mark.parametrize(
    ("committed", "earliest", "offset", "why"),
    [
        (None, True, 10, Start.RESET),
        (None, False, 20, Start.RESET),
        (10, False, 10, Start.COMMITTED),
        (15, False, 15, Start.COMMITTED),
        (20, True, 20, Start.COMMITTED),
        (9, True, 10, Start.EXPIRED),
        (9, False, 10, Start.EXPIRED),
        (21, True, 10, Start.BEYOND_END),
        (21, False, 20, Start.BEYOND_END),
    ],
)
def test_a_partition_from_10_to_20_begins_where_the_commit_lets_it(
    committed: int | None, earliest: bool, offset: int, why: Start
) -> None:
    start = start_position(committed, 10, 20, earliest=earliest)
    assert (start.offset, start.why) == (offset, why)


def test_an_empty_partition_begins_at_its_only_position() -> None:
    assert start_position(7, 7, 7, earliest=True).why is Start.COMMITTED


@given(
    st.none() | st.integers(0, 2**63 - 1),
    st.tuples(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1)).map(sorted),
    st.booleans(),
)
def test_reading_begins_where_there_is_something_to_read_and_skips_nothing_committed(
    committed: int | None, bounds: list[int], earliest: bool
) -> None:
    begin, end = bounds
    start = start_position(committed, begin, end, earliest=earliest)
    assert begin <= start.offset <= end
    if start.why in (Start.COMMITTED, Start.EXPIRED):
        assert committed is not None
        assert start.offset == max(committed, begin)
