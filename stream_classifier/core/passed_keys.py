"""Which keys stand unread before an offset: of the records that a look ahead has passed.

An urgent record that is found far ahead may have the key of one that nobody has read yet. Then it overtakes
it, and its event says so. To remember every key would take memory that grows with the backlog; so each block
of keys is a Bloom filter. It never forgets a key. It may take one for another: then an event says `overtook`
where it only might have.

| keys passed | memory | taken for another |
| --- | --- | --- |
| 65,536 | 128 KiB | 0.5 % |
| 524,288 | 1 MiB | 4 % |
| a million more | the same | nearly all |
"""

from dataclasses import dataclass, field

BLOCK_KEYS = 1 << 16
BITS = 1 << 20  # a block's: 16 a key
MAX_BLOCKS = 8  # of a partition; what comes after them goes into the last one
PLACE_BITS = 20  # of a hash's 64, for each of its three bits


@dataclass(slots=True)
class _Block:
    end: int = 0  # one past the last offset that is noted here
    keys: int = 0
    bits: bytearray = field(default_factory=lambda: bytearray(BITS // 8))

    def note(self, offset: int, key: bytes) -> None:
        self.end = offset + 1
        self.keys += 1
        for place in _places(key):
            self.bits[place >> 3] |= 1 << (place & 7)

    def may_hold(self, key: bytes) -> bool:
        return all(self.bits[place >> 3] & 1 << (place & 7) for place in _places(key))


@dataclass(slots=True)
class PassedKeys:
    """Those of one partition."""

    _blocks: list[_Block] = field(default_factory=list)

    def note(self, offset: int, key: bytes) -> None:
        """The record at this offset was passed. Offsets ascend."""
        full = not self._blocks or self._blocks[-1].keys >= BLOCK_KEYS
        if full and len(self._blocks) < MAX_BLOCKS:
            self._blocks.append(_Block())
        self._blocks[-1].note(offset, key)

    def may_stand(self, key: bytes, read_to: int) -> bool:
        """Whether a record of this key was passed that may still be unread, where all before `read_to` is
        read."""
        while self._blocks and self._blocks[0].end <= read_to:
            del self._blocks[0]
        return any(block.may_hold(key) for block in self._blocks)


def _places(key: bytes) -> tuple[int, int, int]:
    mask = BITS - 1
    mixed = hash(key)
    return mixed & mask, mixed >> PLACE_BITS & mask, mixed >> 2 * PLACE_BITS & mask
