"""The arithmetic of an evaluation, against published figures, exact sums and what must always hold."""

import random
from fractions import Fraction
from itertools import combinations
from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.lab.evaluate.statistics import (
    ALPHA,
    POWER,
    Proportion,
    detectable,
    difference,
    holm,
    kappa,
    mcnemar,
    percentile,
    trend,
    unequal,
)

counts = st.integers(0, 60)
proportions = st.integers(0, 500).flatmap(lambda of: st.builds(Proportion, st.integers(0, of), st.just(of)))
shares = st.floats(0, 1)

# ------------------------------------------------------------------------------------------- proportions


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_those_of_newcombes_table(count: int, of: int, low: float, high: float) -> None:
    """R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3."""
    assert Proportion(count, of).interval == pytest.approx((low, high), abs=0.00006)


@given(proportions)
def test_an_interval_holds_its_share_and_stays_between_nothing_and_all(part: Proportion) -> None:
    low, high = part.interval
    assert 0 <= low <= (part.share if part.share is not None else low) <= high <= 1


@given(proportions)
def test_the_interval_of_the_wrong_mirrors_that_of_the_right(part: Proportion) -> None:
    low, high = Proportion(part.of - part.count, part.of).interval
    assert part.interval == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_share_of_nothing_is_none_and_may_be_anything() -> None:
    assert Proportion(0, 0).share is None
    assert Proportion(0, 0).interval == (0.0, 1.0)


# ------------------------------------------------------------------------------------------- comparisons


@given(counts, counts)
def test_mcnemar_is_the_exact_binomial_sum(only_first: int, only_other: int) -> None:
    differing = only_first + only_other
    tail = sum(comb(differing, k) for k in range(min(only_first, only_other) + 1))
    exact = min(Fraction(2 * tail, 2**differing), Fraction(1))
    assert isclose(mcnemar(only_first, only_other), exact, rel_tol=1e-9)


@given(counts, counts)
def test_which_of_two_comes_first_changes_no_comparison(only_first: int, only_other: int) -> None:
    texts = only_first + only_other + 10
    low, high = difference(only_first, only_other, texts)
    assert mcnemar(only_first, only_other) == mcnemar(only_other, only_first)
    assert difference(only_other, only_first, texts) == pytest.approx((-high, -low))


def test_very_many_differences_neither_overflow_nor_take_long() -> None:
    assert mcnemar(60_000, 40_000) == pytest.approx(0.0, abs=1e-300)
    assert mcnemar(50_100, 49_900) == pytest.approx(0.5288, abs=0.001)


def test_holm_is_that_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(shares, max_size=8))
def test_holm_raises_every_value_by_no_more_than_bonferroni_and_keeps_their_order(
    values: list[float],
) -> None:
    adjusted = holm(values)
    for value, raised in zip(values, adjusted, strict=True):
        assert value <= raised <= min(len(values) * value, 1.0) + 1e-12
    by_value = sorted(zip(values, adjusted, strict=True))
    assert [raised for _, raised in by_value] == sorted(adjusted)


@pytest.mark.parametrize(
    ("only_first", "only_other"), [(0.05, 0.05), (0.1, 0.02), (0.02, 0.15), (0.01, 0.01)]
)
def test_the_interval_of_a_difference_holds_the_true_one_19_times_in_20(
    only_first: float, only_other: float
) -> None:
    texts, held = 60, 0.0
    for n_first in range(texts + 1):
        for n_other in range(texts + 1 - n_first):
            rest = texts - n_first - n_other
            chance = (
                comb(texts, n_first)
                * comb(texts - n_first, n_other)
                * only_first**n_first
                * only_other**n_other
                * (1 - only_first - only_other) ** rest
            )
            low, high = difference(n_first, n_other, texts)
            held += chance * (low <= only_other - only_first <= high)
    assert held > 0.94


