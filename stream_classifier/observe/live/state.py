"""What the live page is made from: the facts of one moment, without words and without history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import RateHeaders
from stream_classifier.core.held_by import HeldBy
from stream_classifier.observe.health import Report
from stream_classifier.observe.summary import Snapshot

WELL = Report(ok=True, reasons=())


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneNow:
    """One lane: texts that wait for a call, those in calls, and the calls. `slots` is how many calls may be
    under way; `held_by` says why none may begin now, None where one may."""

    waiting: int = 0
    calling: int = 0
    calls: int = 0
    slots: int = 1
    held_by: HeldBy | None = None

    @property
    def full(self) -> bool:
        """Every slot has its call, and more texts wait."""
        return self.calls >= self.slots and self.waiting > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionNow:
    """One input partition of this replica. `done_ahead` records are finished and in no commit yet, at the
    most; `lag` is from the commit to the end, None before it is known; `still_s` is above 0 where the
    partition has stood still for longer than it may. `schema_unknown`: its next record waits for a schema."""

    number: int
    committed: int
    unfinished: int = 0
    done_ahead: int = 0
    lag: int | None = None
    oldest_s: float = 0.0
    still_s: float = 0.0
    map_full: bool = False
    schema_unknown: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNow:
    """One model. `reason` is why it takes no calls, None where it takes them; `rate` is what the provider
    said last of the account's limits, `told_s` seconds ago."""

    name: str
    lanes: tuple[Lane, ...]
    introduced: bool = True
    reason: str | None = None
    remedy: str = ""
    open_s: float = 0.0
    probe_in_s: float = 0.0
    rate: RateHeaders | None = None
    told_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which process this is, and what it was told; the same for all of its life."""

    host: str = ""
    group_id: str = ""
    version: str = ""
    delivery: str = "at-least-once"
    partitions: int = 0  # of the input topic; 0 before it is known
    shutdown_s: float = 25.0
    calls_wait_s: float = 20.0  # of these, the part in which calls under way are waited for
    late_after_s: float = 62.0  # what one ordinary call takes at the most, gathering and all
    deadline_s: float = 30.0  # an urgent ticket's
    log_level: str = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment. Times in seconds; `unix_s` names the moment."""

    unix_s: float
    up_s: float = 0.0
    identity: Identity = field(default_factory=Identity)
    alive: Report = WELL
    ready: Report = WELL
    stopping: bool = False
    counts: Snapshot = field(default_factory=Snapshot)
    lanes: Mapping[Lane, LaneNow] = field(default_factory=lambda: {lane: LaneNow() for lane in Lane})
    partitions: Sequence[PartitionNow] = ()
    models: Sequence[ModelNow] = ()
    budgets: Mapping[Lane, float] = field(default_factory=dict)  # the part of today's that is spent
    unacknowledged: int = 0  # events handed over that the broker does not have yet
    unacknowledged_s: float = 0.0  # how long it has let us wait for the oldest batch of them
    publishing_held: bool = False  # the group has given no sign of itself for a session's length
    registry_away_s: float = 0.0  # how long the schema registry has not answered as one; 0 where it does
    at_bounds: bool = False  # as much is in work as may be: reading rests
    left: int = 0  # records that wait for their event, read or not
    work_left_s: float | None = None  # what they would take, at the pace of the last minutes of work

    @property
    def done_ahead(self) -> int:
        """Records that are finished and in no commit yet, at the most."""
        return sum(partition.done_ahead for partition in self.partitions)

    @property
    def oldest_s(self) -> float:
        """The age of the oldest record that was read and is not done."""
        return max((partition.oldest_s for partition in self.partitions), default=0.0)

    @property
    def schemas_wait_s(self) -> float:
        """For how long a schema registry that is away may have kept partitions; 0 where it keeps none."""
        return self.registry_away_s if self.schemas_wait else 0.0

    @property
    def schemas_wait(self) -> int:
        """The partitions whose next record waits for its schema."""
        return sum(partition.schema_unknown for partition in self.partitions)

    @property
    def out(self) -> list[ModelNow]:
        """The models that take no calls."""
        return [model for model in self.models if model.reason is not None]
