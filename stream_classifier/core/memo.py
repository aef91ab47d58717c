"""A bounded memo for what is dear to work out and cheap to work out again.

Two generations instead of a list of uses: entries are put into the young one; when that is full it
becomes the old one, and what was old is forgotten. An old entry that is asked for becomes young again,
so whatever is used once a generation stays.

Why not LRU: an LRU writes on every read, to move the entry to the end. Here a read that finds its
entry among the young costs one dictionary look-up and writes nothing, and on the hot path nearly every
read does. The price is that between one half and all of the bounds is in use, and that entries leave by
the thousand, not one by one; neither matters to a memo.
"""

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """At most `max_entries` entries of at most `max_bytes` together, by the sizes that are handed in.

    Not for values that may be None: it stands for "not here".
    """

    __slots__ = ("_bytes_each", "_entries_each", "_old", "_old_bytes", "_young", "_young_bytes")

    def __init__(self, *, max_entries: int, max_bytes: int) -> None:
        """Raises ValueError where a bound is too small to be halved."""
        if max_entries < 2 or max_bytes < 2:
            raise ValueError("a memo needs room for at least two entries and two bytes")
        self._entries_each = max_entries // 2
        self._bytes_each = max_bytes // 2
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}
        self._young_bytes = 0
        self._old_bytes = 0

    def get(self, key: K) -> V | None:
        """The value, or None where it is not (or no longer) here."""
        entry = self._young.get(key)
        return self._renewed(key) if entry is None else entry[0]

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Keep a value. One that is larger than half of `max_bytes` is not kept."""
        self._forget(key)
        if size_bytes > self._bytes_each:
            return
        if len(self._young) == self._entries_each or self._young_bytes + size_bytes > self._bytes_each:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0
        self._young[key] = (value, size_bytes)
        self._young_bytes += size_bytes

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def size_bytes(self) -> int:
        """The sizes of all entries together, as they were handed in."""
        return self._young_bytes + self._old_bytes

    def _renewed(self, key: K) -> V | None:
        entry = self._old.get(key)
        if entry is None:
            return None
        self.put(key, *entry)
        return entry[0]

    def _forget(self, key: K) -> None:
        if (entry := self._young.pop(key, None)) is not None:
            self._young_bytes -= entry[1]
        if (entry := self._old.pop(key, None)) is not None:
            self._old_bytes -= entry[1]
