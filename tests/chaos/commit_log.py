"""Kafka's own log of commits, read as a topic: every commit that the group ever made, and when.

To ask the coordinator now and then would see some of them only. The format is internal to Kafka and old;
a version that is not known ends the run.
"""

import struct
from dataclasses import dataclass

COMMITS_TOPIC = "__consumer_offsets"
OFFSET_KEYS = (0, 1)  # versions of a key that stands for a commit; other versions are of groups
LONG_TEXTS = 3  # the version of a value whose texts have two bytes of length: of brokers from 2.1 on
COMPACT_TEXTS = 4  # the version whose texts have a varint, one more than the length: of brokers from 4.1 on
METADATA_AT = 14  # behind version, position and the leader's epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitKey:
    """Whose commit it is, and for what."""

    group: str
    topic: str
    partition: int


def read_key(key: bytes) -> CommitKey | None:
    """The key of a record of the log; None where it does not stand for a commit."""
    [version] = struct.unpack_from(">h", key)
    if version not in OFFSET_KEYS:
        return None
    group, at = _text(key, 2)
    topic, at = _text(key, at)
    [partition] = struct.unpack_from(">i", key, at)
    return CommitKey(group=group, topic=topic, partition=partition)


def read_value(value: bytes) -> tuple[int, str]:
    """Position and metadata. Raises ValueError for a version that is not known."""
    version, position, _ = struct.unpack_from(">hqi", value)
    if version == LONG_TEXTS:
        return position, _text(value, METADATA_AT)[0]
    if version == COMPACT_TEXTS:
        return position, _compact_text(value, METADATA_AT)
    raise ValueError(
        f"The broker writes commits in version {version}; {LONG_TEXTS} and {COMPACT_TEXTS} are known."
    )


def _text(data: bytes, at: int) -> tuple[str, int]:
    [size] = struct.unpack_from(">h", data, at)
    return data[at + 2 : at + 2 + size].decode(), at + 2 + size


def _compact_text(data: bytes, at: int) -> str:
    size = shift = 0
    while True:
        size |= (data[at] & 0x7F) << shift
        at, shift, last = at + 1, shift + 7, data[at] < 0x80
        if last:
            return data[at : at + size - 1].decode()
