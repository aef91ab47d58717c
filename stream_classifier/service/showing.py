"""What the live page shows, read from the running parts when somebody looks.

Nothing here is called for a ticket. Of each call one thing is kept: what the provider said of the account's
limits.
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stream_classifier import __version__
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import Breaker
from stream_classifier.core.call import RateHeaders
from stream_classifier.core.finished_map import Mark, decode
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.journey import Partition
from stream_classifier.core.runs import Run
from stream_classifier.core.tally import Measure, Tally
from stream_classifier.kafka.delivery import Outbox
from stream_classifier.kafka.session import Session
from stream_classifier.lanes.calls import Called
from stream_classifier.lanes.gate import PROVIDER_DOWN, REMEDIES, Gate
from stream_classifier.observe.health import Health
from stream_classifier.observe.live.history import History
from stream_classifier.observe.live.recent import Recent
from stream_classifier.observe.live.state import Identity, LaneNow, ModelNow, Now, PartitionNow
from stream_classifier.observe.live.view import View, new_view
from stream_classifier.observe.summary import take
from stream_classifier.service.parts import Pipeline
from stream_classifier.service.watching import Watch
from stream_classifier.settings import Settings


@dataclass(slots=True)
class LimitsTold:
    """What the provider said last of each model's limits, and when by the loop's clock."""

    now: Callable[[], float]
    by_model: dict[str, tuple[RateHeaders, float]] = field(default_factory=dict)

    def heard(self, called: Called) -> None:
        """A call has ended."""
        rate = called.outcome.rate
        if rate.remaining_requests is not None or rate.remaining_tokens is not None:
            self.by_model[called.model] = rate, self.now()


@dataclass(slots=True, kw_only=True)
class Showing:
    """Reads what the page shows. `session` gives the current one, None before the first; `now` is the loop's
    clock, `clock` gives unix seconds, `registry_away_s` how long the schema registry has been away;
    `stopping` says whether the end was asked for."""

    settings: Settings
    tally: Tally
    pipeline: Pipeline
    outbox: Outbox
    watch: Watch
    limits: LimitsTold
    recent: Recent
    session: Callable[[], Session | None]
    now: Callable[[], float]
    clock: Callable[[], float]
    registry_away_s: Callable[[], float]
    stopping: Callable[[], bool]
    calls_wait_s: float
    health: Health = field(init=False)
    history: History = field(init=False)
    _host: str = field(default_factory=socket.gethostname)
    _began_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.health = self.watch.health()
        self.history = History(self.tally, self.now)
        self._began_at = self.now()

    def view(self) -> View:
        """What is to be shown now."""
        return new_view(self.state(), self.history, self.recent)

    def state(self) -> Now:
        """The facts of this moment."""
        session, gate = self.session(), self.pipeline.gate
        return Now(
            unix_s=self.clock(),
            up_s=self.now() - self._began_at,
            identity=self._identity(),
            alive=self.health.liveness(),
            ready=self.health.readiness(),
            stopping=self.stopping(),
            counts=take(self.tally),
            lanes={lane: self._lane(lane) for lane in Lane},
            partitions=self._partitions(session) if session else (),
            models=self._models(gate),
            budgets={Lane(lane): part for (lane,), part in gate.spending.used().items()},
            unacknowledged=self.outbox.unacknowledged(),
            unacknowledged_s=self.outbox.unacknowledged_s(),
            registry_away_s=self.registry_away_s(),
            publishing_held=session is not None and not session.in_touch(),
            at_bounds=session is not None and session.backpressure.full,
            left=round(self._gauge(measures.RECORDS_LEFT) or 0),
            work_left_s=self._gauge(measures.WORK_LEFT),
        )

    def _identity(self) -> Identity:
        settings = self.settings
        try:
            partitions = self.outbox.items.partitions(settings.kafka.input_topic)
        except KeyError:  # not known before Kafka was reached
            partitions = 0
        return Identity(
            host=self._host,
            group_id=settings.kafka.group_id,
            version=__version__,
            delivery=settings.kafka.delivery,
            partitions=partitions,
            shutdown_s=settings.shutdown_s,
            calls_wait_s=self.calls_wait_s,
            late_after_s=settings.batch.max_wait_s + settings.llm.timeout_s,
            deadline_s=settings.urgent.deadline_s,
            log_level=settings.log.level,
        )

    def _lane(self, lane: Lane) -> LaneNow:
        return LaneNow(
            waiting=round(self._gauge(measures.WAITING, lane) or 0),
            calling=round(self._gauge(measures.CALLED_TEXTS, lane) or 0),
            calls=round(self._gauge(measures.CALLS_UNDER_WAY, lane) or 0),
            slots=self.pipeline.slots[lane],
            held_by=self._held_by(lane),
        )

    def _held_by(self, lane: Lane) -> HeldBy | None:
        """Why no call of this lane may begin now, whether or not one is to be made."""
        gate = self.pipeline.gate
        breakers = [
            gate.breakers[model] for model in self.pipeline.prober.models[lane] if model in gate.breakers
        ]
        if any(breaker.open for breaker in breakers) and not any(b.takes_calls for b in breakers):
            return HeldBy.OUTAGE
        if gate.spending.spent(lane):
            return HeldBy.BUDGET
        return HeldBy.LIMIT if gate.paused(lane) else gate.holds.held(lane)

    def _models(self, gate: Gate) -> list[ModelNow]:
        lanes: dict[str, list[Lane]] = {}
        for lane, models in self.pipeline.prober.models.items():
            for model in models:
                lanes.setdefault(model, []).append(lane)
        return [self._model(model, of, gate.breakers.get(model, Breaker())) for model, of in lanes.items()]

    def _model(self, model: str, lanes: list[Lane], breaker: Breaker) -> ModelNow:
        now = self.now()
        rate, told_at = self.limits.by_model.get(model, (None, now))
        return ModelNow(
            name=model,
            lanes=tuple(lanes),
            introduced=breaker.introduced,
            reason=breaker.reason,
            remedy=REMEDIES.get(breaker.reason, PROVIDER_DOWN) if breaker.reason else "",
            open_s=now - breaker.opened_at if breaker.open else 0.0,
            probe_in_s=max(breaker.probe_at - now, 0.0) if breaker.open else 0.0,
            rate=rate,
            told_s=now - told_at,
        )

    def _partitions(self, session: Session) -> list[PartitionNow]:
        now, lags = self.now(), session.lag.by_partition()
        stuck = dict(self.watch.stillness.stuck(now))
        full_maps = {tp.partition for tp in session.commits.full_maps}
        schema_unknown = {tp.partition for tp in session.unread.waiting()}
        return [
            PartitionNow(
                number=partition.number,
                committed=session.commits.committed(partition),
                unfinished=len(partition.ledger.unfinished),
                done_ahead=done_ahead(partition, session.commits.mark(partition)),
                lag=lags.get(partition.number),
                oldest_s=now - (partition.ledger.oldest_read_at() or now),
                still_s=stuck.get(partition.number, 0.0),
                map_full=partition.number in full_maps,
                schema_unknown=partition.number in schema_unknown,
            )
            for partition in session.assignment.partitions.values()
        ]

    def _gauge(self, measure: Measure, *labels: str) -> float | None:
        read = self.tally.gauges.get(measure)
        return read().get(labels) if read else None


def done_ahead(partition: Partition, mark: Mark) -> int:
    """How many records are finished and not so by this mark of the partition: what a kill would have come
    again. At the most: holes, where nothing is ever delivered, are counted as finished."""
    ledger, (position, text) = partition.ledger, mark
    if position < ledger.start:
        position, runs = ledger.start, tuple(ledger.restored)
    else:
        runs = decode(partition.topic, partition.number, position, text)
    return max(_finished(ledger.position, ledger.finished_runs()) - _finished(position, runs), 0)


def _finished(position: int, runs: Iterable[Run]) -> int:
    return position + sum(end - first for first, end in runs)
