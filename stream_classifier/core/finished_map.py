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

* Room is kept for the longest position, whatever the position is. So a map that fits goes on to fit when
  nothing happens but that the record at the position is finished: its numbers grow no more, and there are
  fewer of them. Exactly-once rests on that (`kafka/transactions.py`).

What it holds (the first number that does not fit ends the map):

| finished runs | bytes each | runs held |
| --- | --- | --- |
| one after another, gaps and lengths up to 127 | 2 | 1,522 |
| one of the two numbers longer, up to 16,383 | 3 | 1,014 |
| both longer, up to 2,097,151 | 6 | 507 |

So at worst, with every second record finished, it reaches 3,044 records beyond the position; behind one
slow call, however far: a run of 10^12 is 38 characters.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

from stream_classifier.core.ledger import Run

Mark = tuple[int, str]
"""What a commit says of a partition: its position (-1: nothing was committed), and the map's text."""

VERSION = "sc1"
MAX_CHARS = 4096  # the broker's default `offset.metadata.max.bytes`
CHECK_CHARS = 12  # 48 bits: chance agreement is one in 10^14
HEAD_CHARS = len(f"{VERSION} {2**63 - 1} {CHECK_CHARS * '0'} ")  # with the longest position


def encode(
    topic: str, partition: int, position: int, runs: Iterable[Run], max_chars: int = MAX_CHARS
) -> tuple[str, bool]:
    """The map's text of at most `max_chars`, and whether it holds all runs.

    The text is empty where nothing is finished beyond the position. Where not all runs fit, the first
    ones are kept: the rest would repeat after a restart, so nothing more may be taken from the
    partition until they fit.
    """
    room = (max_chars - HEAD_CHARS) * 3 // 4
    numbers, whole = _packed(position, runs, room)
    if not numbers:
        return "", whole
    payload = urlsafe_b64encode(numbers).rstrip(b"=").decode()
    return f"{VERSION} {position} {_check(topic, partition, position, payload)} {payload}", whole


def decode(topic: str, partition: int, position: int, text: str | None) -> tuple[Run, ...]:
    """The finished runs beyond `position`; none where the text is not a map for this very place."""
    parts = (text or "").split(" ")
    if len(parts) != 4 or parts[:2] != [VERSION, str(position)] or not parts[3].isascii():
        return ()
    if parts[2] != _check(topic, partition, position, parts[3]):
        return ()
    try:
        return _runs(position, _numbers(urlsafe_b64decode(parts[3] + "=" * (-len(parts[3]) % 4))))
    except ValueError:  # base64's own error is one too
        return ()


def _packed(position: int, runs: Iterable[Run], room: int) -> tuple[bytearray, bool]:
    numbers = bytearray()
    at = position
    for first, end in runs:
        size = len(numbers)
        _put(numbers, first - at)
        _put(numbers, end - first)
        if len(numbers) > room:
            del numbers[size:]
            return numbers, False
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
