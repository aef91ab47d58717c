"""Which lane asks for a ticket's text: its own, the urgent one for what stands before an urgent ticket of its
key, and its own again where that urgent one has gone without an answer.

Rules
-----
* A text that gathers for its first call, and for nobody else, changes its lane. What was called before has
  cost something and stays: then both lanes ask, and the first verified answer serves.
* An urgent ticket that meets its deadline leaves; those it drew with it are asked in bulk again. The urgent
  lane may be held for hours (its model away, its budget spent) while bulk could call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask, Delivery, Waiting
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.flights import Flights
from stream_classifier.pipeline.departures import Departures


class Lanes(Protocol):
    """Where new texts are asked."""

    def offer(self, ask: Ask) -> None:
        """Ask this text in its lane."""

    def withdraw(self, ask: Ask) -> bool:
        """Take it back, if no call was begun for it."""


@dataclass(slots=True, kw_only=True)
class Asking:
    """Puts texts into lanes. `now` is the loop's clock in seconds; no more than `max_promoted` records are
    drawn into the urgent lane by one."""

    flights: Flights
    lanes: Lanes
    departures: Departures
    tally: Tally
    now: Callable[[], float]
    max_promoted: int

    def under_way(self, lane: Lane, key: bytes) -> bool:
        """Whether this lane asks for the text already."""
        return self.flights.has(lane, key)

    def ask(self, waiting: Waiting, lane: Lane) -> None:
        """Ask for the ticket's text in this lane, or join who does."""
        ask = self.flights.join(waiting, lane, self.now())
        if ask is not None:
            self.lanes.offer(ask)

    def promote_those_before(self, delivery: Delivery) -> None:
        """An urgent record draws those of its key that stand before it into the urgent lane with it; if
        they are too many, it will go before them."""
        before = self._before(delivery)
        if len(before) > self.max_promoted:
            self.departures.overtake(delivery)
            return
        for earlier in before:
            for waiting in earlier.tickets:
                if waiting.live and not _asked_in(waiting, Lane.URGENT):
                    self.tally.add(measures.PROMOTED)
                    self._move(waiting, Lane.URGENT)

    def give_back_those_before(self, delivery: Delivery) -> None:
        """The urgent record goes without its answer: what it drew with it is asked in bulk again."""
        for earlier in self._before(delivery):
            for waiting in earlier.tickets:
                promoted = earlier.lane is Lane.BULK and _asked_in(waiting, Lane.URGENT)
                if waiting.live and promoted and not _asked_in(waiting, Lane.BULK):
                    self._move(waiting, Lane.BULK)

    def take_back(self, key: bytes) -> list[Waiting]:
        """The tickets of a text that bulk need not ask any more; none where its call may have begun."""
        ask = self.flights.get(Lane.BULK, key)
        if ask is None or not self._withdrawn(ask):
            return []
        for waiting in ask.waiters:
            waiting.asks = [other for other in waiting.asks if other is not ask]
        return [waiting for waiting in ask.waiters if waiting.live and not waiting.asks]

    def withdraw_unwanted(self) -> None:
        """Take back what gathers for nobody."""
        for ask in self.flights.unwanted():
            self._withdrawn(ask)

    def _before(self, delivery: Delivery) -> list[Delivery]:
        partition, key = delivery.partition, delivery.key
        return partition.order.before(key, delivery) if key is not None else []

    def _move(self, waiting: Waiting, lane: Lane) -> None:
        for ask in list(waiting.asks):
            alone = not any(other.live for other in ask.waiters if other is not waiting)
            if alone and self._withdrawn(ask):
                waiting.asks.remove(ask)
        self.ask(waiting, lane)

    def _withdrawn(self, ask: Ask) -> bool:
        if ask.attempts or not self.lanes.withdraw(ask):
            return False
        self.flights.land(ask)
        return True


def _asked_in(waiting: Waiting, lane: Lane) -> bool:
    return any(ask.lane is lane for ask in waiting.asks)
