"""What the demo shows of the labels topic: counts, waiting times, the newest tickets."""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from stream_classifier.lab.figures import Latency, RecentTicket

RECENT = 18
"""As many as the highest screen shows."""

LATENCIES = 10_000
"""The newest of each lane: enough for the 99th percentile, and quick to sort several times a second."""


def _latencies() -> dict[str, deque[float]]:
    return defaultdict(lambda: deque(maxlen=LATENCIES))


@dataclass(slots=True)
class Results:
    """Counts of labelled events, by what stands in them."""

    labelled: Counter[str] = field(default_factory=Counter)  # by lane
    labels: Counter[str] = field(default_factory=Counter)
    needs_review: Counter[str] = field(default_factory=Counter)  # by reason
    decided_by: Counter[str] = field(default_factory=Counter)
    dead_letters: int = 0
    recent: deque[RecentTicket] = field(default_factory=lambda: deque(maxlen=RECENT))  # newest first
    _latencies_ms: dict[str, deque[float]] = field(default_factory=_latencies)

    @property
    def out(self) -> int:
        """Everything that has come out."""
        return self.labelled.total() + self.needs_review.total() + self.dead_letters

    def add(self, event: dict[str, Any]) -> None:
        """Count one labelled event (contract: the fields of the labels topic)."""
        if event["status"] == "labelled":
            self.labelled[event["lane"]] += 1
            self.labels[event["label"]] += 1
            self.decided_by[event["decided_by"]] += 1
        else:
            self.needs_review[event["reason"]] += 1
        self._latencies_ms[event["lane"]].append(event["latency_ms"])
        self.recent.appendleft(
            RecentTicket(**{name: event[name] for name in RecentTicket.__dataclass_fields__})
        )

    def latency(self, lane: str) -> Latency:
        """Of the newest `LATENCIES` tickets of this lane."""
        ordered = sorted(self._latencies_ms[lane])
        return Latency(p50_ms=quantile(ordered, 0.5), p99_ms=quantile(ordered, 0.99))


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all do not exceed; None where there is none."""
    return ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else None
