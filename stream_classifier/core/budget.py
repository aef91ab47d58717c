"""What a lane may spend in a UTC day, and whether a call may begin.

Rules
-----
* A call begins while what is spent and what the calls under way may cost are together below the budget.
  What a call costs is known when it has ended and not before, so a day is overspent by less than one call's
  cost, however many run side by side.
* A call counts to the day on which it began.
* A replica knows its own calls only. It takes the partitions to cost alike: a call counts as its cost
  divided by the replica's share of them, which is what the account would have spent if all had done the
  same, and that is held against the whole budget. So a change of the share during the day gives nothing
  and takes nothing: whoever has used up four fifths of its part has used up four fifths of the new part.
  Where the partitions do cost alike, replicas that hand them about spend the budget together and no more;
  where they do not, one spends at most the largest share that it had that day.
* A call that was sent and told no usage counts as what it might have cost.
* A clock that is set back finds the spend of that day again: a correction must not give a day twice.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from stream_classifier.core.call import Outcome, Signal

DAY_S = 86_400  # unix time has no leap seconds
DAYS_KEPT = 2  # today's, and the one that a corrected clock leads from or to
EPOCH = date(1970, 1, 1)
FREE = frozenset(
    {
        Signal.OVERFLOW,
        Signal.RATE_LIMITED,
        Signal.QUOTA,
        Signal.FORMAT_REFUSED,
        Signal.BAD_REQUEST,
        Signal.KEY_REFUSED,
        Signal.MODEL_UNKNOWN,
        Signal.SERVER_ERROR,
        Signal.UNREACHABLE,
    }
)
"""What is turned away at the door, or never gets there, is not charged. After a broken connection or a
timeout nobody knows, and a content filter may have read all of it."""


def day_of(unix_s: float) -> int:
    """The UTC day of a moment, as days since 1970."""
    return int(unix_s // DAY_S)


def next_day_in_s(unix_s: float) -> float:
    """Seconds until the next UTC day; above 0."""
    return DAY_S - unix_s % DAY_S


def named(day: int) -> str:
    """A day as people write it: `2026-01-31`."""
    return (EPOCH + timedelta(days=day)).isoformat()


def may_have_cost(outcome: Outcome) -> bool:
    """Whether a call that told no usage may be charged by the provider all the same."""
    return outcome.signal not in FREE


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One call under way: its day, the share that it is counted by, and what it may cost (USD, counted)."""

    day: int
    share: float
    usd: float


@dataclass(slots=True)
class _Day:
    spent_usd: float = 0.0
    held_usd: float = 0.0
    calls: int = 0


@dataclass(slots=True)
class Budget:
    """One lane's budget. Amounts kept and returned are counted ones (see the rules), in USD."""

    usd_per_day: float
    share: float = 1.0
    _days: dict[int, _Day] = field(default_factory=dict)

    def recall(self, day: int, counted_usd: float) -> None:
        """What was kept of this day from before a restart."""
        self._day(day).spent_usd = counted_usd

    def used(self, day: int) -> float:
        """The part of the day's budget that is spent: 1 is all of it."""
        return self._day(day).spent_usd / self.usd_per_day

    def spent(self, day: int) -> bool:
        """Whether nothing is left for this day."""
        return self._day(day).spent_usd >= self.usd_per_day

    def may_begin(self, day: int) -> bool:
        """Whether a call may begin. Where none may and the day is not `spent`, the end of one of those
        under way decides."""
        kept = self._day(day)
        return kept.spent_usd + kept.held_usd < self.usd_per_day

    def hold(self, usd: float, day: int) -> Hold:
        """A call begins that may cost so much."""
        hold = Hold(day=day, share=self.share, usd=usd / self.share)
        kept = self._day(day)
        kept.held_usd += hold.usd
        kept.calls += 1
        return hold

    def settle(self, hold: Hold, usd: float | None) -> float:
        """The call has ended and cost so much; None: nobody knows. Returns what it counts as."""
        counted_usd = hold.usd if usd is None else usd / hold.share
        if (kept := self._days.get(hold.day)) is not None:
            kept.calls -= 1
            kept.held_usd = kept.held_usd - hold.usd if kept.calls else 0.0  # rounding must not add up
            kept.spent_usd += counted_usd
        return counted_usd

    def _day(self, day: int) -> _Day:
        kept = self._days.get(day)
        if kept is None:
            kept = self._days[day] = _Day()
            if len(self._days) > DAYS_KEPT:
                del self._days[next(iter(self._days))]
        return kept
