"""What the running parts say of the work that is left; the arithmetic is `core/work_left.py`'s."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Partition
from stream_classifier.core.tally import GaugeRows, Tally
from stream_classifier.core.work_left import Look, WorkLeft
from stream_classifier.kafka.session import Session

HELD_SHARE = 0.5  # of a step: then what holds the lane is what sets the pace, and not this replica


@dataclass(slots=True, kw_only=True)
class Remaining:
    """Call `look` about every second. `session` gives the current one, None before the first; `broker_away`
    says whether what is sent is not taken; `full` is how many records keep every call slot busy."""

    tally: Tally
    session: Callable[[], Session | None]
    broker_away: Callable[[], bool]
    now: Callable[[], float]
    full: int
    _work: WorkLeft = field(init=False)
    _finished: dict[Partition, int] = field(default_factory=dict)
    _finished_all: int = 0
    _held_s: float = 0.0
    _looked_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._work = WorkLeft(self.full)
        self._looked_at = self.now()
        self.tally.gauge(measures.WORK_LEFT, self._seconds)
        self.tally.gauge(measures.RECORDS_LEFT, lambda: {(): self.records()})

    def look(self) -> None:
        """Enter how things stand now."""
        held = self._held()
        self._count_finished()
        self._work.look(
            Look(
                at=self.now(), left=self.records(), finished=self._finished_all, held=held or not self._taking
            )
        )

    def records(self) -> int:
        """Those of the owned partitions that are not done: unread or in flight."""
        session = self.session()
        return session.lag.unread() + session.assignment.in_flight[0] if session else 0

    @property
    def _taking(self) -> bool:
        """False before the group has given us partitions, and between two assignments."""
        session = self.session()
        return session is not None and session.assignment.taking

    def _held(self) -> bool:
        """Whether another replica would wait beside this one: since the last look, mostly."""
        held_s, now = self.tally.count(measures.LANE_HELD, Lane.BULK), self.now()
        mostly = held_s - self._held_s > HELD_SHARE * (now - self._looked_at)
        self._held_s, self._looked_at = held_s, now
        return mostly or self.broker_away() or self._nothing_is_readable

    @property
    def _nothing_is_readable(self) -> bool:
        """Whether every partition rests before a record whose schema is not known."""
        session = self.session()
        if session is None or not session.assignment.partitions:
            return False
        return session.assignment.partitions.keys() <= session.unread.waiting()

    def _count_finished(self) -> None:
        session = self.session()
        partitions = session.assignment.partitions.values() if session else ()
        finished = {partition: partition.ledger.finished for partition in partitions}
        self._finished_all += sum(n - self._finished.get(partition, 0) for partition, n in finished.items())
        self._finished = finished

    def _seconds(self) -> GaugeRows:
        return {} if self._work.seconds is None else {(): self._work.seconds}
