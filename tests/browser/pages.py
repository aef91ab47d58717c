"""What the browser looks at: the page of made moments, served as the service does."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from time import monotonic

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import RateHeaders, Signal
from stream_classifier.core.held_by import HeldBy
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.gate import REMEDIES
from stream_classifier.observe.health import Health, Report
from stream_classifier.observe.http import build_app, serve
from stream_classifier.observe.live.feed import Feed
from stream_classifier.observe.live.history import KEPT_S, STEP_S, History
from stream_classifier.observe.live.recent import Recent
from stream_classifier.observe.live.state import Identity, LaneNow, ModelNow, Now, PartitionNow
from stream_classifier.observe.live.view import new_view
from stream_classifier.observe.metrics import new_registry
from stream_classifier.observe.summary import Snapshot

NOON = 1_767_268_984.0  # 2026-01-01, 12:03:04 UTC
IDENTITY = Identity(host="labels-7c9f-x2k8q", group_id="stream-classifier", version="0.1.0", partitions=12)
TOLD = RateHeaders(
    limit_requests=5_000, remaining_requests=4_870, limit_tokens=2_000_000, remaining_tokens=1_204_000
)
MODEL = ModelNow(name="gpt-4o-mini", lanes=(Lane.BULK, Lane.URGENT), rate=TOLD, told_s=3)
COUNTS = Snapshot(
    records=48_210,
    events=48_120,
    cache_hits=17_400,
    shared=2_300,
    overridden=12,
    needs_review=31,
    dead_letters=4,
    calls=2_911,
    cost_usd=1.2345,
    single_cost_usd=4.8123,
    single_cached_cost_usd=3.1,
    in_flight=90,
)

IDLE = Now(
    unix_s=NOON,
    up_s=8_040,
    identity=IDENTITY,
    counts=replace(COUNTS, events=48_210, in_flight=0),
    models=[MODEL],
    partitions=[PartitionNow(number=n, committed=4_000 + n, lag=0) for n in range(6)],
)
BUSY = replace(
    IDLE,
    counts=COUNTS,
    lanes={
        Lane.URGENT: LaneNow(waiting=0, calling=1, calls=1, slots=8),
        Lane.BULK: LaneNow(waiting=61, calling=28, calls=3, slots=8),
    },
    partitions=[
        PartitionNow(number=n, committed=4_000 + n, unfinished=15, done_ahead=2 * n, lag=40, oldest_s=1.4)
        for n in range(6)
    ],
    left=90,
    work_left_s=4,
    unacknowledged=3,
)
OUTAGE = replace(
    BUSY,
    lanes={
        Lane.URGENT: LaneNow(waiting=2, slots=8, held_by=HeldBy.OUTAGE),
        Lane.BULK: LaneNow(waiting=8_122, slots=8, held_by=HeldBy.OUTAGE),
    },
    models=[
        replace(
            MODEL, reason=Signal.QUOTA, remedy=REMEDIES[Signal.QUOTA], open_s=271, probe_in_s=12, told_s=275
        )
    ],
    partitions=[
        PartitionNow(number=n, committed=4_000 + n, unfinished=1_354, lag=1_354, oldest_s=270)
        for n in range(6)
    ],
    left=8_124,
    work_left_s=244,
    unacknowledged=0,
)
WHY_STUCK = (
    "Partitions with work stand still: 3 (for 640 s). No pause explains it; look in the log for the last "
    "events with these partitions, and at oldest_unfinished_seconds in the metrics."
)
STUCK = replace(
    BUSY,
    alive=Report(ok=False, reasons=(WHY_STUCK,)),
    lanes={Lane.URGENT: LaneNow(slots=8), Lane.BULK: LaneNow(waiting=12, slots=8)},
    partitions=[
        replace(partition, oldest_s=642, still_s=640) if partition.number == 3 else partition
        for partition in BUSY.partitions
    ],
    work_left_s=0,
)
SCHEMA = replace(
    BUSY,
    partitions=[replace(partition, schema_unknown=partition.number < 2) for partition in BUSY.partitions],
    registry_away_s=240,
)
STATES = {"idle": IDLE, "busy": BUSY, "outage": OUTAGE, "stuck": STUCK}


def a_history(past_a_second: Callable[[float], float], now: Callable[[], float]) -> History:
    """A quarter of an hour in which so many bulk tickets came a second, by seconds before now, and went out;
    a tenth as many urgent ones."""
    tally, at = Tally(), now() - KEPT_S
    clock = [at]
    history = History(tally, lambda: clock[0])
    while clock[0] < now() - STEP_S:
        clock[0] += STEP_S
        count = round(past_a_second(now() - clock[0]) * STEP_S)
        _pass(tally, Lane.BULK, count)
        _pass(tally, Lane.URGENT, count // 10)
        history.take()
    history.now = now
    return history


def _pass(tally: Tally, lane: Lane, count: int) -> None:
    if count:
        tally.add(measures.TICKETS, lane, n=count)
        tally.add(measures.EVENTS, lane, "labelled", "llm", "", n=count)
        tally.observe(measures.LATENCY, 0.4 if lane is Lane.URGENT else 2.2, lane, times=count)
        tally.add(measures.CALLS, lane, MODEL.name, Signal.ANSWERED, n=max(count // 10, 1))


@dataclass(slots=True)
class Shown:
    """A page whose moment a test sets."""

    now: Now = IDLE
    history: History = field(default_factory=lambda: a_history(lambda _: 12, monotonic))
    recent: Recent = field(default_factory=Recent)
    feed: Feed = field(init=False)

    def __post_init__(self) -> None:
        self.feed = Feed(lambda: new_view(self.now, self.history, self.recent), monotonic)

    @asynccontextmanager
    async def served(self, port: int = 0) -> AsyncIterator[str]:
        """Its address; it ends as the service's does."""
        app = build_app(Health(alive=[], ready=[]), new_registry(Tally()), self.feed)
        async with serve(app, "127.0.0.1", port) as address, self.feed.open():
            yield address


def a_line(event: str, level: str, **fields: object) -> dict[str, object]:
    """A log line, as the log's chain has it."""
    return {
        "timestamp": "2026-01-01T12:02:59.250Z",
        "level": level,
        "logger": "made",
        "event": event,
        **fields,
    }
