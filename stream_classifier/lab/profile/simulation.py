"""The two lanes without a provider: which calls there would be, and who waits how long.

Rules
-----
* Batches are closed by the service's own `Gatherings`, and as late as there: when one is due and a call may
  begin. Texts gather while all of the lane's calls are under way.
* The same text in flight is asked once, urgent and bulk apart, and where both ask the same model the urgent
  answer serves both.
* A text that gives orders to the model has a call of its own, and so has every urgent one.
* A call takes as long as `call_s` says of its number of texts. Nothing fails here and no limit holds a call:
  what is told is a good day.
* Time is that of whoever plays: tickets come when they came (`Simulation`), or as fast as they are taken
  (`lab/classify/estimate.py`).
"""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from math import ceil, inf

from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy
from stream_classifier.core.gatherings import Gatherings
from stream_classifier.lab.profile.columns import Tickets, Trait


@dataclass(slots=True, eq=False, kw_only=True)
class Flight:
    """A text that is asked, and when those who wait for it came. `alone`: it gives orders to the model; a
    batch holds one `group`."""

    key: Hashable
    lane: Lane
    tokens: int
    waiting: list[float]
    group: Hashable = None
    alone: bool = False
    landed: bool = False


def _waits() -> "dict[Lane, array[float]]":
    return {lane: array("d") for lane in Lane}


@dataclass(slots=True, kw_only=True)
class Played:
    """What came of it. `calls` are counted by how many texts they held, `texts` by what was asked, `waits`
    are from a ticket's arrival to its label in seconds (0 of what is known)."""

    calls: Mapping[Lane, Counter[int]] = field(default_factory=lambda: {lane: Counter() for lane in Lane})
    texts: Counter[Lane] = field(default_factory=Counter)
    text_tokens: Counter[Lane] = field(default_factory=Counter)
    waits: "Mapping[Lane, array[float]]" = field(default_factory=_waits)

    def wait_s(self, lane: Lane, shares: Sequence[float]) -> Sequence[float | None]:
        """What these shares of a lane's tickets did not wait longer than; None where there were none."""
        ordered = sorted(self.waits[lane])
        return [ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else None for share in shares]


@dataclass(slots=True, kw_only=True)
class SimulatedLanes:
    """Takes texts, and time as it passes. `slots` are the calls at once, by lane; `now` is when something
    last happened."""

    policy: BatchPolicy
    slots: Mapping[Lane, int]
    call_s: Callable[[int], float]
    one_model: bool
    played: Played = field(default_factory=Played)
    now: float = 0.0
    _gathering: Gatherings[Flight] = field(init=False)
    _lone: dict[Lane, deque[Flight]] = field(default_factory=lambda: {lane: deque() for lane in Lane})
    _flights: dict[Lane, dict[Hashable, Flight]] = field(default_factory=lambda: {lane: {} for lane in Lane})
    _free: dict[Lane, int] = field(init=False)
    _ends: list[tuple[float, int, list[Flight]]] = field(default_factory=list)  # heap of calls under way
    _numbers: "count[int]" = field(default_factory=count)

    def __post_init__(self) -> None:
        self._gathering = Gatherings(self.policy)
        self._free = dict(self.slots)

    def in_flight(self, lane: Lane, key: Hashable) -> Flight | None:
        """The same text, where this lane is asking it."""
        return self._flights[lane].get(key)

    def ask(self, flight: Flight, now: float) -> None:
        """A text that is not in flight is to be asked; all that happens before `now` has happened."""
        self._flights[flight.lane][flight.key] = flight
        if flight.lane is Lane.URGENT or flight.alone:
            self._lone[flight.lane].append(flight)
        else:
            self._gathering.add(flight, flight.tokens, now, group=flight.group)
        self._begin(now)

    def next_at(self) -> float:
        """When something happens next by itself; never, where it is infinite."""
        ends_at = self._ends[0][0] if self._ends else inf
        due_at = self._gathering.due_at() if self._free[Lane.BULK] else None
        return ends_at if due_at is None else min(ends_at, due_at)

    def until(self, limit: float) -> None:
        """Everything that happens up to this time."""
        while (now := self.next_at()) <= limit and now < inf:
            self.now = max(self.now, now)
            while self._ends and self._ends[0][0] <= now:
                self._land(heappop(self._ends)[2], now)
            self._begin(now)

    def _begin(self, now: float) -> None:
        """Every call that is due and has a place."""
        for lane, lone in self._lone.items():
            while lone and self._free[lane]:
                self._call([lone.popleft()], now)
        while self._free[Lane.BULK] and self._gathering.ready(now) is not None:
            batch = self._gathering.upcoming(now)
            for flight in batch:
                self._gathering.discard(flight)
            self._call(batch, now)

    def _call(self, flights: list[Flight], now: float) -> None:
        lane = flights[0].lane
        self._free[lane] -= 1
        self.played.calls[lane][len(flights)] += 1
        self.played.texts[lane] += len(flights)
        self.played.text_tokens[lane] += sum(flight.tokens for flight in flights)
        heappush(self._ends, (now + self.call_s(len(flights)), next(self._numbers), flights))

    def _land(self, flights: list[Flight], now: float) -> None:
        self._free[flights[0].lane] += 1
        for flight in flights:
            self._serve(flight, now)
            twin = self._flights[Lane.BULK].get(flight.key) if flight.lane is Lane.URGENT else None
            if twin is not None and self.one_model:
                self._serve(twin, now)
                self._gathering.discard(twin)

    def _serve(self, flight: Flight, now: float) -> None:
        if self._flights[flight.lane].get(flight.key) is flight:
            del self._flights[flight.lane][flight.key]
        self.played.waits[flight.lane].extend([now - came for came in flight.waiting])
        flight.waiting = []
        flight.landed = True


@dataclass(slots=True, kw_only=True)
class Simulation:
    """Plays stretches of tickets (places in order of time) through the lanes, as they came. `needs` has for
    each ticket 1 where the cache does not know it; what it knows waits for nothing."""

    tickets: Tickets
    needs: Sequence[int]
    lanes: SimulatedLanes

    def play(self, places: Iterable[int]) -> None:
        """These tickets, from an idle service until the last is labelled."""
        for place in places:
            now = self.tickets.at[place]
            self.lanes.until(now)
            self._arrive(place, now)
        self.lanes.until(inf)

    def _arrive(self, place: int, now: float) -> None:
        tickets, traits = self.tickets, self.tickets.traits[place]
        if traits & Trait.EMPTY:
            return
        lane, key = Lane.URGENT if traits & Trait.URGENT else Lane.BULK, tickets.key[place]
        if (flight := self.lanes.in_flight(lane, key)) is not None:
            flight.waiting.append(now)
        elif not self.needs[place]:
            self.lanes.played.waits[lane].append(0.0)
        else:
            flight = Flight(
                key=key,
                lane=lane,
                tokens=tickets.tokens[place],
                waiting=[now],
                group=tickets.group[place],
                alone=bool(traits & Trait.ALONE),
            )
            self.lanes.ask(flight, now)
