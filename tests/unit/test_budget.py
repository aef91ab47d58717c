"""What a lane may spend in a day: the arithmetic, whatever the order of calls, days and shares."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stream_classifier.core.budget import (
    DAY_S,
    Budget,
    Hold,
    day_of,
    may_have_cost,
    named,
    next_day_in_s,
)
from stream_classifier.core.call import Outcome, Signal

TODAY = 20_000
amounts = st.floats(min_value=1e-7, max_value=0.5)
shares = st.sampled_from([1.0, 0.5, 0.25, 2 / 3, 0.1])


def spend(budget: Budget, usd: float, day: int = TODAY) -> None:
    """A call that costs what it was taken to cost."""
    budget.settle(budget.hold(usd, day), usd)


# -------------------------------------------------------------------------------------------------- days


def test_a_day_is_utc_s() -> None:
    assert named(day_of(1_767_225_599.9)) == "2025-12-31"
    assert named(day_of(1_767_225_600.0)) == "2026-01-01"


@given(st.floats(min_value=0, max_value=1e10))
def test_the_next_day_is_never_more_than_a_day_away_and_never_now(unix_s: float) -> None:
    assert 0 < next_day_in_s(unix_s) <= DAY_S
    assert day_of(unix_s + next_day_in_s(unix_s) + 1e-3) == day_of(unix_s) + 1


def test_a_new_day_begins_with_the_whole_budget() -> None:
    budget = Budget(1.0)
    spend(budget, 1.5)
    assert (budget.spent(TODAY), budget.spent(TODAY + 1)) == (True, False)


def test_a_call_counts_to_the_day_on_which_it_began() -> None:
    budget = Budget(1.0)
    hold = budget.hold(0.25, TODAY)
    assert budget.used(TODAY + 1) == 0
    budget.settle(hold, 0.25)
    assert (budget.used(TODAY), budget.used(TODAY + 1)) == (0.25, 0)


@pytest.mark.parametrize("wrong_by", [-1, 1, 365])
def test_a_clock_that_is_set_right_finds_the_day_s_spend_again(wrong_by: int) -> None:
    budget = Budget(1.0)
    spend(budget, 1.0)
    assert not budget.spent(TODAY + wrong_by)
    assert budget.spent(TODAY)


def test_a_call_that_ends_when_its_day_is_forgotten_changes_no_other_day() -> None:
    budget = Budget(1.0)
    hold = budget.hold(0.25, TODAY)
    spend(budget, 0.25, TODAY + 1)
    spend(budget, 0.25, TODAY + 2)
    budget.settle(hold, 0.25)
    assert (budget.used(TODAY + 1), budget.used(TODAY + 2)) == (0.25, 0.25)


def test_what_was_kept_from_before_a_restart_counts() -> None:
    budget = Budget(1.0)
    budget.recall(TODAY, 0.75)
    spend(budget, 0.25)
    assert budget.spent(TODAY)


# ------------------------------------------------------------------------------------------- overspending


class Calls(RuleBasedStateMachine):
    """Calls that begin and end in any order, none dearer than it was taken to be."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(1.0)
        self.under_way: list[tuple[Hold, float]] = []
        self.dearest = 0.0
        self.real = 0.0

    @rule(usd=amounts)
    def begin(self, usd: float) -> None:
        if self.budget.may_begin(TODAY):
            self.under_way.append((self.budget.hold(usd, TODAY), usd))
            self.dearest = max(self.dearest, usd)

    @precondition(lambda self: self.under_way)
    @rule(pick=st.integers(min_value=0), part=st.floats(0, 1))
    def end(self, pick: int, part: float) -> None:
        hold, usd = self.under_way.pop(pick % len(self.under_way))
        self.real += usd * part
        self.budget.settle(hold, usd * part)

    @precondition(lambda self: self.under_way)
    @rule(pick=st.integers(min_value=0))
    def end_without_a_word(self, pick: int) -> None:
        hold, usd = self.under_way.pop(pick % len(self.under_way))
        self.real += usd
        self.budget.settle(hold, None)

    @invariant()
    def less_than_one_call_is_overspent(self) -> None:
        assert self.real < 1.0 + self.dearest or self.real == 0
        assert self.budget.used(TODAY) == pytest.approx(self.real)

    @invariant()
    def nothing_waits_where_nothing_is_under_way_and_something_is_left(self) -> None:
        if not self.under_way:
            assert self.budget.may_begin(TODAY) != self.budget.spent(TODAY)


