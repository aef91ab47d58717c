"""The way in: records become events at once where the answer is known, and wait where it is not.

This is the hot path. A ticket that the cache knows gets no task, no future, no await: it goes from the
poll to the producer in one pass, and is counted once a poll.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane, Reason
from stream_classifier.core.dead_letter import dead_letter_headers
from stream_classifier.core.event import Rfc3339
from stream_classifier.core.journey import Ask, Decision, Delivery, Partition, Waiting
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import NotATicket, Ticket, TicketReader
from stream_classifier.core.triage import Triage
from stream_classifier.lanes.flights import Flights
from stream_classifier.pipeline.deadlines import Deadlines
from stream_classifier.pipeline.departures import Departures, Record, from_cache
from stream_classifier.pipeline.preparing import Prepared, Preparer

log = structlog.get_logger(__name__)

RECORD_OVERHEAD_BYTES = 70  # what a record takes on the wire beside its key and value, about


class Lanes(Protocol):
    """Where new texts are asked."""

    def offer(self, ask: Ask) -> None:
        """Ask this text in its lane."""

    def withdraw(self, ask: Ask) -> bool:
        """Take it back, if no call was begun for it."""


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
    knowledge: Knowledge
    flights: Flights
    lanes: Lanes
    departures: Departures
    deadlines: Deadlines
    tally: Tally
    now: Callable[[], float]
    questions: int
    cache_name: str
    max_promoted: int

    def take(self, partition: Partition, records: Sequence[Record]) -> None:
        """Take one poll's records of a partition, in delivery order."""
        ledger = partition.ledger
        for record in records:
            value = record.value
            size_bytes = RECORD_OVERHEAD_BYTES + len(value or b"") + len(record.key or b"")
            if not ledger.enter(record.offset, size_bytes):
                self.tally.add(measures.PASSED_OVER, "already_done")
            elif value is None:
                ledger.done((record.offset,))
                self.tally.add(measures.PASSED_OVER, "tombstone")
            else:
                self._take_value(partition, record, value)
        self.tally.add(measures.RECORDS, n=len(records))
        self.departures.count_known()

    def _take_value(self, partition: Partition, record: Record, value: bytes) -> None:
        try:
            tickets = self.reader.read(value, record.headers)
        except NotATicket as fault:
            self._reject(partition, record, value, fault)
            return
        prepared = [self.preparer(ticket) for ticket in tickets]
        rules = [self.triage.rule(t, p.keyword) for t, p in zip(tickets, prepared, strict=True)]
        rule = next((r for r in rules if r is not None), None)
        lane = Lane.BULK if rule is None else Lane.URGENT
        self.tally.add(measures.TICKETS, lane, n=len(tickets))
        found = [self._known(_keys(p, lane)) for p in prepared]
        if len(tickets) == 1 and found[0] is not None and not self.departures.holds(partition, record.key):
            self.departures.publish_known(
                partition, record, ticket=tickets[0], prepared=prepared[0], lane=lane, known=found[0]
            )
        else:
            self._wait(partition, record, lane, tickets=tickets, prepared=prepared, found=found)

    def _known(self, keys: Sequence[bytes]) -> Known | None:
        """What is known at once under one of these keys."""
        for key in keys:
            known = self.knowledge.peek(key)
            if known is not None:
                self.tally.add(measures.CACHE, self.cache_name, "hit")
                return known
        self.tally.add(measures.CACHE, self.cache_name, "miss")
        return None

    def _wait(
        self,
        partition: Partition,
        record: Record,
        lane: Lane,
        *,
        tickets: Sequence[Ticket],
        prepared: Sequence[Prepared],
        found: Sequence[Known | None],
    ) -> None:
        """A record that cannot leave at once: it takes its place in its key's order, and is asked."""
        delivery = Delivery(
            partition=partition,
            offset=record.offset,
            key=record.key,
            headers=record.headers,
            timestamp_ms=record.timestamp,
            read_at=self.now(),
            lane=lane,
            unanswered=len(tickets),
        )
        single = len(tickets) == 1
        pairs = zip(tickets, prepared, strict=True)
        delivery.tickets = [
            _waiting(delivery, t, p, None if single else part) for part, (t, p) in enumerate(pairs)
        ]
        if self.departures.key_order and record.key is not None:
            partition.order.enter(record.key, delivery)
        if lane is Lane.URGENT:
            self.deadlines.watch(delivery)
            self._promote_those_before(delivery)
        for waiting, known in zip(delivery.tickets, found, strict=True):
            self._settle_or_ask(waiting, known)

    def _settle_or_ask(self, waiting: Waiting, known: Known | None) -> None:
        """Known, in flight, to be looked up, or to be asked: in this order."""
        lane = waiting.delivery.lane
        key = waiting.urgent_key if lane is Lane.URGENT else waiting.bulk_key
        if not waiting.text:
            self.departures.decide(waiting, no_text(self.questions))
        elif known is not None:
            self.departures.decide(waiting, from_cache(known))
        elif self.flights.has(lane, key) or not self.knowledge.look_up(waiting):
            self._ask(waiting, lane)

    def looked_up(self, waiting: Waiting, known: Known | None) -> None:
        """The backend has answered (or did not in time)."""
        if known is not None:
            self.departures.decide(waiting, from_cache(known))
        elif waiting.live:
            self._ask(waiting, waiting.delivery.lane)

    def _ask(self, waiting: Waiting, lane: Lane) -> None:
        ask = self.flights.join(waiting, lane, self.now())
        if ask is not None:
            self.lanes.offer(ask)

    def _promote_those_before(self, delivery: Delivery) -> None:
        """An urgent record draws those of its key that stand before it into the urgent lane with it; if
        they are too many, it will go before them."""
        if not self.departures.holds(delivery.partition, delivery.key) or delivery.key is None:
            return
        before = delivery.partition.order.before(delivery.key, delivery)
        if len(before) > self.max_promoted:
            self.departures.overtake(delivery)
            return
        for earlier in before:
            for waiting in earlier.tickets:
                if waiting.live and all(ask.lane is not Lane.URGENT for ask in waiting.asks):
                    self._promote(waiting)

    def _promote(self, waiting: Waiting) -> None:
        """Ask at once; a batch that was not called yet need not hold it."""
        for ask in list(waiting.asks):
            if len(ask.waiters) == 1 and self.lanes.withdraw(ask):
                self.flights.land(ask)
                waiting.asks.remove(ask)
        self._ask(waiting, Lane.URGENT)

    def _reject(self, partition: Partition, record: Record, value: bytes, fault: NotATicket) -> None:
        """Not a ticket: to the dead-letter topic with its bytes, and the stream goes on."""
        headers = dead_letter_headers(
            record.headers,
            reason=fault.reason,
            sentence=fault.sentence,
            topic=partition.topic,
            partition=partition.number,
            offset=record.offset,
            failed_at=Rfc3339()(self.departures.wall_ms()),
        )
        self.tally.add(measures.DEAD_LETTERS, fault.reason)
        log.warning("dead_letter", partition=str(partition), offset=record.offset, reason=fault.reason)
        self.departures.outbox.dead_letter(partition, record.offset, record.key, value, headers)


def _keys(prepared: Prepared, lane: Lane) -> tuple[bytes, ...]:
    """The cache keys whose answer serves this text: an urgent ticket takes that of either model."""
    if lane is Lane.URGENT and prepared.urgent_key != prepared.bulk_key:
        return (prepared.bulk_key, prepared.urgent_key)
    return (prepared.bulk_key,)


def no_text(questions: int) -> Decision:
    """A ticket without text: nothing to ask about."""
    return Decision(labels=(None,) * questions, reason=Reason.NO_TEXT)


def _waiting(delivery: Delivery, ticket: Ticket, prepared: Prepared, part: int | None) -> Waiting:
    return Waiting(
        delivery=delivery,
        part=part,
        ticket_id=ticket.ticket_id,
        tenant=ticket.tenant,
        revision=ticket.revision,
        text=prepared.text,
        text_digest=prepared.digest,
        tokens=prepared.tokens,
        truncated=prepared.truncated,
        urgent_key=prepared.urgent_key,
        bulk_key=prepared.bulk_key,
    )
