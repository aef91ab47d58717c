"""Single-flight between replicas: what this one has leased, and what waits for another's answer.

Rules
-----
* A lease says under a replica's name: "I am asking this text". It holds for as long as the name does, which
  its replica renews every `RENEW_S` for `LEASE_S`: one renewal for all of its leases. So a replica that dies
  delays the others by `LEASE_S` at most, however much it was asking.
* A name that could not be renewed for `LEASE_S`, or of which it is not known what was claimed under it, is
  never used again: others may have gone on without it, and nothing may wait for what nobody asks.
* A lease is given back when its text's ask has ended, and not before an answer is stored: whoever waits
  finds the answer first. Where no answer came, that is left in its place for a moment, so that those who
  wait ask side by side and not one after the other.
* Nobody waits for longer than `patience_s`: a replica that needs more is itself in trouble.
* Losing a lease costs a second call for the same text and nothing else; so wherever something is in doubt,
  there is no lease, and the text is asked at once.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

from stream_classifier.core.known import Known

LEASE_S = 5.0
"""How long a name lasts: long enough for two renewals to be lost, and short to whoever waits for a dead
replica's answer."""
RENEW_S = 2.0
POLL_S = 0.25
"""How often those who wait look: an answer takes a second or more to come, and one look serves all."""

Ticket = TypeVar("Ticket")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What came of claiming texts: those whose answer is known, those that another replica is asking, and
    those that were leased. The others are to be asked without a lease."""

    known: Mapping[bytes, Known] = field(default_factory=dict)
    elsewhere: Collection[bytes] = ()
    leased: Collection[bytes] = ()


@dataclass(slots=True)
class Leaseholder:
    """This replica's leases. `new_name` gives a name that nobody else has; `now` is the loop's clock."""

    new_name: Callable[[], str]
    _name: str = field(init=False)
    _renewed_at: float | None = None  # None: nothing was claimed under this name yet
    _held: set[bytes] = field(default_factory=set)
    _ended: dict[bytes, bool] = field(default_factory=dict)  # to give back; True: asked in vain

    def __post_init__(self) -> None:
        self._name = self.new_name()

    def __len__(self) -> int:
        return len(self._held)

    def name(self, now: float) -> str:
        """The name to claim and renew under."""
        if self._renewed_at is not None and now - self._renewed_at >= LEASE_S:
            self.lose()
        return self._name

    def renewed(self, name: str, sent_at: float) -> None:
        """The name is good for `LEASE_S` from when its renewal, or a claim under it, was sent."""
        if name == self._name:
            self._renewed_at = max(sent_at, self._renewed_at or sent_at)

    def claimed(self, name: str, keys: Collection[bytes]) -> None:
        """These are leased now."""
        if name == self._name:
            self._held.update(keys)
            for key in keys:
                self._ended.pop(key, None)

    def end(self, key: bytes, *, in_vain: bool) -> None:
        """The text is not asked any more; `in_vain`: it was, and there is no answer that would serve."""
        if key in self._held:
            self._held.discard(key)
            self._ended[key] = in_vain

    def give_back(self, unwritten: Callable[[bytes], bool], limit: int) -> dict[bytes, bool]:
        """At most so many leases whose texts have ended, with whether they were asked in vain; but none
        whose answer is not stored yet. They count as given back: where that fails, the name is lost."""
        free = (key for key in self._ended if not unwritten(key))
        return {key: self._ended.pop(key) for key in list(islice(free, limit))}

    def renewal_due(self, now: float) -> bool:
        """Whether there is something to keep, and it is time."""
        some = bool(self._held or self._ended)
        return some and (self._renewed_at is None or now - self._renewed_at >= RENEW_S)

    def lose(self) -> None:
        """Begin anew under another name: nothing that was leased is any more."""
        self._name, self._renewed_at = self.new_name(), None
        self._held.clear()
        self._ended.clear()


@dataclass(slots=True, eq=False)
class _Wait(Generic[Ticket]):
    tickets: list[Ticket]
    since: float | None = None  # when another replica was first found to be asking


@dataclass(slots=True)
class WaitingRoom(Generic[Ticket]):
    """Texts by key, with the tickets that bring them, from their first look-up until they are known or to be
    asked here. A text is new, or waits for its next look, or is just being looked up."""

    patience_s: float
    _waits: dict[bytes, _Wait[Ticket]] = field(default_factory=dict)
    _new: dict[bytes, None] = field(default_factory=dict)
    _due_at: dict[bytes, float] = field(default_factory=dict)  # in the order of their times

    def __len__(self) -> int:
        """How many texts wait for another replica."""
        return len(self._due_at)

    def add(self, key: bytes, ticket: Ticket) -> None:
        """A ticket has come; of a text that is here already, it waits with the others."""
        wait = self._waits.get(key)
        if wait is None:
            self._waits[key] = _Wait([ticket])
            self._new[key] = None
        else:
            wait.tickets.append(ticket)

    def next_look_at(self) -> float | None:
        """When the next text is to be looked up; 0 for now, None where there is none."""
        return 0.0 if self._new else next(iter(self._due_at.values()), None)

    def due(self, now: float, limit: int) -> list[bytes]:
        """At most so many texts to look up now: of those that wait no more than half, so that neither they
        nor the new ones stand before the others."""
        waiting: list[bytes] = []
        for key, due_at in self._due_at.items():
            if due_at > now or len(waiting) >= max(1, limit // 2):
                break
            waiting.append(key)
        for key in waiting:
            del self._due_at[key]
        new = list(self._new)[: limit - len(waiting)]
        for key in new:
            del self._new[key]
        return waiting + new

    def tickets(self, key: bytes) -> list[Ticket]:
        """Those that bring this text."""
        return self._waits[key].tickets

    def may_wait(self, key: bytes, now: float) -> bool:
        """Another replica is asking: whether to look again later. False where patience has ended."""
        wait = self._waits[key]
        if wait.since is None:
            wait.since = now
        if now - wait.since >= self.patience_s:
            return False
        self._due_at[key] = now + POLL_S
        return True

    def waited(self, key: bytes) -> bool:
        """Whether the text had to wait for another replica."""
        return self._waits[key].since is not None

    def leave(self, key: bytes) -> list[Ticket]:
        """The text is known, or asked here: its tickets go on."""
        return self._waits.pop(key).tickets
