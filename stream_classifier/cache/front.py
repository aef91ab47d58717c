"""The memory front: what is known, in this process, in under a microsecond.

cachetools' `TLRUCache` gives each entry its own expiry, which a read does not lengthen. Both limits,
entries and bytes, are held through one weight, in exact integers: an entry weighs its bytes times
`max_entries`, and at least `max_bytes`; the whole may weigh `max_bytes * max_entries`.
"""

from collections.abc import Callable

from cachetools import TLRUCache

from stream_classifier.core.known import Known

ENTRY_OVERHEAD_BYTES = 1_300
"""What an entry takes beyond its own strings: 530 bytes (measured) for key, objects and cachetools'
three tables, and about 700 for the part of an event that the caller may keep in it afterwards."""


class MemoryFront:
    """Least recently used entries go first; expired ones go as others come.

    `max_entries` and `max_bytes` are both upper limits; `clock` gives unix seconds.
    """

    def __init__(self, max_entries: int, max_bytes: int, clock: Callable[[], float]) -> None:
        self._max_entries = max_entries
        self._entries: TLRUCache[bytes, Known] = TLRUCache(
            maxsize=max_entries * max_bytes,
            ttu=_expires_at,
            timer=clock,
            getsizeof=lambda known: max(size_bytes(known) * max_entries, max_bytes),
        )

    def get(self, key: bytes) -> Known | None:
        """The entry, if there is one that has not expired."""
        try:
            # Not `get()`: it looks every hit up twice.
            return self._entries[key]
        except KeyError:
            return None

    def put(self, key: bytes, known: Known) -> None:
        """Keep the entry until it expires or has to make room. One larger than the whole front, or
        expired already, is not kept; nor is an older one under its key."""
        try:
            self._entries[key] = known
        except ValueError:  # cachetools: larger than maxsize
            self._entries.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size_bytes(self) -> int:
        """Bytes held, a small entry counted as its share of `max_bytes`."""
        return int(self._entries.currsize) // self._max_entries


def size_bytes(known: Known) -> int:
    """About what an entry takes in memory. Model and digests are shared between entries."""
    return ENTRY_OVERHEAD_BYTES + sum(map(len, known.labels))


def _expires_at(_key: bytes, known: Known, _now: float) -> float:
    return known.expires_at
