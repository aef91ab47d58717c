"""Texts that are asked together, and what became of their calls so far."""

from collections import Counter
from dataclasses import dataclass, field

from stream_classifier.core.call import Signal
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.gate import Permit


@dataclass(slots=True, eq=False)
class Batch:
    """Texts that are asked together.

    `failures` are counted by signal, since the last reply that could be read; `taken` are the attempts
    that those took from each text. `fallbacks`: so many of the lane's models were tried in vain.
    `poison`: the constant record passed where these texts failed. `halved`: the text is too long, and
    half of it is asked.
    """

    asks: list[Ask]
    fallbacks: int = 0
    poison: bool = False
    halved: bool = False
    failures: Counter[Signal] = field(default_factory=Counter)
    taken: int = 0
    holds_slot: bool = False
    permit: Permit | None = None

    def forgive(self) -> None:
        """It was an outage: the failures said nothing about these texts."""
        for ask in self.asks:
            ask.attempts -= self.taken
        self.failures.clear()
        self.fallbacks, self.taken, self.poison = 0, 0, False

    def parts(self, number: int) -> "list[Batch]":
        """So many batches, about equally heavy in tokens; this one is empty then."""
        parts = [Batch([], self.fallbacks, self.poison) for _ in range(number)]
        for ask in sorted(self.asks, key=_tokens, reverse=True):
            min(parts, key=_heaviness).asks.append(ask)
        self.asks = []
        return parts


def _tokens(ask: Ask) -> int:
    return ask.tokens


def _heaviness(batch: Batch) -> int:
    return sum(map(_tokens, batch.asks))
