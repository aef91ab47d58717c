"""The way in: records become events at once where the answer is known, and wait where it is not.

This is the hot path. A ticket that the cache knows gets no task, no future, no await: it goes from the
poll to the producer in one pass, and is counted once a poll.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane, Reason
from stream_classifier.core.corrections import Corrections
from stream_classifier.core.foresight import Foreseen, Foresight
from stream_classifier.core.journey import Decision, Partition, Waiting
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket, TicketReader
from stream_classifier.core.triage import Triage
from stream_classifier.pipeline.asking import Asking
from stream_classifier.pipeline.deadlines import Deadlines
from stream_classifier.pipeline.departures import Departures, from_cache
from stream_classifier.pipeline.entering import delivery_of, waiting_of
from stream_classifier.pipeline.preparing import Prepared, Preparer
from stream_classifier.pipeline.recalls import Recalls
from stream_classifier.pipeline.refreshing import Refreshing
from stream_classifier.pipeline.rejecting import reject
from stream_classifier.pipeline.storm_watch import StormWatch
from stream_classifier.pipeline.subjects import Record
from stream_classifier.pipeline.updates import Fate, Updates

RECORD_OVERHEAD_BYTES = 70  # what a record takes on the wire beside its key and value, about
BULK, URGENT = Lane.BULK, Lane.URGENT  # to look a member up costs as much as a call


class Knowledge(Protocol):
    """What is known already."""

    def peek(self, key: bytes) -> Known | None:
        """What this process knows at once."""

    def look_up(self, waiting: Waiting) -> bool:
        """Ask the backend, and come back to `Arrivals.looked_up`. False where there is no backend."""


@dataclass(slots=True, kw_only=True)
class Arrivals:
    """Takes polled records in. `now` is the loop's clock in seconds."""

    reader: TicketReader
    preparer: Preparer
    triage: Triage
    corrections: Corrections
    knowledge: Knowledge
    asking: Asking
    departures: Departures
    deadlines: Deadlines
    storms: StormWatch
    tally: Tally
    now: Callable[[], float]
    questions: int
    cache_name: str
    first_model_out: Callable[[Lane], bool]
    updates: Updates
    recalls: Mapping[Lane, Recalls] = field(default_factory=dict)  # where `updates` has a store
    refreshing: Refreshing | None = None
    passed_over: Callable[[int, PassedOver], None] | None = None  # told of whole records, by offset
    foreseen: Foreseen = field(default_factory=Foreseen)
    foresight: Foresight = field(default_factory=Foresight)
    _partitions: set[Partition] = field(default_factory=set)

    def take(self, partition: Partition, records: Sequence[Record]) -> None:
        """Take one poll's records of a partition, in delivery order."""
        if partition not in self._partitions:
            self._begin(partition)
        read, leaves_at_once = self.reader.read, self._leaves_at_once
        foreseen = self.foreseen.tickets.get(partition)
        for record, value in self._entered(partition, records):
            try:
                tickets = None if foreseen is None else foreseen.get(record.offset)
                if tickets is None:
                    tickets = read(value, record.headers)
            except NotATicket as fault:
                reject(self.departures, partition, record, value, fault)
            except PassedOver as passed:
                self._pass_over(partition, record, passed)
            else:
                if len(tickets) > 1 or not leaves_at_once(partition, record, tickets[0]):
                    self._wait(partition, record, tickets)
        self.tally.add(measures.RECORDS, n=len(records))
        self.departures.end_of_poll()
        self.storms.end_of_poll()

    def take_early(
        self, partition: Partition, record: Record, tickets: Sequence[Ticket], *, overtakes: bool
    ) -> None:
        """Take an urgent record before its turn. It `overtakes` where one of its key may stand unread before
        it."""
        if partition not in self._partitions:
            self._begin(partition)
        size_bytes = RECORD_OVERHEAD_BYTES + len(record.value or b"") + len(record.key or b"")
        partition.ledger.take_early(record.offset, size_bytes, self.now())
        self.tally.add(measures.RECORDS)
        self._wait(partition, record, tickets, early=True, overtakes=overtakes)

    def _begin(self, partition: Partition) -> None:
        """The first records of an assignment."""
        self.let_go()
        self.updates.begin(partition)
        self._partitions.add(partition)

    def let_go(self) -> None:
        """Take back what gathers for partitions that went away: in an outage nothing else does, and each
        rebalance would leave its backlog here, while their new owner may be waiting for our answer."""
        kept = {partition for partition in self._partitions if partition.open}
        if len(kept) < len(self._partitions):
            self.asking.withdraw_unwanted()
            self._partitions = kept

    def _entered(self, partition: Partition, records: Sequence[Record]) -> Iterator[tuple[Record, bytes]]:
        """Each record that needs work, with its value, as it is entered in the ledger."""
        ledger = partition.ledger
        enter = ledger.enter
        for record in records:
            offset, value = record.offset, record.value
            if not enter(offset, RECORD_OVERHEAD_BYTES + len(value or b"") + len(record.key or b"")):
                self.tally.add(measures.PASSED_OVER, "already_done")
            elif value is None:
                ledger.done((offset,))
                self.tally.add(measures.PASSED_OVER, "tombstone")
            else:
                yield record, value

    def _pass_over(self, partition: Partition, record: Record, passed: PassedOver) -> None:
        """What the record holds is nothing to classify, or some elements of its array are not."""
        if passed.tickets:
            for rule in passed.rules:
                self.tally.add(measures.ELEMENTS_PASSED_OVER, rule)
            self._wait(partition, record, passed.tickets)
            return
        partition.ledger.done((record.offset,))
        self.tally.add(measures.PASSED_OVER, passed.rule)
        if self.passed_over is not None:
            self.passed_over(record.offset, passed)

    def _leaves_at_once(self, partition: Partition, record: Record, ticket: Ticket) -> bool:
        """The hot path: a record of one ticket whose answer is known, with nothing before it. False where
        it must wait, and nothing was done."""
        prepared = self.preparer(ticket)
        if not self.corrections.empty and self.corrections.verdict(prepared.digest, ticket.tenant):
            return False
        lane = BULK if self.triage.rule(ticket, prepared.keyword) is None else URGENT
        known = self.knowledge.peek(prepared.bulk_key) or self._known(prepared, lane)
        if known is None or self.departures.holds(partition, record.key):
            return False
        if self.updates.skips:
            fate = self.updates.at_once(partition, record.headers, ticket, prepared, lane)
            if fate is Fate.LOOK_UP:
                return False
            if fate is Fate.PASS_OVER:
                self.departures.pass_over_known(partition, record, ticket)
                self.storms.note(prepared.digest)
                return True
        self.departures.publish_known(partition, record, ticket, prepared, lane, known)
        if self.refreshing is not None:
            self.refreshing.hit(prepared, ticket.tenant, known, partial(self.preparer.utf8_of, ticket))
        self.storms.note(prepared.digest)
        return True

    def _known(self, prepared: Prepared, lane: Lane) -> Known | None:
        """What is known at once; an urgent ticket takes an answer of either model, and any a fallback's
        while its lane's first model is out."""
        known = self.knowledge.peek(prepared.bulk_key)
        if known is None and lane is Lane.URGENT:
            known = self.knowledge.peek(prepared.urgent_key)
        if known is None and prepared.fallback_keys and self.first_model_out(lane):
            answers = map(self.knowledge.peek, prepared.fallback_keys)
            known = next((answer for answer in answers if answer is not None), None)
        return known

    def _wait(
        self,
        partition: Partition,
        record: Record,
        tickets: Sequence[Ticket],
        *,
        early: bool = False,
        overtakes: bool = False,
    ) -> None:
        """A record that cannot leave at once: it takes its place in its key's order, and is asked."""
        prepared = [self.preparer(ticket) for ticket in tickets]
        rules = (self.triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True))
        lane = Lane.BULK if all(rule is None for rule in rules) else Lane.URGENT
        self.tally.add(measures.TICKETS, lane, n=len(tickets))
        delivery = delivery_of(partition, record, lane, self.now())
        delivery.early, delivery.unanswered = early, len(tickets)
        if overtakes:
            self.departures.overtakes_unread(delivery)
        parts = range(len(tickets)) if len(tickets) > 1 else (None,)
        delivery.tickets = [
            waiting_of(delivery, t, p, self.preparer.utf8_of(t), part)
            for t, p, part in zip(tickets, prepared, parts, strict=True)
        ]
        if self.departures.key_order and record.key is not None:
            partition.order.enter(record.key, delivery)
        if lane is Lane.URGENT:
            self.deadlines.watch(delivery)
            self.asking.promote_those_before(delivery)
        self.updates.enter(delivery)
        for waiting, ready in zip(delivery.tickets, prepared, strict=True):
            self.storms.note(ready.digest)
            if self.updates.to_look_up(waiting):
                self.recalls[lane].add(waiting, ready)
            else:
                self._go_on(waiting, ready)

    def recalled(self, waiting: Waiting, prepared: Prepared) -> None:
        """What is remembered of the ticket was looked up, or could not be."""
        if waiting.live and not waiting.asks:  # else it was promoted meanwhile, or its deadline has come
            self._go_on(waiting, prepared)

    def _go_on(self, waiting: Waiting, prepared: Prepared) -> None:
        if self._corrected(waiting):
            return
        if self.updates.passes_over(waiting):
            self.departures.pass_over(waiting.delivery)
        else:
            known = self._known(prepared, waiting.delivery.lane)
            self._settle_or_ask(waiting, self._counted(prepared, waiting, known))

    def _corrected(self, waiting: Waiting) -> bool:
        """Whether a person has decided it: before whatever is known or asked."""
        if self.corrections.empty:
            return False
        decision = self.corrections.decision(waiting.text_digest, waiting.tenant)
        if decision is not None:
            self.departures.decide(waiting, decision)
        return decision is not None

    def _counted(self, prepared: Prepared, waiting: Waiting, known: Known | None) -> Known | None:
        if known is not None:
            self.tally.add(measures.CACHE, self.cache_name, "hit")
        if known is not None and self.refreshing is not None:
            self.refreshing.hit(prepared, waiting.tenant, known, lambda: waiting.utf8)
        return known

    def _settle_or_ask(self, waiting: Waiting, known: Known | None) -> None:
        """Known, answered when it was here before, in flight, to be looked up, or to be asked: in this
        order."""
        lane = waiting.delivery.lane
        key = waiting.urgent_key if lane is Lane.URGENT else waiting.bulk_key
        if not waiting.utf8:
            self.departures.decide(waiting, no_text(self.questions))
        elif known is not None:
            self.departures.decide(waiting, from_cache(known))
        elif (before := self.departures.returns.decided(waiting)) is not None:
            self.departures.decide(waiting, before)
        else:
            waiting.takes_fallbacks = self.first_model_out(lane)
            under_way = self.asking.under_way(lane, key)
            if under_way or self._absent(waiting) or not self.knowledge.look_up(waiting):
                self.tally.add(measures.CACHE, self.cache_name, "miss")
                self.asking.ask(waiting, lane)

    def _absent(self, waiting: Waiting) -> bool:
        """Whether the backend has just said that it knows nothing of it."""
        absent = self.foreseen.absent
        return bool(absent) and all(key in absent for key in waiting.keys)

    def looked_up(self, waiting: Waiting, known: Known | None) -> None:
        """The backend has answered (or did not in time)."""
        self.foresight.looked_up(found=known is not None, absent=known is None)
        if waiting.live and not waiting.asks and self._corrected(waiting):
            return
        self.tally.add(measures.CACHE, self.cache_name, "miss" if known is None else "backend_hit")
        if known is not None:
            self.departures.decide(waiting, from_cache(known))
        elif waiting.live and not waiting.asks:  # else it was promoted meanwhile
            self.asking.ask(waiting, waiting.delivery.lane)


def no_text(questions: int) -> Decision:
    """A ticket without text: nothing to ask about."""
    return Decision(labels=(None,) * questions, reason=Reason.NO_TEXT)
