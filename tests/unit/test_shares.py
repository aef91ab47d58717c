"""Shares add up, are fair, and never depend on chance."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.shares import split

totals = st.integers(0, 10**20)
weight_lists = st.lists(st.integers(0, 10**12), min_size=1, max_size=90)


@given(totals, weight_lists)
def test_shares_add_up_to_the_total(total: int, weights: list[int]) -> None:
    assert sum(split(total, weights)) == total


@given(totals, weight_lists.filter(any))
def test_each_share_is_its_exact_proportion_rounded_down_or_up(total: int, weights: list[int]) -> None:
    whole = sum(weights)
    for share, weight in zip(split(total, weights), weights, strict=True):
        assert total * weight // whole <= share <= -(-total * weight // whole)


@given(totals, weight_lists)
def test_a_larger_weight_never_bears_less(total: int, weights: list[int]) -> None:
    shares = split(total, sorted(weights, reverse=True))
    assert shares == sorted(shares, reverse=True)


@given(totals, st.integers(1, 90))
def test_equal_weights_differ_by_one_at_most_and_the_first_bear_the_odd_units(total: int, n: int) -> None:
    shares = split(total, [7] * n)
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


@given(totals, st.integers(1, 90))
def test_weights_that_are_all_zero_count_as_equal(total: int, n: int) -> None:
    assert split(total, [0] * n) == split(total, [1] * n)


def test_who_weighs_nothing_beside_others_bears_nothing() -> None:
    assert split(10, [0, 3, 0]) == [0, 10, 0]


def test_nothing_is_divided_among_nobody() -> None:
    assert split(0, []) == []


def test_a_total_with_nobody_to_bear_it_is_refused() -> None:
    with pytest.raises(ValueError, match="no weight"):
        split(5, [])


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [2, -1])])
def test_negative_figures_are_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        split(total, weights)
