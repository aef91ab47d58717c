"""What the probes answer: named checks, each of which says what is wrong or nothing.

Liveness asks whether a restart would help; a broker or a provider that is away is no reason for one.
Readiness asks whether work may be taken now.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stream_classifier.core.stillness import Stillness

Check = Callable[[], str | None]
"""None where all is well, else a sentence: what is wrong, and what to look at."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe is told; `reasons` is empty where `ok`."""

    ok: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The checks behind `/healthz` and `/readyz`. They must be quick: they run in the event loop."""

    alive: Sequence[Check]
    ready: Sequence[Check]

    def liveness(self) -> Report:
        """Does the service make progress?"""
        return _report(self.alive)

    def readiness(self) -> Report:
        """May the service take work?"""
        return _report(self.ready)


def _report(checks: Sequence[Check]) -> Report:
    reasons = tuple(reason for check in checks if (reason := check()) is not None)
    return Report(ok=not reasons, reasons=reasons)


def standing_still(stillness: Stillness, clock: Callable[[], float]) -> Check:
    """The liveness check that finds partitions which have work and do not move."""

    def check() -> str | None:
        stuck = stillness.stuck(clock())
        if not stuck:
            return None
        which = ", ".join(f"{partition} (for {still_s:.0f} s)" for partition, still_s in stuck)
        return (
            f"Partitions with work stand still: {which}. No pause explains it; look in the log for the last "
            f"events with these partitions, and at oldest_unfinished_seconds in the metrics."
        )

    return check
