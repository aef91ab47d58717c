"""Has a partition with work stood still for too long, and has the event loop been away?

Rules of `Stillness`:

- Progress is movement of the committed position or of the number of finished records. Both count: behind
  a slow head of the line the position stands while later records finish.
- A partition whose oldest record still stands in the lanes' common line moves as that line moves. Before a
  slow provider it may stand behind another partition's backlog for hours, and a restart would only put it
  there again. Once its turn has come it must move by itself.
- Time counts only between two looks that both found work, no progress and no excuse. An excuse is a pause
  with a reason (outage, quota, limit, budget): it stops the count and does not clear it.
- One step counts for `longest_step_s` at most. A process that was frozen looks again after an hour and
  must not blame its partitions for the hour.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class _Look:
    """What was found at the last look at a partition; `still_s` is what has counted up to then."""

    mark: tuple[int, int, int | None]
    counting: bool
    at: float
    still_s: float = 0.0


class Stillness:
    """Watches the partitions owned. `now` is in seconds of one steady clock; look about every second."""

    def __init__(self, stall_s: float, longest_step_s: float = 30.0) -> None:
        self._stall_s = stall_s
        self._longest_step_s = longest_step_s
        self._looks: dict[int, _Look] = {}

    def seen(
        self,
        partition: int,
        *,
        position: int,
        finished: int,
        has_work: bool,
        excused: bool,
        now: float,
        behind: int | None = None,
    ) -> None:
        """Enter one look: the position to commit, the records finished so far, and what explains a rest.
        `behind` says how far the line has moved in which its oldest record stands; None where it stands in
        none."""
        look = _Look(mark=(position, finished, behind), counting=has_work and not excused, at=now)
        before = self._looks.get(partition)
        if before is not None and has_work and before.mark == look.mark:
            look.still_s = before.still_s
            if look.counting:
                look.still_s = self._still_s(before, now)
        self._looks[partition] = look

    def still(self, now: float) -> dict[int, float]:
        """By partition, for how many seconds it has stood still with work and without an excuse."""
        return {partition: self._still_s(look, now) for partition, look in sorted(self._looks.items())}

    def stuck(self, now: float) -> list[tuple[int, float]]:
        """The partitions that have stood still for longer than `stall_s`, and for how many seconds."""
        return [
            (partition, still_s) for partition, still_s in self.still(now).items() if still_s > self._stall_s
        ]

    def keep_only(self, partitions: Collection[int]) -> None:
        """Forget the partitions that are no longer owned; one that comes back starts anew."""
        self._looks = {partition: look for partition, look in self._looks.items() if partition in partitions}

    def _still_s(self, look: _Look, now: float) -> float:
        if not look.counting:
            return look.still_s
        return look.still_s + min(max(0.0, now - look.at), self._longest_step_s)


class LoopBeat:
    """How long the event loop has been away: a task beats steadily, and a late beat tells of a freeze.

    The gap includes the beat's own interval, so hold it against limits well above that.
    """

    def __init__(self, now: float) -> None:
        self._at = now

    def beat(self, now: float) -> float:
        """Seconds since the last beat."""
        gap_s = self.gap_s(now)
        self._at = now
        return gap_s

    def gap_s(self, now: float) -> float:
        """Seconds since the last beat, without beating: for whoever must know before it acts."""
        return max(0.0, now - self._at)
