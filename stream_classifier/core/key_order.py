"""Two events with the same key are published in the order they came (promise 5).

Rules
-----
* A chain holds, for one key, the entries that are not published yet, in delivery order. A key with
  nothing unpublished has no chain: the hot path pays one dictionary look-up.
* An entry is let out when it is answered and nothing stands before it. One answer may let out several.
* An entry that may wait no longer overtakes: it leaves its chain out of turn, and its event says so.
* Records without a key have no order, and never come here.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

E = TypeVar("E")

Chain: TypeAlias = deque[E] | list[E]
"""A list where one entry stands alone, as most do: a deque takes 760 bytes."""


@dataclass(slots=True)
class KeyOrder(Generic[E]):
    """The order of one partition. `E` is compared by identity."""

    chains: dict[bytes, Chain[E]] = field(
        default_factory=dict
    )  # by key; others only look whether one is there
    _answered: set[int] = field(default_factory=set)  # id() of entries that wait for their turn

    def __len__(self) -> int:
        return sum(len(chain) for chain in self.chains.values())

    def enter(self, key: bytes, entry: E) -> None:
        """A record of this key was delivered and waits for its answer."""
        chain = self.chains.get(key)
        if chain is None:
            self.chains[key] = [entry]
        elif isinstance(chain, list):
            self.chains[key] = deque((*chain, entry))
        else:
            chain.append(entry)

    def before(self, key: bytes, entry: E) -> list[E]:
        """The unanswered entries that stand before this one, oldest first."""
        ahead: list[E] = []
        for other in self.chains.get(key, ()):
            if other is entry:
                break
            if id(other) not in self._answered:
                ahead.append(other)
        return ahead

    def answered(self, key: bytes, entry: E) -> list[E]:
        """This entry has its answer: those that may be published now, in order. Empty where it must
        wait for an earlier one."""
        self._answered.add(id(entry))
        return self._release(key)

    def overtake(self, key: bytes, entry: E) -> list[E]:
        """Take this entry out of turn. Returned are those that its going lets out, itself not among
        them: it is the caller's to publish first."""
        self.chains[key].remove(entry)
        self._answered.discard(id(entry))
        return self._release(key)

    def _release(self, key: bytes) -> list[E]:
        chain = self.chains[key]
        released: list[E] = []
        while chain and id(chain[0]) in self._answered:
            self._answered.discard(id(chain[0]))
            released.append(chain[0])
            del chain[0]
        if not chain:
            del self.chains[key]
        return released
