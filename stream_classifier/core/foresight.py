"""What is found out of a poll's texts before its records are taken in, and whether that pays.

After a restart nearly each text of a backlog is known to the cache's backend and to nobody in this process.
Looked up one poll at a time, before they are taken in, such tickets leave at once like any other known one.
Else each has to take its place, wait, and leave by the longer way.

Rules
-----
* It pays where the backend knows a good part of what was read of late, and most of what it was asked. A storm
  of texts that memory knows, and a stream of new ones, are not looked at beforehand.
* Small polls are not: where there is no backlog there is no hurry, and the poll would only wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from stream_classifier.core.journey import Partition
from stream_classifier.core.ticket import Ticket

LEAST_RECORDS = 50  # of a poll; below it the look-up's own way costs more than it spares
LEAST_SHARE = 0.1  # of the records read: to look at one beforehand costs 1 to 2 µs, a find spares some 80
KEPT = 0.75  # of the counts, from poll to poll: what was ten polls ago says nothing any more


@dataclass(slots=True)
class Foresight:
    """Whether to look up a poll's texts beforehand, by what came of the look-ups of late."""

    _records: float = 0.0
    _found: float = 0.0
    _absent: float = 0.0

    def looked_up(self, *, found: int = 0, absent: int = 0) -> None:
        """So many texts were found in the backend, so many were not, or not in time."""
        self._found += found
        self._absent += absent

    def end_of_poll(self, records: int) -> None:
        """A poll's records were taken in."""
        self._records = self._records * KEPT + records
        self._found *= KEPT
        self._absent *= KEPT

    def pays(self, records: int) -> bool:
        """Whether to look up the texts of a poll of so many records."""
        enough = self._found > LEAST_SHARE * self._records and self._found > self._absent
        return enough and records >= LEAST_RECORDS


@dataclass(slots=True)
class Foreseen:
    """Of the poll that is about to be taken in: its tickets, as far as they were read, by offset; and the
    keys that the backend has just said it does not know."""

    tickets: dict[Partition, dict[int, Sequence[Ticket]]] = field(default_factory=dict)
    absent: set[bytes] = field(default_factory=set)

    def forget(self) -> None:
        """The poll was taken in, or thrown away."""
        self.tickets.clear()
        self.absent.clear()
