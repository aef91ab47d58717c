"""Reading takes turns with all else in the loop, so that a backlog is read while calls go on.

A record that the cache knows takes some 20 µs to take in, one that must be asked for ten times that. The
records of a poll are worked through in one go; all the while an answer that has come, and the call that could
follow it, wait for the loop, and they need some turns of it.

Rules
-----
* A poll brings as many records as are worked through in `POLL_S`.
* Between two polls all else goes on until it has nothing to do, or for as long as the last poll took: so
  neither starves where both have enough to do.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

POLL_S = 0.01  # a call of a second is a hundredth later for each turn of the loop that it needs meanwhile
LARGEST = 500  # known tickets take no longer; more at once is no faster
SLOW = 250  # some 40 µs a record
SMALLEST = 25  # below it the poll itself costs more than its records
IDLE_TURN_S = 5e-5  # in a turn of the loop that was shorter nobody else had anything to do


@dataclass(slots=True)
class Turns:
    """`now` is the loop's clock in seconds; `records` is what the next poll may bring."""

    now: Callable[[], float]
    records: int = LARGEST

    @property
    def slow(self) -> bool:
        """Whether records take much longer than known tickets do."""
        return self.records < SLOW

    async def others(self, records: int, took_s: float) -> None:
        """A poll's records were worked through in so long: now it is the others' turn."""
        if records:
            self._learn(records, took_s)
        ends_s = self.now() + took_s
        idle = False
        while not idle:
            began_s = self.now()
            await asyncio.sleep(0)
            idle = self.now() - began_s < IDLE_TURN_S or self.now() >= ends_s

    def _learn(self, records: int, took_s: float) -> None:
        """Half of it is believed: a poll may have met a collection of garbage, or a busy processor."""
        fitting = records * POLL_S / took_s if took_s > 0 else LARGEST
        self.records = min(max(round((self.records + fitting) / 2), SMALLEST), LARGEST)
