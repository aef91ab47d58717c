"""The arithmetic that says whether something grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.slopes import least_squares, medians, theil_sen

SLOPES = st.floats(-100, 100)
MOMENTS = st.lists(st.integers(0, 10_000), min_size=2, max_size=40, unique=True).map(sorted)
VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40)


@given(SLOPES, st.floats(-100, 100), MOMENTS)
def test_both_find_the_slope_of_a_line(slope: float, start: float, moments: list[int]) -> None:
    points = [(float(x), start + slope * x) for x in moments]
    assert least_squares(points) == pytest.approx(slope, abs=1e-6)
    assert theil_sen(points)[1] == pytest.approx(slope, abs=1e-6)


@given(VALUES)
def test_the_interval_holds_the_middle(values: list[float]) -> None:
    low, middle, high = theil_sen([(float(x), y) for x, y in enumerate(values)])
    assert low <= middle <= high


@given(VALUES)
def test_more_confidence_is_never_a_narrower_interval(values: list[float]) -> None:
    points = [(float(x), y) for x, y in enumerate(values)]
    narrow, wide = theil_sen(points, 0.5), theil_sen(points, 0.99)
    assert wide[0] <= narrow[0]
    assert narrow[2] <= wide[2]


def test_the_interval_is_had_from_the_spread_of_kendalls_statistic() -> None:
    """Of ten points it is 11.18, so with 95 % the interval leaves out the eleven least and the eleven
    greatest of the 45 slopes."""
    values = (9.0, 15.0, 19.0, 20.0, 45.0, 55.0, 78.0, 91.0, 92.0, 99.0)
    points = [(float(x), y) for x, y in enumerate(values)]
    slopes = sorted((y2 - y1) / (x2 - x1) for x1, y1 in points for x2, y2 in points if x1 < x2)
    assert theil_sen(points) == (slopes[11], slopes[22], slopes[33])


def test_one_high_step_draws_least_squares_and_not_the_median_of_pairs() -> None:
    points = [(float(x), 0.0) for x in range(20)]
    points[-1] = (19.0, 100.0)
    assert least_squares(points) > 1
    assert theil_sen(points)[1] == 0


def test_points_of_one_moment_have_no_slope() -> None:
    for points in ([], [(1.0, 2.0)], [(1.0, 2.0), (1.0, 3.0)]):
        with pytest.raises(ValueError, match="two moments"):
            least_squares(points)
        with pytest.raises(ValueError, match="two moments"):
            theil_sen(points)


def test_a_stretch_counts_as_one_point_at_its_medians() -> None:
    points = [(0.0, 1.0), (1.0, 9.0), (2.0, 2.0), (10.0, 5.0), (12.0, 7.0), (19.0, 6.0)]
    assert medians(points, 10) == [(1.0, 2.0), (12.0, 6.0)]


def test_a_short_last_stretch_is_left_out() -> None:
    points = [(float(x), 0.0) for x in range(23)]
    assert len(medians(points, 10)) == 2
    assert len(medians(points[:8], 10)) == 1
