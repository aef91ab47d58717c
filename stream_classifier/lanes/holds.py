"""How long each lane's next call was held, and by what.

A lane waits at the gate one call at a time, so the seconds held in a minute are the share of it in which the
lane could make no call though it had one to make. They are added up while the wait lasts, not at its end: an
outage is seen while it lasts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.tally import Tally


@dataclass(slots=True)
class Holds:
    """Counts into the tally. `now` is the loop's clock in seconds."""

    tally: Tally
    now: Callable[[], float]
    _held: dict[Lane, tuple[HeldBy, float]] = field(default_factory=dict)

    def hold(self, lane: Lane, by: HeldBy) -> None:
        """The lane waits, from now on for this."""
        self.look()
        self._held[lane] = (by, self.now())

    def held(self, lane: Lane) -> HeldBy | None:
        """What the lane waits for now; None where it has no call to make, or may make it."""
        return self._held[lane][0] if lane in self._held else None

    def let_go(self, lane: Lane) -> None:
        """The lane waits no longer."""
        if lane in self._held:
            self.look()
            del self._held[lane]

    def look(self) -> None:
        """Count the waits that are under way up to now."""
        now = self.now()
        for lane, (by, since) in self._held.items():
            self.tally.add(measures.LANE_HELD, lane, by, n=now - since)
            self._held[lane] = (by, now)
