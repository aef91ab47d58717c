"""How long this replica would take for what is left, at the pace of its last minutes of work.

Replicas are added and taken away by this number, so it says nothing rather than something wrong.

Rules
-----
* Left are the records of the owned partitions that are not done: unread ones, and those in flight.
* The pace is what was finished a second over the last `WINDOW_S` that counted. Idle time says nothing of
  it, so only time with work at hand counts: after an idle hour the pace is what it was before.
* Where little is at hand the pace is that of the arrivals, not ours, and a burst after a quiet night would
  look like hours of work. So the time counts in which at least `full` records were left; all time with work
  serves until there was enough of that.
* While work is held (an outage, a limit, a spent budget, a broker that is away) nothing counts and the value
  stays: another replica would wait beside this one.
* A step that is longer than `LONGEST_STEP_S` does not count: the process stood still.
* With nothing left it is 0, whatever the pace. It is None while the pace is not known, which takes
  `KNOWN_AFTER_S` and something that was finished; where a known pace has come down to nothing, the last value
  stays.
"""

from collections import deque
from dataclasses import dataclass, field

WINDOW_S = 300.0  # calls take seconds and storms minutes: long enough for both, short enough for a new model
KNOWN_AFTER_S = 30.0  # the first calls of a process are slow, and the first batch is finished all at once
LONGEST_STEP_S = 5.0  # looks come every second


@dataclass(slots=True)
class Pace:
    """What was finished a second, over the last `WINDOW_S` that counted."""

    _steps: deque[tuple[float, int]] = field(default_factory=deque)  # how long, and how many finished in it

    def count(self, step_s: float, finished: int) -> None:
        """So many were finished in a step of counted time."""
        self._steps.append((step_s, finished))
        while self._counted_s - self._steps[0][0] >= WINDOW_S:
            self._steps.popleft()

    @property
    def per_s(self) -> float | None:
        """None while too little time was counted to say."""
        counted_s = self._counted_s
        return sum(n for _, n in self._steps) / counted_s if counted_s >= KNOWN_AFTER_S else None

    @property
    def _counted_s(self) -> float:
        return sum(step_s for step_s, _ in self._steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found at one moment: records `left`, and those `finished` since the process began."""

    at: float
    left: int
    finished: int
    held: bool


@dataclass(slots=True)
class WorkLeft:
    """Call `look` about every second; `seconds` is the answer since then. `full` is how many records keep
    every call slot busy."""

    full: int
    seconds: float | None = None
    _before: Look | None = None
    _at_full: Pace = field(default_factory=Pace)
    _at_work: Pace = field(default_factory=Pace)

    def look(self, now: Look) -> None:
        """Enter what is found now."""
        self._count(now)
        self._before = now
        if not now.held:
            self.seconds = self._seconds(now.left)

    def _count(self, now: Look) -> None:
        before = self._before
        if before is None or before.held or now.held or not before.left:
            return
        step_s = now.at - before.at
        if not 0 < step_s <= LONGEST_STEP_S:
            return
        finished = now.finished - before.finished
        self._at_work.count(step_s, finished)
        if min(before.left, now.left) >= self.full:
            self._at_full.count(step_s, finished)

    def _seconds(self, left: int) -> float | None:
        if not left:
            return 0.0
        pace = self._at_full.per_s
        if pace is None:
            pace = self._at_work.per_s
        if pace is None:
            return None
        return left / pace if pace else self.seconds or None