TestCalls = Calls.TestCase


@pytest.mark.parametrize(("share", "calls"), [(1.0, 4), (0.5, 2), (0.1, 1)])
def test_calls_side_by_side_hold_back_what_they_may_cost_of_the_share(share: float, calls: int) -> None:
    budget = Budget(1.0, share)
    begun = 0
    while budget.may_begin(TODAY):
        budget.hold(0.3, TODAY)
        begun += 1
    assert begun == calls
    assert not budget.spent(TODAY)


def test_a_budget_below_the_cost_of_a_call_allows_one() -> None:
    budget = Budget(0.001)
    assert budget.may_begin(TODAY)
    spend(budget, 0.3)
    assert not budget.may_begin(TODAY)


# ------------------------------------------------------------------------------------------------- shares


@given(share=shares, costs=st.lists(amounts, min_size=1, max_size=30))
def test_a_replica_spends_its_share_and_less_than_one_call_more(share: float, costs: Sequence[float]) -> None:
    budget = Budget(1.0, share)
    real = 0.0
    for usd in costs:
        if budget.may_begin(TODAY):
            spend(budget, usd)
            real += usd
    assert real < share + max(costs) + 1e-9
    assert budget.spent(TODAY) == (real >= share) or real == pytest.approx(share)


@given(costs=st.lists(amounts, max_size=10), before=shares, after=shares)
def test_a_share_that_changes_gives_nothing_and_takes_nothing(
    costs: Sequence[float], before: float, after: float
) -> None:
    budget = Budget(1.0, before)
    for usd in costs:
        spend(budget, usd)
    used = budget.used(TODAY)
    budget.share = after
    assert budget.used(TODAY) == used


def test_a_call_is_counted_by_the_share_with_which_it_began() -> None:
    budget = Budget(1.0, share=0.5)
    hold = budget.hold(0.25, TODAY)
    budget.share = 1.0
    budget.settle(hold, 0.25)
    assert budget.used(TODAY) == 0.5


@given(
    owners=st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=1, max_size=60),
    usd=st.floats(0.001, 0.02),
)
def test_replicas_that_hand_partitions_about_spend_the_budget_together_where_partitions_cost_alike(
    owners: list[list[int]], usd: float
) -> None:
    replicas, real = [Budget(1.0) for _ in range(3)], 0.0
    for owner_of in owners:
        owner_of[:3] = [0, 1, 2]  # each has a partition at any time
        for number, budget in enumerate(replicas):
            budget.share = owner_of.count(number) / len(owner_of)
        for number in owner_of:
            if replicas[number].may_begin(TODAY):
                spend(replicas[number], usd)
                real += usd
    assert real < 1.0 + len(owners[0]) * usd + 1e-9
    if real < 1.0 - 1e-9:
        assert not any(budget.spent(TODAY) for budget in replicas)


# ------------------------------------------------------------------------------------- what calls may cost


@pytest.mark.parametrize(
    ("signal", "may_cost"),
    [
        (Signal.ANSWERED, True),
        (Signal.TIMEOUT, True),
        (Signal.RESET, True),
        (Signal.REFUSED, True),
        (Signal.UNREACHABLE, False),
        (Signal.RATE_LIMITED, False),
        (Signal.SERVER_ERROR, False),
    ],
)
def test_a_call_without_usage_may_have_cost_unless_it_was_turned_away(signal: Signal, may_cost: bool) -> None:
    assert may_have_cost(Outcome(signal=signal)) is may_cost
