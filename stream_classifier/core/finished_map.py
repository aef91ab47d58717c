"""The finished offsets beyond a commit's position, as text that travels in the commit's metadata.

Form: `sc1 <position> <check> <payload>`. The payload is the unpadded URL-safe base64 of LEB128 numbers:
lengths of runs from the position on, unfinished and finished in turn. Long runs (a storm answered from
the cache behind one slow call) and sparse single ones (urgent tickets far ahead of bulk) are both short.

Rules
-----
* Never skip: a map is believed only at the very topic, partition and position that it was written for.
  Tools that copy offsets between clusters copy the metadata too; an offset there means another record.
* The check covers version, topic, partition, position and payload. Damaged, newer or foreign text reads
  as no map, and its records are labelled again: a repeat, never a loss.

What it holds at worst: a finished record between two unfinished ones costs two bytes (three where the
gap is longer than 127), so 4,096 characters hold about 1,500 (1,000) single ones.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Sequence
from hashlib import sha256

from stream_classifier.core.ledger import Run

VERSION = "sc1"
MAX_CHARS = 4096  # the broker's default `offset.metadata.max.bytes`
CHECK_CHARS = 12  # 48 bits: chance agreement is one in 10^14


def encode(topic: str, partition: int, position: int, runs: Iterable[Run]) -> tuple[str, bool]:
    """The map's text, and whether it holds all runs.

    The text is empty where nothing is finished beyond the position. Where not all runs fit, the first
    ones are kept: the rest would repeat after a restart, so nothing more may be taken from the
    partition until they fit.
    """
    head = f"{VERSION} {position} "
    room = (MAX_CHARS - len(head) - CHECK_CHARS - 1) * 3 // 4
    numbers, whole = _packed(position, runs, room)
    if not numbers:
        return "", whole
    payload = urlsafe_b64encode(numbers).rstrip(b"=").decode()
    return f"{head}{_check(topic, partition, position, payload)} {payload}", whole


def decode(topic: str, partition: int, position: int, text: str | None) -> tuple[Run, ...]:
    """The finished runs beyond `position`; none where the text is not a map for this very place."""
    parts = (text or "").split(" ")
    if len(parts) != 4 or parts[0] != VERSION or parts[1] != str(position):
        return ()
    if parts[2] != _check(topic, partition, position, parts[3]):
        return ()
    try:
        numbers = _numbers(urlsafe_b64decode(parts[3] + "=" * (-len(parts[3]) % 4)))
    except (Base64Error, ValueError):
        return ()
    return _runs(position, numbers)


def _packed(position: int, runs: Iterable[Run], room: int) -> tuple[bytearray, bool]:
    numbers = bytearray()
    at = position
    for first, end in runs:
        pair = bytearray()
        _put(pair, first - at)
        _put(pair, end - first)
        if len(numbers) + len(pair) > room:
            return numbers, False
        numbers += pair
        at = end
    return numbers, True


def _runs(position: int, numbers: Sequence[int]) -> tuple[Run, ...]:
    runs = []
    at = position
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        runs.append((at + gap, at + gap + length))
        at += gap + length
    return tuple(runs)


def _check(topic: str, partition: int, position: int, payload: str) -> str:
    covered = f"{VERSION}|{topic}|{partition}|{position}|{payload}"
    return sha256(covered.encode()).hexdigest()[:CHECK_CHARS]


def _put(numbers: bytearray, value: int) -> None:
    while value > 0x7F:
        numbers.append(value & 0x7F | 0x80)
        value >>= 7
    numbers.append(value)


def _numbers(data: bytes) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
    return numbers
