"""What is told of a ticket that leaves: to the counts, always; to the log, where a person may care.

Known tickets are counted once a poll, since they come by the ten thousand a second. Each urgent ticket and
each that a person must look at has its line; all others only where the log is at `debug`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import DecidedBy, Lane
from stream_classifier.core.event import Subject, event_id, latency_ms
from stream_classifier.core.journey import Decision, Partition
from stream_classifier.core.prices import SingleCalls
from stream_classifier.core.tally import Tally

log = structlog.get_logger(__name__)

KnownTicket = tuple[int, int, int]
"""The record's timestamp and when its event was handed over, both in ms, and the tokens of its text."""

TOLD_CHARS = 200  # of a ticket's id in a line: a producer may put any text there


class Told(TypedDict):
    """The fields of `urgent_ticket` and `bulk_ticket`."""

    event_id: str
    ticket_id: str
    decided_by: DecidedBy | None
    reason: str | None
    batch_id: str | None
    attempts: int | None
    overtook: bool
    latency_ms: int


@dataclass(slots=True, kw_only=True)
class Telling:
    """`single_calls` says what one call a ticket would cost; `each` says whether every ticket has its
    line. Into `known` goes, by lane, each ticket that left at once: `end_of_poll` counts them."""

    tally: Tally
    cache_name: str
    single_calls: SingleCalls
    each: bool
    told_lanes: frozenset[str] = field(init=False)  # those of which each ticket has its line in the log
    known: dict[Lane, list[KnownTicket]] = field(default_factory=lambda: {lane: [] for lane in Lane})
    fetched: int = 0  # texts of this poll that the backend knew: the first ticket of each is its hit

    def __post_init__(self) -> None:
        self.told_lanes = frozenset(Lane) if self.each else frozenset({Lane.URGENT})

    def say_known(self, subject: Subject) -> None:
        """The line of a ticket that the cache knew."""
        self._say(subject, Decision(labels=(), decided_by=DecidedBy.CACHE))

    def unchanged(self, partition: Partition, offset: int, ticket_id: str) -> None:
        """The line of a ticket that is passed over, since it says what its last event said."""
        if self.each:
            log.debug("ticket_unchanged", event_id=f"{partition}:{offset}", ticket_id=ticket_id)

    def end_of_poll(self) -> None:
        """Count what was put into `known`."""
        for lane, tickets in self.known.items():
            if tickets:
                self._count_known(lane, tickets)
                tickets.clear()

    def _count_known(self, lane: Lane, tickets: Sequence[KnownTicket]) -> None:
        if self.fetched:
            fetched = min(self.fetched, len(tickets))
            self.fetched -= fetched
            self.tally.add(measures.CACHE, self.cache_name, "backend_hit", n=fetched)
            self.tally.add(measures.CACHE, self.cache_name, "hit", n=len(tickets) - fetched)
        else:
            self.tally.add(measures.CACHE, self.cache_name, "hit", n=len(tickets))
        self.tally.add(measures.TICKETS, lane, n=len(tickets))
        self.tally.add(measures.EVENTS, lane, "labelled", DecidedBy.CACHE, "", n=len(tickets))
        timestamps_ms, labelled_ms, tokens = zip(*tickets, strict=True)
        for times_ms, n in Counter(zip(timestamps_ms, labelled_ms, strict=True)).items():  # in a burst few
            self.tally.observe(measures.LATENCY, latency_ms(*times_ms) / 1000, lane, times=n)
        self._single_cost(sum(tokens), len(tickets))

    def decided(self, subject: Subject, decision: Decision, tokens: int) -> None:
        """A ticket left that had waited for its decision."""
        if decision.reason is None:
            self.tally.add(measures.EVENTS, subject.lane, "labelled", decision.decided_by or "", "")
        else:
            self.tally.add(measures.EVENTS, subject.lane, "needs_review", "", decision.reason)
        self.tally.observe(measures.LATENCY, subject.latency_ms / 1000, subject.lane)
        self._single_cost(tokens, 1)
        if decision.reason is not None:
            log.info(
                "needs_review",
                event_id=event_id(subject),
                ticket_id=subject.ticket_id[:TOLD_CHARS],
                lane=subject.lane,
                reason=decision.reason,
                model=decision.model,
                batch_id=decision.batch_id,
                attempts=decision.attempts,
            )
        if subject.lane in self.told_lanes:
            self._say(subject, decision)

    def _single_cost(self, tokens: int, tickets: int) -> None:
        for measure, cost_usd in (
            (measures.SINGLE_COST, self.single_calls.cost_usd(tokens, tickets)),
            (measures.SINGLE_CACHED_COST, self.single_calls.cached_cost_usd(tokens, tickets)),
        ):
            if cost_usd is not None:
                self.tally.add(measure, n=cost_usd)

    def _say(self, subject: Subject, decision: Decision) -> None:
        told: Told = {
            "event_id": event_id(subject),
            "ticket_id": subject.ticket_id[:TOLD_CHARS],
            "decided_by": decision.decided_by,
            "reason": decision.reason,
            "batch_id": decision.batch_id,
            "attempts": decision.attempts,
            "overtook": subject.overtook,
            "latency_ms": subject.latency_ms,
        }
        if subject.lane == Lane.URGENT:
            log.info("urgent_ticket", **told)
        else:
            log.debug("bulk_ticket", **told)
