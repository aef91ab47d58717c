"""What the builder puts together: small parts that join rooms which do not know one another."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from stream_classifier.cache import Cache, Leases
from stream_classifier.core.answer import Lane
from stream_classifier.core.corrections import Corrections
from stream_classifier.core.journey import Ask, Waiting
from stream_classifier.core.known import Known
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.prober import Prober
from stream_classifier.lanes.urgent import UrgentLane
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.corrected import Corrected
from stream_classifier.pipeline.deadlines import Deadlines
from stream_classifier.pipeline.early_arrivals import EarlyArrivals
from stream_classifier.pipeline.foreseeing import Foreseeing
from stream_classifier.pipeline.leased_look_ups import LeasedLookUps
from stream_classifier.pipeline.look_ups import LookUps


@dataclass(slots=True)
class Lanes:
    """The two lanes as the pipeline sees them: a text goes to its lane, and may be taken back."""

    bulk: BulkLane = field(init=False)
    urgent: UrgentLane = field(init=False)

    def offer(self, ask: Ask) -> None:
        """Ask this text in its lane."""
        if ask.lane is Lane.URGENT:
            self.urgent.offer(ask)
        else:
            self.bulk.offer(ask)

    def withdraw(self, ask: Ask) -> bool:
        """Take it back, if no call is under way for it. True where it is gone."""
        lane = self.urgent if ask.lane is Lane.URGENT else self.bulk
        return lane.withdraw(ask)

    def stop(self) -> None:
        """Begin no call any more; those under way go on."""
        self.bulk.stop()
        self.urgent.stop()


@dataclass(slots=True)
class Knowledge:
    """What is known, as the pipeline sees it: at once, or by a look-up in the backend."""

    cache: Cache
    look_ups: dict[Lane, LookUps | LeasedLookUps] = field(default_factory=dict)
    peek: Callable[[bytes], Known | None] = field(init=False)

    def __post_init__(self) -> None:
        self.peek = self.cache.peek  # nothing comes between on the hot path

    def look_up(self, waiting: Waiting) -> bool:
        """Ask the backend, if there is one."""
        if self.cache.backend == "memory":
            return False
        self.look_ups[waiting.delivery.lane].add(waiting)
        return True


@dataclass(slots=True, kw_only=True)
class Pipeline:
    """Everything between intake and outbox, built. `foreseeing` where there is a backend to ask, `leases`
    where replicas share what they know; `slots` is how many calls each lane may have under way."""

    gate: Gate
    prober: Prober
    corrections: Corrections
    corrected: Corrected
    flights: Flights
    lanes: Lanes
    arrivals: Arrivals
    early_arrivals: EarlyArrivals
    foreseeing: Foreseeing | None
    deadlines: Deadlines
    look_ups: Mapping[Lane, LookUps | LeasedLookUps]
    leases: Leases | None
    slots: Mapping[Lane, int]

    def upkeep(self) -> dict[str, Coroutine[Any, Any, None]]:
        """What the lanes need beside them for as long as the process lives, by name: to be run as tasks."""
        return {
            "probes": self.prober.run(),
            **{f"{lane} look-ups": look_ups.run() for lane, look_ups in self.look_ups.items()},
            **{f"{lane} recalls": recalls.run() for lane, recalls in self.arrivals.recalls.items()},
            **({"leases": self.leases.run()} if self.leases else {}),
        }
