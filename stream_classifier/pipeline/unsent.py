"""Tokens that were paid for, and whose event has not left yet.

A ticket may be decided while its record still waits: for the other tickets of its array, or for its turn
in its key's order. If its partition is closed meanwhile, no event will ever carry its tokens. They count
as overhead then, so that events and overhead together are what the provider counted.
"""

from collections import Counter
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.journey import Decision, Partition
from stream_classifier.core.tally import Tally


@dataclass(slots=True)
class UnsentTokens:
    """Sums by partition, model and kind: decisions by the ten thousand take no room here."""

    tally: Tally
    _sums: dict[Partition, Counter[tuple[str, str]]] = field(default_factory=dict)

    def decided(self, partition: Partition, decision: Decision) -> None:
        """A ticket was decided, and its event is to follow."""
        self._add(partition, decision, 1)

    def sent(self, partition: Partition, decision: Decision) -> None:
        """Its event was handed to the producer."""
        self._add(partition, decision, -1)

    def write_off_closed(self) -> None:
        """Count as overhead what belongs to partitions that are closed."""
        for partition in [partition for partition in self._sums if not partition.open]:
            for (model, kind), tokens in self._sums.pop(partition).items():
                self.tally.add(measures.OVERHEAD_TOKENS, model, kind, n=tokens)

    def _add(self, partition: Partition, decision: Decision, sign: int) -> None:
        if decision.model is None or not (decision.tokens_in or decision.tokens_out):
            return
        sums = self._sums.setdefault(partition, Counter())
        sums[decision.model, "in"] += sign * decision.tokens_in
        sums[decision.model, "out"] += sign * decision.tokens_out
