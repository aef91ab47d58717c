"""Money: whether a lane may still spend today, and what becomes of its calls' costs.

The arithmetic is `core/budget.py`'s. Here it meets the clock, the prices and the store that keeps the spend
across a restart; a lane without a budget passes through.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.budget import Budget, Hold, day_of, may_have_cost, named, next_day_in_s
from stream_classifier.core.call import Outcome, Usage
from stream_classifier.core.charging import Size
from stream_classifier.core.prices import Prices
from stream_classifier.core.tally import GaugeRows, Tally

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 60.0  # a wall clock may be set while a lane waits for midnight
REMEDIES = {
    Lane.BULK: "Bulk tickets wait, and go on by themselves at 00:00 UTC. To go on today, raise"
    " llm.budget_usd_per_day and restart.",
    Lane.URGENT: "Until 00:00 UTC urgent tickets are published for review at their deadline. To have them"
    " labelled today, raise urgent.budget_usd_per_day and restart.",
}


class SpendStore(Protocol):
    """Where the spend outlives a restart. Neither method waits or raises: what a backend is slow or
    unable to take is its own concern."""

    def spent(self, day: int, lane: str) -> float:
        """What is kept of a day, in counted USD."""

    def spend(self, day: int, lane: str, usd: float) -> None:
        """Add to it."""


def _nobody_waits() -> None:
    pass


@dataclass(slots=True, kw_only=True)
class Spending:
    """The budgets by lane. `clock` gives unix seconds; `changed` is called when a call's end lets a lane go
    on that had to wait for it. A `shared` store is all replicas': it is told what was spent, and not what
    that counts as here, so that it holds what all have spent together."""

    budgets: Mapping[Lane, Budget]
    prices: Prices
    tally: Tally
    clock: Callable[[], float]
    store: SpendStore | None = None
    shared: bool = False
    changed: Callable[[], None] = _nobody_waits
    _told: set[Lane] = field(default_factory=set)  # whose budget was told to be spent

    def __post_init__(self) -> None:
        for lane, budget in self.budgets.items():
            if self.store is not None:
                budget.recall(self._today, self.store.spent(self._today, lane))

    def wait_s(self, lane: Lane) -> float:
        """Seconds after which to look again; 0 where a call may begin now."""
        self.look()
        if self._may_begin(lane):
            return 0.0
        return min(next_day_in_s(self.clock()), LOOK_AGAIN_S)

    def spent(self, lane: Lane) -> bool:
        """Whether the lane has nothing left for today."""
        return lane in self.budgets and self.budgets[lane].spent(self._today)

    def look(self) -> None:
        """Tell of the budgets that were used up, or renewed by a new day, since the last look."""
        for lane, budget in self.budgets.items():
            if budget.spent(self._today) == (lane in self._told):
                continue
            if lane in self._told:
                self._told.discard(lane)
                log.info("budget_renewed", lane=lane, day=named(self._today))
            else:
                self._told.add(lane)
                self._tell_spent(lane, budget)

    def used(self) -> GaugeRows:
        """The part of today's budget that each lane has used."""
        return {(lane,): budget.used(self._today) for lane, budget in self.budgets.items()}

    def hold(self, lane: Lane, model: str, size: Size) -> Hold | None:
        """A call begins: it is taken to cost what it can at the most."""
        budget = self.budgets.get(lane)
        if budget is None:
            return None
        usage = Usage(tokens_in=size.prompt, tokens_out=size.budget)
        return budget.hold(self.prices.cost_usd(model, usage) or 0.0, self._today)

    def settle(self, lane: Lane, model: str, hold: Hold | None, outcome: Outcome | None) -> None:
        """The call has ended; without an outcome where it was sent and nobody waited for its end."""
        if hold is None:
            return
        if outcome is not None and outcome.usage is not None:
            self._count(lane, hold, self.prices.cost_usd(model, outcome.usage))
        else:
            self._count(lane, hold, None if outcome is None or may_have_cost(outcome) else 0.0)

    def give_back(self, lane: Lane, hold: Hold | None) -> None:
        """The call was not made."""
        if hold is not None:
            self._count(lane, hold, 0.0)

    def charge(self, lane: Lane, model: str, outcome: Outcome) -> None:
        """A call was made that no budget holds up: a probe."""
        if (budget := self.budgets.get(lane)) is not None and outcome.usage is not None:
            cost_usd = self.prices.cost_usd(model, outcome.usage) or 0.0
            self._count(lane, budget.hold(cost_usd, self._today), cost_usd)

    def set_share(self, share: float) -> None:
        """The part of the account that is this replica's."""
        for budget in self.budgets.values():
            budget.share = share

    @property
    def _today(self) -> int:
        return day_of(self.clock())

    def _may_begin(self, lane: Lane) -> bool:
        budget = self.budgets.get(lane)
        return budget is None or budget.may_begin(self._today)

    def _count(self, lane: Lane, hold: Hold, usd: float | None) -> None:
        waited = not self._may_begin(lane)
        counted_usd = self.budgets[lane].settle(hold, usd)
        if self.store is not None and counted_usd:
            self.store.spend(hold.day, lane, counted_usd * hold.share if self.shared else counted_usd)
        self.look()
        if waited and self._may_begin(lane):
            self.changed()

    def _tell_spent(self, lane: Lane, budget: Budget) -> None:
        self.tally.add(measures.PAUSES, "budget")
        part_usd = budget.usd_per_day * budget.share
        log.warning(
            "budget_spent",
            lane=lane,
            day=named(self._today),
            spent_usd=round(budget.used(self._today) * part_usd, 6),
            budget_usd=round(part_usd, 6),
            remedy=REMEDIES[lane],
        )
