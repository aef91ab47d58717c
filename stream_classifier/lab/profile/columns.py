"""What is kept of every ticket: 25 bytes, in columns, so that a million of them fit into 25 MB."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntFlag
from itertools import pairwise

KEY_BITS = 60
"""Of a text's cache key. Among two million texts two share them by chance once in half a million profiles,
and Python needs a third less room for such a number than for one of 64 bits."""


class Trait(IntFlag):
    """What decides how a ticket is asked."""

    URGENT = 1
    ALONE = 2  # its text gives orders to the model
    EMPTY = 4  # there is no text to ask about


def _doubles() -> "array[float]":
    return array("d")


def _wide() -> "array[int]":
    return array("Q")


def _narrow() -> "array[int]":
    return array("I")


@dataclass(slots=True, kw_only=True)
class Tickets:
    """A column a fact, a place a ticket. `at` are unix seconds, `group` numbers the tenant where tenants are
    kept apart (else 0)."""

    at: "array[float]" = field(default_factory=_doubles)
    key: "array[int]" = field(default_factory=_wide)
    tokens: "array[int]" = field(default_factory=_narrow)
    group: "array[int]" = field(default_factory=_narrow)
    traits: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.key)

    def add(self, *, at: float, key: bytes, tokens: int, traits: Trait, group: int) -> int:
        """One more; returned is the short form of its key."""
        short = int.from_bytes(key[:8]) >> (64 - KEY_BITS)
        self.at.append(at)
        self.key.append(short)
        self.tokens.append(tokens)
        self.group.append(group)
        self.traits.append(traits)
        return short

    def in_order(self) -> "Tickets":
        """The same by time; itself where they are so already."""
        if all(earlier <= later for earlier, later in pairwise(self.at)):
            return self
        order = sorted(range(len(self)), key=self.at.__getitem__)
        return self._at_places(order)

    def timed(self, times: "array[float]") -> "Tickets":
        """The same tickets in their order, at other times."""
        return Tickets(at=times, key=self.key, tokens=self.tokens, group=self.group, traits=self.traits)

    def with_keys(self, keys: "array[int]") -> "Tickets":
        """The same tickets, with these in the place of their texts' keys."""
        return Tickets(at=self.at, key=keys, tokens=self.tokens, group=self.group, traits=self.traits)

    def _at_places(self, places: Sequence[int]) -> "Tickets":
        return Tickets(
            at=array("d", map(self.at.__getitem__, places)),
            key=array("Q", map(self.key.__getitem__, places)),
            tokens=array("I", map(self.tokens.__getitem__, places)),
            group=array("I", map(self.group.__getitem__, places)),
            traits=bytearray(map(self.traits.__getitem__, places)),
        )
