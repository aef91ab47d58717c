"""Asking again for what is much used, before its entry ends: so that a hot text is never waited for.

Rules
-----
* An entry is hot when it was read `HOT_HITS` times since it was written, and near its end in the last
  `LAST_SHARE` of its life. It is asked again once: if that comes to nothing it ends as any other.
* It goes along with tickets, in room that their batch has left, and never makes a call of its own. A batch
  takes `MAX_GUESTS` at most, for each makes the reply longer that its tickets wait for.
* What waits for room is bounded; beyond that, and once its entry has ended, a text is let go.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from stream_classifier.core.journey import Ask
from stream_classifier.core.known import Known

HOT_HITS = 3
"""Fewer tickets than that in a whole TTL are served by asking when the next one comes."""
LAST_SHARE = 0.1
"""Of an entry's life. With the default of a day that is some two hours, in which a stream that has batches at
all has thousands with room; earlier, answers would be renewed that are hardly used any more."""
MAX_GUESTS = 2
"""Some ten tokens of reply each: tenths of a second for the tickets in the batch."""
MAX_WAITING = 1_000
"""Texts of a few hundred bytes; at two a batch, more would not find room before they end."""


def due(known: Known, now: float) -> bool:
    """Count a read; True where the text is to be asked again from now on, which is said once. `now` is unix
    seconds."""
    if known.hits is None:
        return False
    known.hits += 1
    last_s = LAST_SHARE * (known.expires_at - known.written_at)
    if known.hits < HOT_HITS or now < known.expires_at - last_s:
        return False
    known.hits = None
    return True


@dataclass(slots=True)
class Refreshes:
    """Texts that wait for room in a batch, first come first served."""

    _waiting: dict[Ask, float] = field(default_factory=dict)  # until when their entries serve

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, ask: Ask, until: float) -> None:
        """This text is to be asked again before `until`, in unix seconds."""
        if len(self._waiting) < MAX_WAITING:
            self._waiting[ask] = until

    def upcoming(self, tickets: int, tokens: int, now: float, fits: Callable[[Ask], bool]) -> list[Ask]:
        """What may go along in a batch that has room for so many tickets and tokens; it waits on."""
        self.discard([ask for ask, until in self._waiting.items() if until <= now])
        guests: list[Ask] = []
        for ask in self._waiting:
            if len(guests) >= min(tickets, MAX_GUESTS):
                break
            if ask.tokens <= tokens and fits(ask):
                guests.append(ask)
                tokens -= ask.tokens
        return guests

    def discard(self, asks: Iterable[Ask]) -> None:
        """These wait no longer."""
        for ask in asks:
            del self._waiting[ask]
