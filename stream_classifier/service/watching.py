"""What the service tells of itself: gauges for the metrics, checks for the probes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.limits import Limiter
from stream_classifier.core.stillness import Stillness
from stream_classifier.core.tally import GaugeRows, Measure, Tally
from stream_classifier.kafka.delivery import Outbox
from stream_classifier.kafka.session import Session
from stream_classifier.lanes.answering import Answering
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.under_way import UnderWay
from stream_classifier.observe.health import Health, standing_still
from stream_classifier.service.parts import Pipeline
from stream_classifier.service.work_left import Remaining

POLL_STALE_S = 30.0  # far above the longest poll; a poller that is silent for so long is stuck
LINE_STANDS_S = 60.0  # a line that moves at its limits' pace is no reason for one partition to stand still
UNACKNOWLEDGED_S = 5.0  # far above a send that goes well; the broker is away, or slow beyond use

NOT_BEGUN = (
    "Not a member of the consumer group yet: first Kafka must be there, and people's corrections be read. "
    "The log says what is waited for: waiting_for_kafka, overrides_unread."
)
BETWEEN = (
    "No partitions are assigned at this moment: the group is forming, or a broker is away. If it lasts, look "
    "for waiting_for_kafka, open_failed or consumer_failed in the log."
)
STOPPING = "It takes no more work: it stops, or joins again with a renewed login."


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
    _line: tuple[int, float] | None = None  # texts taken from bulk's line, and since when so many
    remaining: Remaining = field(init=False)

    def __post_init__(self) -> None:
        self.stillness = Stillness(self.stall_s)
        self.remaining = Remaining(
            tally=self.tally,
            session=self.session,
            broker_away=self._broker_away,
            now=self.now,
            full=self.pipeline.slots[Lane.BULK] * self.pipeline.lanes.bulk.gathering.policy.max_tickets,
        )
        self._declare_gauges()

    def look(self) -> None:
        """Note how far each partition is; call about every second."""
        session = self.session()
        partitions = session.assignment.partitions if session else {}
        self.stillness.keep_only([tp.partition for tp in partitions])
        excused = self._excused()
        self.pipeline.gate.spending.look()
        self.pipeline.gate.holds.look()
        self.remaining.look()
        self.pipeline.arrivals.storms.look()
        for tp, partition in partitions.items():
            ledger = partition.ledger
            self.stillness.seen(
                tp.partition,
                position=ledger.position,
                finished=ledger.finished,
                has_work=bool(ledger.unfinished),
                excused=partition in excused,
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
        if session is None:
            return NOT_BEGUN
        if session.stopping:
            return STOPPING
        return None if session.assignment.taking else BETWEEN

    def _excused(self) -> set[Partition]:
        """The partitions of which a pause with a reason, or a broker that is away, explains that they stand.

        Urgent tickets meet their deadline in any pause of their lane. What was promoted with them waits for
        the lane, and has none."""
        if self._broker_away() or self._held(Lane.BULK):
            return set(self._partitions())
        if not self._held(Lane.URGENT):
            return set()
        asks = (ask for ask in self.pipeline.flights.asks() if ask.lane is Lane.URGENT)
        return {waiting.delivery.partition for ask in asks for waiting in ask.waiters if waiting.live}

    def _held(self, lane: Lane) -> bool:
        """Whether this lane makes no calls, for a reason."""
        gate = self.pipeline.gate
        if gate.paused(lane) or gate.spending.spent(lane):
            return True
        if gate.holds.held(lane) is HeldBy.RATE:
            return lane is Lane.URGENT or self._line_stands_s() > LINE_STANDS_S
        models = dict(self._asking())[lane].models
        known = [gate.breakers[model] for model in models if model in gate.breakers]
        return bool(known) and not any(breaker.takes_calls for breaker in known)

    def _line_stands_s(self) -> float:
        """How long bulk's line has not moved."""
        taken, now = self.pipeline.lanes.bulk.taken, self.now()
        if self._line is None or self._line[0] != taken:
            self._line = taken, now
        return now - self._line[1]

    def _broker_away(self) -> bool:
        return self.outbox.unacknowledged_s() > UNACKNOWLEDGED_S

    def _declare_gauges(self) -> None:
        gauges: dict[Measure, Callable[[], GaugeRows]] = {
            measures.IN_FLIGHT: lambda: {(): self._in_flight()[0]},
            measures.IN_FLIGHT_BYTES: lambda: {(): self._in_flight()[1]},
            measures.WAITING: self._waiting,
            measures.CALLED_TEXTS: lambda: {(lane,): now.texts for lane, now in self._under_way()},
            measures.CALLS_UNDER_WAY: lambda: {(lane,): now.calls for lane, now in self._under_way()},
            measures.CALL_SLOTS: lambda: {(lane,): n for lane, n in self.pipeline.slots.items()},
            measures.UNACKNOWLEDGED: lambda: {(): self.outbox.unacknowledged_s()},
            measures.BREAKER_OPEN: self._breakers,
            measures.RESERVED_CALLS: lambda: {(m,): each.reserved_calls for m, each in self._limiters()},
            measures.RESERVED_TOKENS: lambda: {(m,): each.reserved_tokens for m, each in self._limiters()},
            measures.BUDGET_USED: self.pipeline.gate.spending.used,
            measures.PARTITIONS_OWNED: lambda: {(): len(self._partitions())},
            measures.PARTITIONS_PAUSED: self._paused,
            measures.POSITION: self._positions,
            measures.LAG: self._lags,
            measures.AHEAD: self._ahead,
            measures.OLDEST: self._oldest,
            measures.STILL: lambda: {(str(n),): s for n, s in self.stillness.still(self.now()).items()},
        }
        for measure, read in gauges.items():
            self.tally.gauge(measure, read)

    def _asking(self) -> list[tuple[Lane, Answering]]:
        lanes = self.pipeline.lanes
        return [(Lane.BULK, lanes.bulk.answering), (Lane.URGENT, lanes.urgent.answering)]

    def _under_way(self) -> list[tuple[Lane, UnderWay]]:
        return [(lane, asking.under_way) for lane, asking in self._asking()]

    def _waiting(self) -> GaugeRows:
        """A call may hold texts that nobody waits for: answers that are renewed."""
        waiting = self.pipeline.flights.waiting
        return {(lane,): max(waiting(lane) - now.texts, 0) for lane, now in self._under_way()}

    def _partitions(self) -> list[Partition]:
        session = self.session()
        return list(session.assignment.partitions.values()) if session else []

    def _in_flight(self) -> tuple[int, int]:
        session = self.session()
        return session.assignment.in_flight if session else (0, 0)

    def _limiters(self) -> Iterable[tuple[str, Limiter]]:
        return self.pipeline.gate.limiters.items()

    def _breakers(self) -> GaugeRows:
        breakers = self.pipeline.gate.breakers.items()
        return {(model, breaker.reason): 1.0 for model, breaker in breakers if breaker.reason is not None}

    def _paused(self) -> GaugeRows:
        session = self.session()
        if session is None:
            return {}
        full = len(session.assignment.partitions) if session.backpressure.full else 0
        return {
            ("bounds",): full,
            ("map",): len(session.commits.full_maps),
            ("schema",): len(session.unread.waiting()),
        }

    def _positions(self) -> GaugeRows:
        session = self.session()
        return {(str(p.number),): session.commits.committed(p) for p in self._partitions()} if session else {}

    def _lags(self) -> GaugeRows:
        session = self.session()
        return {(str(number),): lag for number, lag in session.lag.by_partition().items()} if session else {}

    def _ahead(self) -> GaugeRows:
        session = self.session()
        if session is None or session.look_ahead is None:
            return {}
        return {(str(number),): ahead for number, ahead in session.look_ahead.ahead().items()}

    def _oldest(self) -> GaugeRows:
        read_at = {p.number: p.ledger.oldest_read_at() for p in self._partitions()}
        return {(str(n),): 0.0 if at is None else self.now() - at for n, at in read_at.items()}


def _behind(ledger: Ledger, bulk: BulkLane) -> int | None:
    """How far the bulk line has moved, if the oldest unfinished record was read after what is next in it."""
    oldest, next_read_at = ledger.oldest_read_at(), bulk.next_read_at()
    return None if oldest is None or next_read_at is None or oldest < next_read_at else bulk.taken
