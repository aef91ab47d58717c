"""Who follows a ticket into the trace of those who sent it; None stands for nobody."""

from typing import Protocol

from stream_classifier.core.event import Subject
from stream_classifier.core.journey import Decision, Headers, OwnHeaders, Partition


class TicketTracing(Protocol):
    """Is told of each record that leaves."""

    def leaves(
        self,
        partition: Partition,
        subject: Subject,
        decision: Decision,
        *,
        came: Headers,
        headers: OwnHeaders,
        read_at: float | None = None,
    ) -> OwnHeaders:
        """A ticket's event is handed to the producer. Returned are the headers that it goes with. `came` are
        the record's, `read_at` says on the loop's clock when it was read: None for this moment."""

    def rejected(self, partition: Partition, offset: int, came: Headers, reason: str) -> None:
        """A record is no ticket, and goes to the dead-letter topic as it came."""
