"""When the same text comes again and again: an outage, a mail loop, a form that sends twice.

A storm costs one call, since the same text is asked once. People want to know of it all the same, so it is
told when it begins and when it is over.

Rules
-----
* Texts are the same where their digests are: near-identical ones (another number, another name) are other
  texts here as everywhere, and each of them is asked.
* Counted over windows of `WINDOW_S`. A storm begins as soon as a text has come `STORM_TICKETS` times in a
  window and is `STORM_SHARE` of what was read in it so far; it is over after a window with less than half of
  that.
* Memory is bounded whatever comes. Beyond `MAX_TEXTS` different texts in a window the rare ones are forgotten
  (Misra and Gries' counts, cut in batches): no text is counted too high, and none too low by more than one in
  `KEPT_TEXTS` of all that was read, which is a fiftieth of the smallest storm.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

WINDOW_S = 60.0  # shorter, and a slow storm is missed; longer, and its end is told late
STORM_TICKETS = 50  # in a window: that often within a minute, people do not write the same to the letter
STORM_SHARE = 0.05  # of all: on a great stream, 50 a minute of a common notice are nothing to tell
CALM = 0.5  # of both: a storm that wavers about its threshold is one, not many

MAX_TEXTS = 8192  # 2 MB with their digests
KEPT_TEXTS = 1024  # eight times fewer: forgetting has to look at all of them, so it must be rare


@dataclass(slots=True)
class TextCounts:
    """How often each text came, of `read` in all; exact while there are no more than `max_texts`."""

    max_texts: int = MAX_TEXTS
    kept_texts: int = KEPT_TEXTS
    read: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, digests: Sequence[str]) -> None:
        """These texts came, in whatever order."""
        self.read += len(digests)
        self._counts.update(digests)
        if len(self._counts) > self.max_texts:
            self._forget_rare()

    def of(self, digest: str) -> int:
        """How often this text came, at least."""
        return self._counts[digest]

    def frequent(self, enough: float) -> dict[str, int]:
        """The texts that came at least so often, and how often."""
        return {digest: n for digest, n in self._counts.items() if n >= enough}

    def __len__(self) -> int:
        return len(self._counts)

    def _forget_rare(self) -> None:
        """Take the same off every count, so that `kept_texts` are left at the most. What is taken off one
        text is taken off more than `kept_texts` others too, so it cannot come to much."""
        cut = sorted(self._counts.values(), reverse=True)[self.kept_texts]
        self._counts = Counter({digest: n - cut for digest, n in self._counts.items() if n > cut})


@dataclass(slots=True, kw_only=True)
class Storm:
    """One text that comes again and again. `tickets` so far, from the start of the window in which it was
    noticed; times are seconds of the clock that is handed in."""

    text_digest: str
    began_at: float
    last_at: float
    tickets: int = 0
    earlier: int = 0  # of the tickets, those of windows that are over

    @property
    def lasted_s(self) -> float:
        """From the start of its first window to its last ticket."""
        return self.last_at - self.began_at

    def counted(self, tickets: int, now: float) -> None:
        """So many came in the window that is under way."""
        if self.earlier + tickets > self.tickets:
            self.tickets, self.last_at = self.earlier + tickets, now


class Storms:
    """Finds the storms in what is read. `now` is seconds of any clock that does not go back."""

    def __init__(self, now: float) -> None:
        self._began_at = now
        self._counts = TextCounts()
        self._under_way: dict[str, Storm] = {}

    def read(self, digests: Sequence[str]) -> None:
        """These texts were read."""
        self._counts.add(digests)

    def look(self, now: float) -> tuple[list[Storm], list[Storm]]:
        """The storms that have begun since the last look, and those that are over. To be asked about every
        second, also while nothing is read."""
        frequent = self._counts.frequent(self._enough)
        begun = [self._begin(digest, now) for digest in frequent if digest not in self._under_way]
        for digest, storm in self._under_way.items():
            storm.counted(self._counts.of(digest), now)
        return begun, self._end_window(now) if now >= self._began_at + WINDOW_S else []

    def _begin(self, digest: str, now: float) -> Storm:
        storm = Storm(text_digest=digest, began_at=self._began_at, last_at=now)
        self._under_way[digest] = storm
        return storm

    def _end_window(self, now: float) -> list[Storm]:
        calm = CALM * self._enough
        over = [storm for digest, storm in self._under_way.items() if self._counts.of(digest) < calm]
        for storm in over:
            del self._under_way[storm.text_digest]
        for storm in self._under_way.values():
            storm.earlier = storm.tickets
        self._began_at, self._counts = now, TextCounts()
        return over

    @property
    def _enough(self) -> float:
        """How often a text must have come in this window."""
        return max(STORM_TICKETS, STORM_SHARE * self._counts.read)
