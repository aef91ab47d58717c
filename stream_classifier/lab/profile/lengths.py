"""How long texts are, in tokens: exactly, since there are only so many different lengths."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil


@dataclass(slots=True)
class Lengths:
    """Counts by length. `ticket.max_chars` bounds how many lengths there can be."""

    counts: Counter[int] = field(default_factory=Counter)

    def add(self, tokens: int) -> None:
        self.counts[tokens] += 1

    @property
    def tickets(self) -> int:
        return self.counts.total()

    @property
    def total(self) -> int:
        """The tokens of all texts together."""
        return sum(tokens * count for tokens, count in self.counts.items())

    @property
    def longest(self) -> int:
        return max(self.counts, default=0)

    def percentile(self, share: float) -> int:
        """The smallest length that at least this share of all do not exceed (nearest rank); 0 of none."""
        rank = max(ceil(share * self.tickets), 1)
        for tokens in sorted(self.counts):
            rank -= self.counts[tokens]
            if rank <= 0:
                return tokens
        return 0

    def histogram(self) -> Iterator[tuple[int, int, int]]:
        """From, to (both included) and how many: each range twice as wide as the one before, from the first
        that holds a text to the last."""
        by_range = Counter[int]()
        for tokens, count in self.counts.items():
            by_range[tokens.bit_length()] += count
        for bits in range(min(by_range, default=1), max(by_range, default=0) + 1):
            yield (1 << bits) >> 1, (1 << bits) - 1, by_range[bits]
