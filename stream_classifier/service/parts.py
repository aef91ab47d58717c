"""What the builder puts together: small parts that join rooms which do not know one another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from stream_classifier.cache import Cache
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask, Waiting
from stream_classifier.core.known import Known
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.urgent import UrgentLane
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.deadlines import Deadlines
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
        """Take it back, if it still gathers for a batch."""
        return ask.lane is Lane.BULK and self.bulk.withdraw(ask)

    def stop(self) -> None:
        """Begin no call any more; those under way go on."""
        self.bulk.stop()
        self.urgent.stop()


@dataclass(slots=True)
class Knowledge:
    """What is known, as the pipeline sees it: at once, or by a look-up in the backend."""

    cache: Cache
    look_ups: dict[Lane, LookUps] = field(default_factory=dict)
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
    """Everything between intake and outbox, built."""

    gate: Gate
    flights: Flights
    lanes: Lanes
    arrivals: Arrivals
    deadlines: Deadlines
    look_ups: Mapping[Lane, LookUps]
