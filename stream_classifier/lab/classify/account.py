"""What became of the rows that are written, and what it cost: over all runs of a job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.tally import Measure, Tally

LABELLED = "labelled"


@dataclass(slots=True, kw_only=True)
class Account:
    """Rows by what became of them. A row of several tickets is labelled where each of them is."""

    labelled: int = 0
    rejected: int = 0
    needs_review: Counter[str] = field(default_factory=Counter)  # by reason
    decided_by: Counter[str] = field(default_factory=Counter)  # of those labelled

    @property
    def rows(self) -> int:
        """All of them."""
        return self.labelled + self.rejected + self.needs_review.total()

    @property
    def whole(self) -> bool:
        """Whether every row was labelled."""
        return self.labelled == self.rows

    def count(self, events: Sequence[Mapping[str, Any]]) -> None:
        """A row was written with these events; with none it was rejected."""
        reviews = [event["reason"] for event in events if event["status"] != LABELLED]
        if not events:
            self.rejected += 1
        elif reviews:
            self.needs_review[reviews[0]] += 1
        else:
            self.labelled += 1
            self.decided_by[events[0]["decided_by"]] += 1

    def as_data(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {
            "labelled": self.labelled,
            "rejected": self.rejected,
            "needs_review": dict(self.needs_review),
            "decided_by": dict(self.decided_by),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Account":
        """What `as_data` gave."""
        counters = {name: Counter(data[name]) for name in ("needs_review", "decided_by")}
        return cls(labelled=data["labelled"], rejected=data["rejected"], **counters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Calls and USD; an amount is None where no price is known, or nothing was spent yet. `single_usd` and
    `single_cached_usd` are what one call a ticket would have cost, without and with a prefix cache."""

    calls: int = 0
    urgent_calls: int = 0
    bulk_calls: int = 0
    bulk_texts: int = 0
    usd: float | None = None
    single_usd: float | None = None
    single_cached_usd: float | None = None
    seconds: float = 0.0

    @classmethod
    def of(cls, tally: Tally, seconds: float) -> "Spent":
        """What this process has spent so far."""
        texts = tally.histograms.get(measures.BATCH_TICKETS, {}).get((Lane.BULK,))
        return cls(
            calls=int(tally.count(measures.CALLS)),
            urgent_calls=int(tally.count(measures.CALLS, Lane.URGENT)),
            bulk_calls=int(tally.count(measures.CALLS, Lane.BULK)),
            bulk_texts=int(texts.total) if texts else 0,
            usd=_amount(tally, measures.COST),
            single_usd=_amount(tally, measures.SINGLE_COST),
            single_cached_usd=_amount(tally, measures.SINGLE_CACHED_COST),
            seconds=seconds,
        )

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(
            calls=self.calls + other.calls,
            urgent_calls=self.urgent_calls + other.urgent_calls,
            bulk_calls=self.bulk_calls + other.bulk_calls,
            bulk_texts=self.bulk_texts + other.bulk_texts,
            usd=_sum(self.usd, other.usd),
            single_usd=_sum(self.single_usd, other.single_usd),
            single_cached_usd=_sum(self.single_cached_usd, other.single_cached_usd),
            seconds=self.seconds + other.seconds,
        )

    def as_data(self) -> dict[str, Any]:
        """As JSON holds it; `Spent(**data)` reads it back."""
        return asdict(self)


def _amount(tally: Tally, measure: Measure) -> float | None:
    return tally.count(measure) if measure in tally.counters else None


def _sum(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else one + other
