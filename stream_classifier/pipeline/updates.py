"""Further events of a ticket: which are late, and, with `skip_unchanged`, which say nothing new.

What is remembered, and when it is believed, stands in `core/updates.py`; here it meets the stream.

Rules
-----
* An event is late (`superseded`) where one of a later revision of its ticket was handed over before it.
* What is unchanged is passed over only while nothing else of its ticket is on its way here: what comes of
  that is not known yet, and the ticket may be changing back.
* A record that a replay sent is never passed over, nor is an array of tickets, which is done as a whole, nor
  one that was taken before its turn: what was not read yet before it may be a change.
* A state is remembered when the broker has the event (exactly-once: when its transaction is committed), never
  before. So a record that comes again after a kill is published again, unless its own event is out.
* With `label` only revisions count. Those of tickets that the cache knows stay in this process; what takes
  the longer way is looked up and kept in the store, too.
* A store that is away is as good as an empty one: the ticket is labelled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from itertools import chain

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Decision, Delivery, Headers, Partition, Waiting
from stream_classifier.core.replay import renewed_by
from stream_classifier.core.revisions import is_older
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import Ticket
from stream_classifier.core.updates import KEPT_S, Last, TicketName, Trust, after, trusted_since, unchanged
from stream_classifier.pipeline.following import Following, Leaving
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.pipeline.ticket_memory import TicketMemory


class Fate(Enum):
    """What is to become of a ticket whose label is known."""

    PUBLISH = auto()
    PASS_OVER = auto()
    LOOK_UP = auto()


@dataclass(slots=True, kw_only=True)
class Updates:
    """The tickets that were seen lately. `skips` says whether unchanged ones are passed over; `models` are
    the lanes' own."""

    skips: bool
    models: Mapping[Lane, str]
    memory: TicketMemory
    tally: Tally
    _generation: int = 0  # of assignments
    _following: dict[Partition, Following] = field(default_factory=dict)
    _under_way: dict[TicketName, int] = field(default_factory=dict)

    def begin(self, partition: Partition) -> None:
        """The first records of an assignment. What was on its way in those that ended comes again to whoever
        has them now, and may have been changed there."""
        self._generation += 1
        for ended in [partition for partition in self._following if not partition.open]:
            following = self._following.pop(ended)
            following.gone = True
            for leaving in chain.from_iterable(following.records.values()):
                self._arrived(leaving.name)
        if self.skips:
            self.memory.forget()
        if self.skips or self.memory.store is not None:
            since_ms = None if self.memory.store is not None else self.memory.now_ms()
            following = Following(partition=partition, out=self._out, trust=self._trust, since_ms=since_ms)
            partition.follower = self._following[partition] = following

    def at_once(
        self, partition: Partition, headers: Headers, ticket: Ticket, prepared: Prepared, lane: Lane
    ) -> Fate:
        """What becomes of a record of one ticket whose label is known; asked where unchanged ones are passed
        over. `PASS_OVER` has been noted then."""
        name, following = (ticket.tenant, ticket.ticket_id), self._following.get(partition)
        if following is None or name in self._under_way or (headers and renewed_by(headers, None)):
            return Fate.PUBLISH
        last = self.memory.last(name)
        if self.memory.store is not None and (last is None or following.since_ms is None):
            return Fate.LOOK_UP
        event = Last(ticket.revision, _state_of(prepared, lane), partition.number, 0)
        return Fate.PASS_OVER if self._passes(name, last, event, following) else Fate.PUBLISH

    def leaves_known(
        self,
        partition: Partition,
        offset: int,
        *,
        ticket: Ticket,
        prepared: Prepared,
        lane: Lane,
        model: str,
    ) -> bool:
        """An event that the cache has answered is handed over. True where it is late."""
        name = (ticket.tenant, ticket.ticket_id)
        late = self._late(name, ticket.revision, partition.number)
        if self.skips and (following := self._following.get(partition)) is not None:
            state = _state_of(prepared, lane) if model in self.models.values() else None
            event = Last(ticket.revision, state, partition.number, 0)
            following.records[offset] = [Leaving(name, event)]
            self._began(name)
        return late

    def enter(self, delivery: Delivery) -> None:
        """A record that cannot leave at once is on its way."""
        following = self._following.get(delivery.partition)
        if following is None or not any(map(self._counts, delivery.tickets)):
            return
        following.records[delivery.offset] = [Leaving(_name(waiting)) for waiting in delivery.tickets]
        for waiting in delivery.tickets:
            self._began(_name(waiting))

    def to_look_up(self, waiting: Waiting) -> bool:
        """Whether the store is to be asked about this ticket before anything else."""
        following = self._following.get(waiting.delivery.partition)
        if self.memory.store is None or following is None or not self._counts(waiting):
            return False
        if self._under_way[_name(waiting)] > 1:  # then it is published in any case
            return False
        return self.memory.last(_name(waiting)) is None or (self.skips and following.since_ms is None)

    async def recall(self, tickets: Sequence[Waiting]) -> None:
        """Ask the store about these."""
        generation = self._generation
        partitions = {waiting.delivery.partition for waiting in tickets} if self.skips else ()
        unsure = [one for p in partitions if (one := self._following.get(p)) and one.since_ms is None]
        names = {_name(waiting) for waiting in tickets}
        recalled = await self.memory.recall(names, {one.partition.number for one in unsure})
        if recalled is None or self._generation != generation:
            return
        for following in unsure:
            if following.since_ms is None:
                trust, committed = (
                    recalled.trust.get(following.partition.number),
                    following.partition.committed,
                )
                following.since_ms = trusted_since(trust, committed, self.memory.now_ms())
        for name, last in recalled.last.items():
            if self.memory.last(name) is None:
                self.memory.learn(name, last)

    def passes_over(self, waiting: Waiting) -> bool:
        """Whether this ticket says nothing new, and no more is to be done for it; noted then."""
        delivery, name = waiting.delivery, _name(waiting)
        following = self._following.get(delivery.partition)
        if not self.skips or following is None or waiting.part is not None or self._under_way.get(name) != 1:
            return False
        if delivery.early or (delivery.headers and renewed_by(delivery.headers, None)):
            return False
        event = Last(waiting.revision, _state_of(waiting, delivery.lane), delivery.partition.number, 0)
        if not waiting.utf8 or not self._passes(name, self.memory.last(name), event, following):
            return False
        for leaving in following.records.pop(delivery.offset, ()):
            self._arrived(leaving.name)
        return True

    def leaves(self, waiting: Waiting, decision: Decision) -> bool:
        """A decided ticket's event is handed over. True where it is late."""
        partition = waiting.delivery.partition
        late = self._late(_name(waiting), waiting.revision, partition.number)
        following = self._following.get(partition)
        record = following.records.get(waiting.delivery.offset) if following is not None else None
        if record is not None:
            lasting = self.skips and decision.reason is None
            lasting = lasting and decision.model in self.models.values()  # no model: a person's correction
            state = _state_of(waiting, waiting.delivery.lane) if lasting else None
            record[waiting.part or 0].event = Last(waiting.revision, state, partition.number, 0)
        return late

    def _out(self, following: Following, leaving: Leaving) -> None:
        """The broker has this ticket's event."""
        if not following.gone:
            self._arrived(leaving.name)
        if leaving.event is None:
            return
        last = after(self.memory.last(leaving.name), replace(leaving.event, at_ms=self.memory.now_ms()))
        if following.partition.open:
            self.memory.learn(leaving.name, last)
        self.memory.keep(leaving.name, last)

    def _trust(self, following: Following, mark: Mark) -> None:
        """All that this commit says is done is remembered, or on its way to the store before this."""
        if self.skips:
            self._look_for_losses()
            if following.since_ms is None:  # nobody has asked, and what stands there is overwritten now
                following.since_ms = self.memory.now_ms()
            self.memory.keep_trust(following.partition.number, Trust(mark, following.since_ms))

    def _passes(self, name: TicketName, last: Last | None, event: Last, following: Following) -> bool:
        self._look_for_losses()
        if following.since_ms is None:
            return False
        since_ms = max(following.since_ms, self.memory.now_ms() - KEPT_S * 1000)
        if last is None or not unchanged(last, event, since_ms):
            return False
        if event.revision is not None and event.revision != last.revision:  # what comes after may be late
            last = replace(last, revision=event.revision)
            self.memory.learn(name, last)
            self.memory.keep(name, last)
        self.tally.add(measures.PASSED_OVER, "unchanged")
        return True

    def _late(self, name: TicketName, revision: str | None, number: int) -> bool:
        if revision is None:
            return False
        last = self.memory.last(name)
        if last is None:  # nearly always, on the hot path
            self.memory.learn(name, Last(revision, None, number, 0))
        elif is_older(revision, last.revision):
            self.tally.add(measures.SUPERSEDED)
            return True
        elif revision != last.revision:
            self.memory.learn(name, replace(last, revision=revision))
        return False

    def _look_for_losses(self) -> None:
        """Where the store has lost something, nothing from before is believed."""
        if self.memory.newly_lost():
            for following in self._following.values():
                following.since_ms = self.memory.now_ms()

    def _counts(self, waiting: Waiting) -> bool:
        return self.skips or waiting.revision is not None

    def _began(self, name: TicketName) -> None:
        self._under_way[name] = self._under_way.get(name, 0) + 1

    def _arrived(self, name: TicketName) -> None:
        left = self._under_way.pop(name, 1) - 1
        if left:
            self._under_way[name] = left


def _name(waiting: Waiting) -> TicketName:
    return waiting.tenant, waiting.ticket_id


def _state_of(keyed: Waiting | Prepared, lane: Lane) -> bytes:
    """What is the same as long as nothing has changed that a label depends on."""
    return b"u" + keyed.urgent_key if lane is Lane.URGENT else b"b" + keyed.bulk_key
