"""From what the demo counts to what it shows."""

from collections import deque
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.answer import DecidedBy, Lane
from stream_classifier.core.tally import Tally
from stream_classifier.lab.demo_account import Account
from stream_classifier.lab.demo_results import Results
from stream_classifier.lab.figures import DemoFigures
from stream_classifier.lab.simulator.stats import Stats
from stream_classifier.observe.summary import take

RATE_OVER_S = 3.0
"""Short enough to show a burst, long enough not to flicker with every batch."""


@dataclass(slots=True)
class Rate:
    """How fast a count grows, over the last `RATE_OVER_S`."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def per_s(self, count: int, now: float) -> float:
        """Note the count at this time (seconds), and return its growth per second."""
        self._seen.append((now, count))
        while now - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        then, before = self._seen[0]
        return (count - before) / (now - then) if now > then else 0.0


@dataclass(slots=True, kw_only=True)
class Sources:
    """Where the figures come from: the topics, the provider's own count, the service's tally."""

    planned: int | None
    provider: Stats
    account: Account = field(default_factory=Account)
    results: Results = field(default_factory=Results)
    tally: Tally = field(default_factory=Tally)
    left: int = 0  # known at the end
    _rate: Rate = field(default_factory=Rate)

    @property
    def unaccounted(self) -> int:
        """Records that came in and neither came out nor were passed over by a rule."""
        return self.account.missing - self.passed_over

    @property
    def passed_over(self) -> int:
        """No topic tells of these, so the service's word is taken."""
        return int(self.tally.count(measures.PASSED_OVER))

    def figures(self, elapsed_s: float) -> DemoFigures:
        """What is to be shown now, so many seconds after the first ticket."""
        results, now = self.results, take(self.tally)
        urgent_calls = int(self.tally.count(measures.CALLS, Lane.URGENT))
        of_one_text = urgent_calls + int(self.tally.count(measures.CALLS, "probe"))
        return DemoFigures(
            elapsed_s=elapsed_s,
            planned=self.planned,
            tickets_in=self.account.records,
            labelled=results.labelled,
            labels=results.labels,
            needs_review=results.needs_review,
            dead_letters=results.dead_letters,
            passed_over=self.passed_over,
            left=self.left,
            lost=self.unaccounted - self.left,
            repeated=self.account.surplus,
            in_flight=int(now.in_flight),
            rate_per_s=self._rate.per_s(results.out, elapsed_s),
            hits=results.decided_by[DecidedBy.CACHE],
            shared=results.decided_by[DecidedBy.SHARED],
            calls=self.provider.calls,
            urgent_calls=urgent_calls,
            texts_per_call=(self.provider.records_asked - of_one_text)
            / max(self.provider.calls - of_one_text, 1),
            tokens=sum(model.tokens_in + model.tokens_out for model in self.provider.by_model.values()),
            cost_usd=now.cost_usd or 0.0,
            single_cost_usd=now.single_cost_usd or 0.0,
            single_cached_cost_usd=now.single_cached_cost_usd,
            urgent=results.latency(Lane.URGENT),
            bulk=results.latency(Lane.BULK),
            provider=f"paused: {', '.join(now.paused)}" if now.paused else "answering",
            provider_well=not now.paused,
            recent=tuple(results.recent),
        )
