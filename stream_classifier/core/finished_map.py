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

* What was finished early, far beyond what was read (`core/ledger.py`), is held whatever else is left out. It
  may take two thirds of the room: the rest is for what finishes out of turn among what was read.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from hashlib import sha256
from itertools import accumulate, pairwise

from stream_classifier.core.runs import Run

Mark = tuple[int, str]
"""What a commit says of a partition: its position (-1: nothing was committed), and the map's text."""

VERSION = "sc1"
MAX_CHARS = 4096  # the broker's default `offset.metadata.max.bytes`
CHECK_CHARS = 12  # 48 bits: chance agreement is one in 10^14
HEAD_CHARS = len(f"{VERSION} {2**63 - 1} {CHECK_CHARS * '0'} ")  # with the longest position
EARLY_SHARE = 2 / 3  # some 670 records, each up to 16,383 after the last


def encode(
    topic: str,
    partition: int,
    position: int,
    runs: Iterable[Run],
    max_chars: int = MAX_CHARS,
    *,
    kept: Sequence[Run] = (),
) -> tuple[str, bool]:
    """The map's text of at most `max_chars`, and whether it holds all runs.

    The text is empty where nothing is finished beyond the position. Where not all runs fit, the first
    ones are held, and `kept`, which are a part of them: the rest would repeat after a restart, so nothing
    more may be taken from the partition until they fit.
    """
    room = _room(max_chars)
    held, whole = _fitting(position, runs, room)
    if not whole and kept:
        held = _beside(position, held, kept, room)
    if not held:
        return "", whole
    payload = urlsafe_b64encode(_packed(position, held)).rstrip(b"=").decode()
    return f"{VERSION} {position} {_check(topic, partition, position, payload)} {payload}", whole


def has_room(position: int, kept: Sequence[Run], max_chars: int = MAX_CHARS) -> bool:
    """Whether one more record may be taken early, where these runs are to be kept already."""
    return _fitting(position, kept, round(_room(max_chars) * EARLY_SHARE))[1]


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


def _room(max_chars: int) -> int:
    """How many bytes of numbers go into such a text."""
    return (max_chars - HEAD_CHARS) * 3 // 4


def _fitting(position: int, runs: Iterable[Run], room: int) -> tuple[list[Run], bool]:
    """The first runs, as many as go into so many bytes, and whether these are all."""
    fitting: list[Run] = []
    at, size = position, 0
    for run in runs:
        size += _size(at, run)
        if size > room:
            return fitting, False
        fitting.append(run)
        at = run[1]
    return fitting, True


def _beside(position: int, first_ones: Sequence[Run], kept: Sequence[Run], room: int) -> list[Run]:
    """As many of the first runs as leave room for those to be kept; all of them where none does."""
    ends = [end for _, end in kept]
    after = [_size(one[1], other) for one, other in pairwise(kept)]
    tails = [*accumulate(reversed(after), initial=0)][::-1]  # bytes of what follows each that is kept
    at = [position, *(end for _, end in first_ones)]
    heads = [*accumulate(map(_size, at, first_ones), initial=0)]
    for count in range(len(first_ones), -1, -1):
        rest = bisect_right(ends, at[count])
        size = heads[count] + (_size(at[count], kept[rest]) + tails[rest] if rest < len(kept) else 0)
        if size <= room:
            return [*first_ones[:count], *kept[rest:]]
    return list(first_ones)


def _packed(position: int, runs: Iterable[Run]) -> bytearray:
    numbers = bytearray()
    at = position
    for first, end in runs:
        _put(numbers, first - at)
        _put(numbers, end - first)
        at = end
    return numbers


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


def _size(at: int, run: Run) -> int:
    """The bytes of a run's two numbers, where the one before it ends at `at`."""
    first, end = run
    return (max((first - at).bit_length(), 1) + 6) // 7 + ((end - first).bit_length() + 6) // 7


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
