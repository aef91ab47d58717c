"""Work that is finished in any order is handed out in the order in which it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.in_order import InOrder

PLACES = st.lists(st.integers(0, 1000), unique=True, max_size=40)


def line_of(places: list[int]) -> InOrder[int, str, str]:
    line: InOrder[int, str, str] = InOrder()
    for place in places:
        line.enter(place, f"row {place}", size_bytes=place)
    return line


@given(PLACES.flatmap(lambda places: st.tuples(st.just(places), st.permutations(places))))
def test_whatever_is_finished_first_all_is_handed_out_once_and_in_order(
    orders: tuple[list[int], list[int]],
) -> None:
    came, finished = orders
    line, handed_out = line_of(came), list[tuple[str, str]]()
    for place in finished:
        assert line.finish(place, f"result {place}") == f"row {place}"
        handed_out += line.hand_out()
        assert line.size_bytes == sum(came[len(handed_out) :])
    assert handed_out == [(f"row {place}", f"result {place}") for place in came]
    assert len(line) == 0


def test_nothing_passes_what_is_not_finished() -> None:
    line = line_of([1, 2, 3])
    line.finish(2, "b")
    line.finish(3, "c")
    assert line.hand_out() == []
    assert len(line) == 3
    line.finish(1, "a")
    assert [result for _, result in line.hand_out()] == ["a", "b", "c"]


def test_the_first_result_serves_and_later_or_unknown_ones_are_dropped() -> None:
    line = line_of([1])
    assert line.finish(1, "first") is not None
    assert line.finish(1, "second") is None
    assert line.finish(9, "nobody's") is None
    assert line.hand_out() == [("row 1", "first")]


def test_a_place_that_is_taken_is_refused() -> None:
    with pytest.raises(ValueError, match="in the line already"):
        line_of([1]).enter(1, "again", 0)
