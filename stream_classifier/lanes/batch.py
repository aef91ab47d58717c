"""Texts that are asked together, and what became of their calls so far."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from stream_classifier.core.call import Signal
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.gate import Permit


@dataclass(slots=True, eq=False)
class Batch:
    """Texts that are asked together, in the order in which they were asked last.

    `failures` are counted by signal, since the last reply that could be read. `fallbacks`: so many of the
    lane's models were tried in vain. `poison`: the constant record passed where these texts failed.
    `halved`: the text is too long, and half of it is asked. `guests` go along in the next call, and in no
    other. `waits`: for the gate or for a slot; `life`
    carries it, and may be cancelled.
    """

    asks: list[Ask]
    fallbacks: int = 0
    poison: bool = False
    halved: bool = False
    guests: list[Ask] = field(default_factory=list)
    failures: Counter[Signal] = field(default_factory=Counter)
    waits: bool = False
    life: asyncio.Task[None] = field(init=False)
    holds_slot: bool = False
    permit: Permit | None = None

    @property
    def attempts(self) -> int:
        """Of the text that has used up the most."""
        return max(ask.attempts for ask in self.asks)

    @property
    def doubted(self) -> set[str]:
        """The models whose calls took attempts that may be given back."""
        return {model for ask in self.asks if ask.doubts for model in ask.doubts.by_model}

    def forgive(self) -> None:
        """Nothing of what is in doubt is known to be these texts' fault."""
        for model in self.doubted:
            for ask in self.asks:
                ask.give_back(model)
        self.begin_anew()

    def begin_anew(self) -> None:
        """It was an outage: the failures said nothing about these texts."""
        self.failures.clear()
        self.fallbacks, self.poison = 0, False

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
