"""The way out: decisions become events, events leave in key order, and the producer takes them.

Rules
-----
* The first decision on a ticket serves; later ones are dropped.
* A record leaves when each of its tickets is decided and no earlier record of its key is still here.
* Nothing of a closed partition leaves, whatever is decided about it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import DecidedBy, Lane
from stream_classifier.core.event import CONTENT_TYPE, EventWriter, Subject
from stream_classifier.core.journey import Decision, Delivery, OwnHeaders, Partition, Waiting
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import Ticket
from stream_classifier.pipeline.preparing import Prepared
from stream_classifier.pipeline.returns import Returns
from stream_classifier.pipeline.subjects import Record, headers_of, known_subject, subject_of
from stream_classifier.pipeline.telling import Telling
from stream_classifier.pipeline.tracing import TicketTracing
from stream_classifier.pipeline.unsent import UnsentTokens
from stream_classifier.pipeline.updates import Updates

PLAIN_HEADERS = [CONTENT_TYPE]
MAX_ANSWERS = 4_096
"""Answers that are kept as they are written, half a KiB each: more than the labels of a taxonomy that people
read come to; of one that has more, some are rendered again."""

Answer = tuple[tuple[str, ...], str, str, str]
"""Labels, model, and the digests of prompt and taxonomy."""


class Outbox(Protocol):
    """Takes what is to be sent, keeps the order, and marks `offset` done once the broker has it.

    `offset` is None for all but the last event of a record.
    """

    def publish(
        self,
        partition: Partition,
        offset: int | None,
        key: bytes | None,
        value: bytes,
        headers: OwnHeaders,
    ) -> None:
        """Send a labelled event."""

    def dead_letter(
        self,
        partition: Partition,
        offset: int,
        key: bytes | None,
        value: bytes,
        headers: OwnHeaders,
    ) -> None:
        """Send a dead letter."""


@dataclass(slots=True, kw_only=True)
class Departures:
    """Publishes what is decided. `wall_ms` is the wall clock in milliseconds."""

    outbox: Outbox
    writer: EventWriter
    tally: Tally
    wall_ms: Callable[[], int]
    key_order: bool
    telling: Telling
    tracing: TicketTracing | None = None
    updates: Updates | None = None
    returns: Returns = field(default_factory=Returns)
    _unsent: UnsentTokens = field(init=False)
    _answers: dict[Answer, tuple[bytes, bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._unsent = UnsentTokens(self.tally)

    def holds(self, partition: Partition, key: bytes | None) -> bool:
        """Whether an earlier record of this key is still on its way."""
        return self.key_order and key is not None and key in partition.order.chains

    def publish_known(  # noqa: PLR0917 - names would cost as much as the call
        self,
        partition: Partition,
        record: Record,
        ticket: Ticket,
        prepared: Prepared,
        lane: Lane,
        known: Known,
    ) -> None:
        """The hot path: a ticket that the cache knows, with nothing before it."""
        offset, timestamp_ms, came = record.offset, record.timestamp, record.headers
        labelled_ms = self.wall_ms()
        if known.rendered is None:
            known.rendered = self._rendered(known)
        constant = prepared.digest.encode().join(known.rendered)
        updates = self.updates
        superseded = (
            updates is not None
            and (updates.skips or ticket.revision is not None)
            and updates.leaves_known(
                partition, offset, ticket=ticket, prepared=prepared, lane=lane, model=known.model
            )
        )
        if came or superseded or self.tracing is not None or lane in self.telling.told_lanes:
            subject = known_subject(
                partition, record, ticket, prepared, lane=lane, labelled_ms=labelled_ms, superseded=superseded
            )
            event = self.writer.render(subject, constant)
            headers = self._told(partition, record, subject, known)
        else:
            event = self.writer.render_plain(
                partition.topic,
                partition.number,
                offset,
                ticket,
                lane,
                prepared.truncated,
                timestamp_ms,
                labelled_ms,
                constant,
            )
            headers = PLAIN_HEADERS
        self.outbox.publish(partition, offset, record.key, event, headers)
        self.telling.known[lane].append((timestamp_ms, labelled_ms, prepared.tokens))

    def _told(self, partition: Partition, record: Record, subject: Subject, known: Known) -> OwnHeaders:
        """The headers of a known ticket's event, whose leaving is told to traces and to the log."""
        came = record.headers
        headers = headers_of(came, subject)
        if self.tracing is not None:
            headers = self.tracing.leaves(partition, subject, from_cache(known), came=came, headers=headers)
        if subject.lane in self.telling.told_lanes:
            self.telling.say_known(subject)
        return headers

    def _rendered(self, known: Known) -> tuple[bytes, bytes]:
        """What an answer's events say of it, around the text's digest: one for all texts answered alike."""
        answer = (known.labels, known.model, known.prompt_digest, known.taxonomy_digest)
        rendered = self._answers.get(answer)
        if rendered is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            rendered = self._answers[answer] = self.writer.around_digest(from_cache(known))
        return rendered

    def end_of_poll(self) -> None:
        """Count what left at once, and the tokens of what will never leave."""
        self.telling.end_of_poll()
        self._unsent.write_off_closed()

    def decide(self, waiting: Waiting, decision: Decision) -> None:
        """Take a ticket's decision; the record leaves when it is its last and its turn has come."""
        if waiting.decision is not None:
            return
        waiting.decision = decision
        delivery = waiting.delivery
        self._unsent.decided(delivery.partition, decision)
        delivery.unanswered -= 1
        if delivery.unanswered == 0:
            for released in self._released(delivery):
                self._publish(released)

    def pass_over_known(self, partition: Partition, record: Record, ticket: Ticket) -> None:
        """This record of one ticket says nothing new, and has nothing before it: it is done."""
        partition.ledger.done((record.offset,))
        self.telling.unchanged(partition, record.offset, ticket.ticket_id)

    def pass_over(self, delivery: Delivery) -> None:
        """This record of one ticket says nothing new: it is done, and those that waited for it may leave."""
        self.telling.unchanged(delivery.partition, delivery.offset, delivery.tickets[0].ticket_id)
        delivery.let_go()
        delivery.unanswered = 0
        delivery.partition.ledger.done((delivery.offset,))
        for released in self._released(delivery):
            self._publish(released)

    def overtake(self, delivery: Delivery) -> None:
        """This record may wait no longer for those before it."""
        delivery.may_overtake = True
        held = delivery.unanswered == 0 and self.holds(delivery.partition, delivery.key)
        if held and not delivery.published:
            for released in self._released(delivery):
                self._publish(released)

    def overtakes_unread(self, delivery: Delivery) -> None:
        """This record goes before others of its key that nobody has read yet."""
        delivery.overtook = True
        self.tally.add(measures.OVERTOOK)

    def _released(self, delivery: Delivery) -> list[Delivery]:
        """What may leave now that this record is decided: itself, and those that waited for it."""
        partition, key = delivery.partition, delivery.key
        if not self.key_order or key is None:
            return [delivery]
        if delivery.may_overtake and partition.order.before(key, delivery):
            if not delivery.overtook:
                self.overtakes_unread(delivery)
            return [delivery, *partition.order.overtake(key, delivery)]
        return partition.order.answered(key, delivery)

    def _publish(self, delivery: Delivery) -> None:
        delivery.published = True
        tickets = delivery.let_go()
        if not delivery.partition.open:
            return
        for waiting in tickets:
            last = waiting is tickets[-1]
            self._publish_ticket(delivery, waiting, delivery.offset if last else None)

    def _publish_ticket(self, delivery: Delivery, waiting: Waiting, offset: int | None) -> None:
        decision = waiting.decision
        assert decision is not None, "a record is published when each of its tickets is decided"
        superseded = self.updates is not None and self.updates.leaves(waiting, decision)
        subject = subject_of(delivery, waiting, self.wall_ms(), superseded)
        event = self.writer.render(subject, self.writer.constant(decision, waiting.text_digest))
        headers = headers_of(delivery.headers, subject)
        if self.tracing is not None:
            headers = self.tracing.leaves(
                delivery.partition,
                subject,
                decision,
                came=delivery.headers,
                headers=headers,
                read_at=delivery.read_at,
            )
        self.outbox.publish(delivery.partition, offset, delivery.key, event, headers)
        self._unsent.sent(delivery.partition, decision)
        self.telling.decided(subject, decision, waiting.tokens)


def from_cache(known: Known) -> Decision:
    """The decision that a cache entry stands for: it keeps what decided, and costs nothing."""
    return Decision(
        labels=known.labels,
        decided_by=DecidedBy.CACHE,
        model=known.model,
        prompt_digest=known.prompt_digest,
        taxonomy_digest=known.taxonomy_digest,
    )
