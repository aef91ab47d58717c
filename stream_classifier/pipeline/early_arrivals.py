"""Urgent records that are found beyond what was read, and go on before their turn.

Rules
-----
* A record is read and judged here by the same reader and the same rules as in its turn. One that is urgent is
  taken: from then on it is a record in flight like any other, and is passed over when its turn comes.
* All else is left to its turn, and nothing is remembered of it but its key. So are tombstones, what is no
  ticket, and what holds anything that is not to be classified: what becomes of them is decided once.
* Records of its key that stand before it and were read go before it, as ever (`asking`). Of those that
  nobody has read yet none can: it goes first, and its event says `overtook`.
* It is never passed over as unchanged. What stands unread before it may be the change that it takes back.
* No more are taken than the urgent lane can ask in time: a ticket's deadline begins when it is taken.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.journey import Partition
from stream_classifier.core.passed_keys import PassedKeys
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.subjects import Record


@dataclass(slots=True, kw_only=True)
class EarlyArrivals:
    """Takes urgent records in. `waiting` tells how many urgent texts have no answer yet; where it is
    `most_waiting` nothing more is taken."""

    arrivals: Arrivals
    key_order: bool
    waiting: Callable[[], int]
    most_waiting: int
    _passed: dict[Partition, PassedKeys] = field(default_factory=dict)

    def room(self) -> bool:
        """Whether the urgent lane can take another."""
        return self.waiting() < self.most_waiting

    def find(self, partition: Partition, record: Record) -> bool:
        """Take this record if it is urgent; True where it was taken. Records come in the order of their
        offsets."""
        if record.value is None or partition.ledger.knows(record.offset):
            return False
        key = record.key if self.key_order else None
        passed = self._passed_of(partition)
        tickets = self._tickets(record.value, record)
        if not any(self._is_urgent(ticket) for ticket in tickets):
            if key is not None:
                passed.note(record.offset, key)
            return False
        overtakes = key is not None and passed.may_stand(key, partition.ledger.next_offset)
        self.arrivals.take_early(partition, record, tickets, overtakes=overtakes)
        self.arrivals.tally.add(measures.FOUND_AHEAD)
        return True

    def _tickets(self, value: bytes, record: Record) -> Sequence[Ticket]:
        """The record's tickets; none where it is left to its turn."""
        try:
            return self.arrivals.reader.read(value, record.headers)
        except (NotATicket, PassedOver):
            return ()

    def _is_urgent(self, ticket: Ticket) -> bool:
        triage, preparer = self.arrivals.triage, self.arrivals.preparer
        return triage.rule(ticket, None) is not None or preparer.keyword_of(ticket) is not None

    def _passed_of(self, partition: Partition) -> PassedKeys:
        if partition not in self._passed:
            self._passed = {known: keys for known, keys in self._passed.items() if known.open}
            self._passed[partition] = PassedKeys()
        return self._passed[partition]
