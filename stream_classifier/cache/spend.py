"""What the lanes have spent, on its way to the backend: it must outlive a restart like the answers do.

Amounts are kept by UTC day and lane. They are added and never overwritten, so that one backend may serve
several processes.
"""

from dataclasses import dataclass, field

DayAndLane = tuple[int, str]
Spends = dict[DayAndLane, float]

DAYS_KEPT = 35
"""For how long a backend keeps a day: a month's bill can be held against it."""


@dataclass(slots=True)
class DaySpend:
    """The spend as the backend had it at the start, what this process added, and what of that the backend
    has not taken yet. USD."""

    kept: Spends = field(default_factory=dict)
    unwritten: Spends = field(default_factory=dict)

    def add(self, day: int, lane: str, usd: float) -> None:
        """So much more was spent."""
        _add(self.kept, (day, lane), usd)
        _add(self.unwritten, (day, lane), usd)
        for spends in (self.kept, self.unwritten):
            for old in [key for key in spends if key[0] <= day - DAYS_KEPT]:
                del spends[old]

    def take(self) -> Spends:
        """What is to be written; it counts as written then."""
        taken, self.unwritten = self.unwritten, {}
        return taken

    def put_back(self, spends: Spends) -> None:
        """It could not be written."""
        for key, usd in spends.items():
            _add(self.unwritten, key, usd)


def _add(spends: Spends, key: DayAndLane, usd: float) -> None:
    spends[key] = spends.get(key, 0.0) + usd
