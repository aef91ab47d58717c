"""Records that come back after their answer came: they are neither asked nor paid for again.

A partition may be taken away and given back between a ticket's answer and its event's acknowledgement. A
label of the lane's model is in the cache then. But a verdict (refused, unsure, unanswered) or an answer to
half of a text never goes there, one of a fallback model is not read once the first is back, and a small
cache may have lost what it had.

Rules
-----
* What is kept is a record's, and not a text's: another ticket with the same text is asked, as ever. The
  text's cache key stands beside it, for the offsets of a topic that was made anew mean other tickets.
* What an answer cost stands in the event of its first delivery, or is counted as overhead where that one
  never left. The record that comes back carries none of it, as one that joined another's call.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from stream_classifier.core.answer import DecidedBy
from stream_classifier.core.journey import Decision, Waiting

KEPT_MAX = 10_000  # of some 500 bytes; far more than are answered while a send or a drain takes its time


@dataclass(slots=True)
class Returns:
    """The last `KEPT_MAX` decisions that were paid for, by record."""

    _kept: dict[Hashable, tuple[bytes, Decision, bool]] = field(default_factory=dict)

    def keep(self, waiting: Waiting, decision: Decision) -> None:
        """This ticket was decided, or would have been if its partition had not been taken away."""
        self._kept[_record(waiting)] = (waiting.bulk_key, decision, waiting.truncated)
        if len(self._kept) > KEPT_MAX:
            del self._kept[next(iter(self._kept))]

    def decided(self, waiting: Waiting) -> Decision | None:
        """What was decided when this very ticket was here before."""
        kept = self._kept.get(_record(waiting))
        if kept is None or kept[0] != waiting.bulk_key:
            return None
        _, decision, waiting.truncated = kept
        by = None if decision.reason is not None else DecidedBy.SHARED
        return replace(decision, decided_by=by, tokens_in=0, tokens_out=0, cost_usd=0.0)


def _record(waiting: Waiting) -> Hashable:
    delivery = waiting.delivery
    return delivery.partition.number, delivery.offset, waiting.part
