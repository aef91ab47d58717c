"""What is remembered of tickets: in this process, and behind it in a store that outlives it, where there is
one. When it is believed stands in `core/updates.py`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core.memo import Memo
from stream_classifier.core.updates import (
    KEPT_S,
    Last,
    Note,
    TicketName,
    Trust,
    decode_last,
    decode_trust,
    encode_last,
    encode_trust,
    partition_key,
    ticket_key,
)

FRONT_TICKETS = 50_000
"""Tickets remembered in this process: as many as may be in flight, so that those of a backlog are here."""
FRONT_BYTES = 24 << 20
ENTRY_BYTES = 400  # about: name, revision, state, and their objects


class Store(Protocol):
    """Where notes outlive the process."""

    @property
    def notes_lost(self) -> int:
        """How many notes were given up so far."""

    async def recall(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes] | None:
        """What is kept under these keys, within the cache's own time limit; None where it cannot be had."""

    def remember(self, notes: Mapping[bytes, Note]) -> None:
        """Keep these, in this order, without waiting."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What a store said: of tickets, and by their numbers of partitions."""

    last: Mapping[TicketName, Last]
    trust: Mapping[int, Trust]


@dataclass(slots=True, kw_only=True)
class TicketMemory:
    """Tickets by name. `stream` is what the store's keys begin with; `clock` gives unix seconds."""

    store: Store | None
    stream: bytes
    clock: Callable[[], float]
    _front: Memo[TicketName, Last] = field(init=False)
    _lost: int = 0

    def __post_init__(self) -> None:
        self.forget()

    def now_ms(self) -> int:
        """The time of day, in milliseconds since the epoch."""
        return round(self.clock() * 1000)

    def last(self, name: TicketName) -> Last | None:
        """What this process remembers of the ticket."""
        return self._front.get(name)

    def learn(self, name: TicketName, last: Last) -> None:
        """Remember this here."""
        self._front.put(name, last, ENTRY_BYTES)

    def forget(self) -> None:
        """Forget what this process remembers; the store's is looked up anew."""
        self._front = Memo(max_entries=FRONT_TICKETS, max_bytes=FRONT_BYTES)

    def keep(self, name: TicketName, last: Last) -> None:
        """Write this to the store, if there is one."""
        if self.store is not None:
            self.store.remember({ticket_key(self.stream, name): self._note(encode_last(last))})

    def keep_trust(self, number: int, trust: Trust) -> None:
        """Write, after all that waits to be written, up to which commit it is complete."""
        if self.store is not None:
            self.store.remember({partition_key(self.stream, number): self._note(encode_trust(trust))})

    def newly_lost(self) -> bool:
        """Whether the store had to give up anything since this was asked last. It may be anybody's last
        event."""
        lost = 0 if self.store is None else self.store.notes_lost
        newly, self._lost = lost != self._lost, lost
        return newly

    async def recall(self, names: Collection[TicketName], numbers: Collection[int]) -> Recalled | None:
        """What the store remembers of these tickets and partitions; None where it cannot be had."""
        if self.store is None:
            return None
        tickets = {ticket_key(self.stream, name): name for name in names}
        partitions = {partition_key(self.stream, number): number for number in numbers}
        found = await self.store.recall([*tickets, *partitions])
        if found is None:
            return None
        last = {name: decode_last(found.get(key)) for key, name in tickets.items()}
        trust = {number: decode_trust(found.get(key)) for key, number in partitions.items()}
        return Recalled(
            last={name: one for name, one in last.items() if one is not None},
            trust={number: one for number, one in trust.items() if one is not None},
        )

    def _note(self, value: bytes) -> Note:
        now_ms = self.now_ms()
        return Note(value=value, at_ms=now_ms, expires_at=now_ms / 1000 + KEPT_S)