@pytest.mark.parametrize(("texts", "differing"), [(400, 40), (500, 30), (150, 30)])
def test_a_difference_that_is_called_detectable_is_found_about_as_often_as_is_said(
    texts: int, differing: int
) -> None:
    size = detectable(differing, texts)
    assert size is not None
    apart = max(differing / texts, size)
    better = (apart + size) / 2 / apart  # of the texts that differ, those that the better one got right
    found = 0.0
    for n in range(texts + 1):
        chance = comb(texts, n) * Fraction(apart) ** n * (1 - Fraction(apart)) ** (texts - n)
        if chance < 1e-6:
            continue
        found += float(chance) * sum(
            comb(n, k) * better**k * (1 - better) ** (n - k)
            for k in range(n + 1)
            if mcnemar(n - k, k) < ALPHA
        )
    assert POWER - 0.12 < found < POWER + 0.08  # the exact test is the more cautious one


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 6))
def test_more_texts_show_smaller_differences_and_more_tests_larger_ones(
    texts: int, differing: int, tests: int
) -> None:
    size = detectable(min(differing, texts), texts, tests)
    more_texts = detectable(4 * min(differing, texts), 4 * texts, tests)
    more_tests = detectable(min(differing, texts), texts, tests + 1)
    if size is not None:
        assert more_texts is not None
        assert more_texts < size
        assert more_tests is None or more_tests > size


def test_a_handful_of_texts_can_show_no_difference_at_all() -> None:
    assert detectable(0, 3) is None
    assert detectable(0, 0) is None


# ------------------------------------------------------------------------------------------- agreement


def test_kappa_takes_out_what_chance_would_give() -> None:
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(pairs) == pytest.approx(0.4)


@given(st.lists(st.sampled_from("abc"), min_size=1))
def test_who_always_agrees_has_a_kappa_of_one_unless_there_was_no_choice(names: list[str]) -> None:
    found = kappa([(name, name) for name in names])
    assert found == (pytest.approx(1.0) if len(set(names)) > 1 else None)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc"))))
def test_kappa_is_never_above_one_and_the_same_both_ways(pairs: list[tuple[str, str]]) -> None:
    found = kappa(pairs)
    assert found == kappa([(other, first) for first, other in pairs])
    assert found is None or found <= 1


# ------------------------------------------------------------------------------------------- positions


def test_the_trend_is_that_of_agrestis_example() -> None:
    """Alcohol and malformation: A. Agresti, Categorical Data Analysis: z² = 6.57."""
    places: list[float] = []
    right: list[bool] = []
    table = [(0, 48, 17066), (0.5, 38, 14464), (1.5, 5, 788), (4, 1, 126), (7, 1, 37)]
    for score, malformed, absent in table:
        places += [score] * (malformed + absent)
        right += [True] * malformed + [False] * absent
    assert trend(places, right) == pytest.approx(0.0104, abs=0.0003)


def test_the_trend_comes_near_to_all_orders_tried() -> None:
    places = [n / 12 for n in range(12)]
    marked = {0, 1, 2, 4, 5, 8}
    middle = sum(places) / 12

    def slope(right: frozenset[int]) -> float:
        return abs(sum(places[n] - middle for n in right))

    orders = [frozenset(chosen) for chosen in combinations(range(12), 6)]
    as_far = sum(slope(each) >= slope(frozenset(marked)) - 1e-12 for each in orders) / len(orders)
    assert trend(places, [n in marked for n in range(12)]) == pytest.approx(as_far, abs=0.04)


def test_without_a_difference_to_test_there_is_no_p_value() -> None:
    assert trend([], []) is None
    assert trend([0.1, 0.9], [True, True]) is None
    assert trend([0.5, 0.5], [True, False]) is None
    few = Proportion(9, 10)
    assert unequal((few, few, few)) is None
    assert unequal((Proportion(0, 0), Proportion(0, 0), Proportion(0, 0))) is None


def test_unequal_shares_are_judged_by_chi_square_with_two_degrees_of_freedom() -> None:
    parts = (Proportion(10, 30), Proportion(15, 30), Proportion(20, 30))
    assert unequal(parts) == pytest.approx(0.03567, abs=0.00001)  # X² = 6.667


def test_chance_alone_raises_a_false_alarm_about_one_time_in_twenty() -> None:
    rng = random.Random(1)
    trends = thirds = 0
    for _ in range(1000):
        right = [rng.random() < 0.8 for _ in range(150)]
        p = trend([n % 10 / 10 for n in range(150)], right)
        unequal_p = unequal((part(right[:50]), part(right[50:100]), part(right[100:])))
        trends += p is not None and p < ALPHA
        thirds += unequal_p is not None and unequal_p < ALPHA
    assert 30 <= trends <= 70
    assert 30 <= thirds <= 70


def part(right: list[bool]) -> Proportion:
    return Proportion(sum(right), len(right))


# ------------------------------------------------------------------------------------------- latency


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_least_value_that_its_share_does_not_exceed(
    values: list[float], share: float
) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_nothing_has_no_percentile() -> None:
    assert percentile([], 0.5) is None
