"""Single-flight: the same text in flight is asked once, however many tickets bring it.

Urgent and bulk fly apart, so that an urgent ticket never waits for a batch. Where both ask the same text
of the same model, the first answer serves both.
"""

from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Ask, Waiting


class Landed(Protocol):
    """Is told of each ask that is over."""

    def __call__(self, ask: Ask, /, *, in_vain: bool) -> None:
        """`in_vain`: it was called, and no answer that would serve others came of it."""


def _nobody_listens(_ask: Ask, /, *, in_vain: bool) -> None:
    """Of a single process' flights nobody need be told."""


@dataclass(slots=True)
class Flights:
    """The asks that are not answered yet, by lane and cache key."""

    landed: Landed = _nobody_listens
    _asks: dict[Lane, dict[bytes, Ask]] = field(default_factory=lambda: {lane: {} for lane in Lane})

    def __len__(self) -> int:
        return sum(len(asks) for asks in self._asks.values())

    def waiting(self, lane: Lane) -> int:
        """How many texts of a lane have no answer yet."""
        return len(self._asks[lane])

    def has(self, lane: Lane, key: bytes) -> bool:
        """Whether this text is in flight in this lane."""
        return key in self._asks[lane]

    def get(self, lane: Lane, key: bytes) -> Ask | None:
        """The ask of this text in this lane, while it is in flight."""
        return self._asks[lane].get(key)

    def join(self, waiting: Waiting, lane: Lane, now: float) -> Ask | None:
        """Let a ticket wait for its text's answer in this lane. Returned is the ask where it is new and
        must be offered to the lane; None where it was in flight already."""
        key = waiting.urgent_key if lane is Lane.URGENT else waiting.bulk_key
        ask = self._asks[lane].get(key)
        new = ask is None
        if ask is None:
            ask = Ask(
                key=key,
                lane=lane,
                utf8=waiting.utf8,
                tokens=waiting.tokens,
                asked_at=now,
                tenant=waiting.tenant,
            )
            self._asks[lane][key] = ask
        elif not (ask.waiters and ask.waiters[-1].live):
            ask.waiters = [w for w in ask.waiters if w.live]  # else each rebalance leaves some here
        ask.waiters.append(waiting)
        waiting.asks.append(ask)
        return ask if new else None

    def land(self, ask: Ask, *, in_vain: bool = False) -> None:
        """The ask is over: answered, given up, or never called."""
        if self._asks[ask.lane].get(ask.key) is ask:
            del self._asks[ask.lane][ask.key]
            self.landed(ask, in_vain=in_vain)

    def asks(self) -> list[Ask]:
        """All of them, as they are now."""
        return [ask for asks in self._asks.values() for ask in asks.values()]

    def unwanted(self) -> list[Ask]:
        """The asks that nobody waits for any more: their tickets' partitions went away."""
        return [ask for asks in self._asks.values() for ask in asks.values() if not ask.wanted]

    def twin(self, ask: Ask) -> Ask | None:
        """The same text asked of the same model in the other lane."""
        other = Lane.BULK if ask.lane is Lane.URGENT else Lane.URGENT
        return self._asks[other].get(ask.key)
