"""What the service tells of itself: gauges for the metrics, checks for the probes."""

from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.stillness import Stillness
from stream_classifier.core.tally import GaugeRows, Measure, Tally
from stream_classifier.kafka.delivery import Outbox
from stream_classifier.kafka.session import Session
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.observe.health import Health, standing_still
from stream_classifier.service.parts import Pipeline

POLL_STALE_S = 30.0  # far above the longest poll; a poller that is silent for so long is stuck
UNACKNOWLEDGED_S = 5.0  # far above a send that goes well; the broker is away, or slow beyond use


@dataclass(slots=True, kw_only=True)
class Watch:
    """Reads the running parts. `session` gives the current one, None before the first."""

    tally: Tally
    pipeline: Pipeline
    outbox: Outbox
    session: Callable[[], Session | None]
    now: Callable[[], float]
    stall_s: float
    stillness: Stillness = field(init=False)

    def __post_init__(self) -> None:
        self.stillness = Stillness(self.stall_s)
        self._declare_gauges()

    def look(self) -> None:
        """Note how far each partition is; call about every second."""
        session = self.session()
        partitions = session.assignment.partitions if session else {}
        self.stillness.keep_only([tp.partition for tp in partitions])
        excused = self._excused()
        self.pipeline.gate.spending.look()
        self.pipeline.arrivals.storms.look()
        for tp, partition in partitions.items():
            ledger = partition.ledger
            self.stillness.seen(
                tp.partition,
                position=ledger.position,
                finished=ledger.finished,
                has_work=bool(ledger.unfinished),
                excused=excused,
                now=self.now(),
                behind=_behind(ledger, self.pipeline.lanes.bulk),
            )

    def health(self) -> Health:
        """The checks behind the probes."""
        alive = [self._polling, standing_still(self.stillness, self.now)]
        return Health(alive=alive, ready=[self._in_the_group])

    def _polling(self) -> str | None:
        session = self.session()
        if session is None or session.stopping or not session.assignment.taking:
            return None  # between two assignments a poll waits for the group, however long that takes
        silent_s = self.now() - session.polled_at
        if silent_s <= POLL_STALE_S:
            return None
        return f"Kafka was last polled {silent_s:.0f} s ago. The consumer is stuck; a restart helps."

    def _in_the_group(self) -> str | None:
        session = self.session()
        if session is not None and session.assignment.taking and not session.stopping:
            return None
        return (
            "Not a member of the consumer group yet, or between two assignments: look in the log for Kafka."
        )

    def _excused(self) -> bool:
        """A pause with a reason, or a broker that is away, explains why partitions stand still."""
        if self.outbox.unacknowledged_s() > UNACKNOWLEDGED_S:
            return True
        gate = self.pipeline.gate
        if gate.paused(Lane.BULK) or gate.spending.spent(Lane.BULK):
            return True
        return any(breaker.open for breaker in gate.breakers.values())

    def _declare_gauges(self) -> None:
        gauges: dict[Measure, Callable[[], GaugeRows]] = {
            measures.IN_FLIGHT: lambda: {(): self._in_flight()[0]},
            measures.IN_FLIGHT_BYTES: lambda: {(): self._in_flight()[1]},
            measures.WAITING: lambda: {(lane,): self.pipeline.flights.waiting(lane) for lane in Lane},
            measures.BREAKER_OPEN: self._breakers,
            measures.BUDGET_USED: self.pipeline.gate.spending.used,
            measures.PARTITIONS_OWNED: lambda: {(): len(self._partitions())},
            measures.PARTITIONS_PAUSED: self._paused,
            measures.POSITION: self._positions,
            measures.LAG: self._lags,
            measures.OLDEST: self._oldest,
        }
        for measure, read in gauges.items():
            self.tally.gauge(measure, read)

    def _partitions(self) -> list[Partition]:
        session = self.session()
        return list(session.assignment.partitions.values()) if session else []

    def _in_flight(self) -> tuple[int, int]:
        session = self.session()
        return session.assignment.in_flight if session else (0, 0)

    def _breakers(self) -> GaugeRows:
        breakers = self.pipeline.gate.breakers.items()
        return {(model, breaker.reason): 1.0 for model, breaker in breakers if breaker.reason is not None}

    def _paused(self) -> GaugeRows:
        session = self.session()
        if session is None:
            return {}
        full = len(session.assignment.partitions) if session.backpressure.full else 0
        return {("bounds",): full, ("map",): len(session.commits.full_maps)}

    def _positions(self) -> GaugeRows:
        session = self.session()
        return {(str(p.number),): session.commits.committed(p) for p in self._partitions()} if session else {}

    def _lags(self) -> GaugeRows:
        session = self.session()
        return {(str(number),): lag for number, lag in session.lag.by_partition().items()} if session else {}

    def _oldest(self) -> GaugeRows:
        read_at = {p.number: p.ledger.oldest_read_at() for p in self._partitions()}
        return {(str(n),): 0.0 if at is None else self.now() - at for n, at in read_at.items()}


def _behind(ledger: Ledger, bulk: BulkLane) -> int | None:
    """How far the bulk line has moved, if the oldest unfinished record was read after what is next in it."""
    oldest, next_read_at = ledger.oldest_read_at(), bulk.next_read_at()
    return None if oldest is None or next_read_at is None or oldest < next_read_at else bulk.taken
