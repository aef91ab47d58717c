"""Which texts come again, counted in one pass.

Rules
-----
* Texts are the same where the service's cache would take them for the same.
* Of a text that came once only its key is kept (some 65 bytes in all). Its words are kept from the second
  time on, shortened, and for `MAX_HEADS` texts at most: past that number a text that repeats is counted all
  the same, and only its words are missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from stream_classifier.core.prompt import visible

MAX_HEADS = 100_000  # some 20 MB of words; the texts that come most often are among the first to repeat
HEAD_CHARS = 80
TOP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A text that came more than once; its beginning in one line, or None where it was not kept."""

    times: int
    text: str | None


@dataclass(slots=True)
class Repeats:
    """Counts by the short form of a text's key."""

    counts: dict[int, int] = field(default_factory=dict)  # of those that came more than once
    _seen: set[int] = field(default_factory=set)
    _heads: dict[int, str] = field(default_factory=dict)
    distinct: int = 0

    def note(self, key: int, text: str) -> None:
        """A ticket with this text."""
        if key not in self._seen:
            self._seen.add(key)
            self.distinct += 1
            return
        self.counts[key] = self.counts.get(key, 1) + 1
        if key not in self._heads and len(self._heads) < MAX_HEADS:
            self._heads[key] = shortened(text)

    def close(self) -> None:
        """No more will come: the room for texts that came once is given back."""
        self._seen = set()

    @property
    def repeated(self) -> int:
        """Tickets whose text had come before."""
        return sum(self.counts.values()) - len(self.counts)

    def top(self, number: int = TOP) -> Iterator[Repeated]:
        """Those that came most often."""
        for key in sorted(self.counts, key=lambda key: -self.counts[key])[:number]:
            yield Repeated(times=self.counts[key], text=self._heads.get(key))


def shortened(text: str) -> str:
    """The beginning of a text in one line."""
    line = " ".join(visible(text[: 4 * HEAD_CHARS]).split())
    return line if len(line) <= HEAD_CHARS else f"{line[: HEAD_CHARS - 1].rstrip()}…"
