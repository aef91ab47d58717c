"""What comes in, and what must come of it.

`made_records` writes records for the input topic; `expected` reads one back and says what the outcome must
be. The two share nothing but the format: the account rests on what is on the topic, not on what was meant.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import orjson

from stream_classifier.lab.simulator import rule_label

LABELS = ("bug", "feature", "other")

TOMBSTONES = 0.01
NOT_JSON = 0.01
ARRAYS = 0.01
URGENT = 0.1
REPEATED_TEXTS = 0.2
REMEMBERED = 200  # texts that a repeat is taken from: a second or two of the stream, so that flights join

BUSY_KEYS = 0.3
KEYS = 40  # that many tickets share: at 150 tickets/s each comes once a second, so several are on their way
NO_KEY = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """For the input topic."""

    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of a record: an event for each right label, or a dead letter; neither: passed over."""

    rights: tuple[str, ...] = ()
    dead: bool = False
    urgent: bool = False


def made_records(seed: int) -> Iterator[Record]:
    """An endless stream; the same seed gives the same bytes."""
    desk = _Desk(Random(f"tickets {seed}"))
    while True:
        yield desk.next_record()


def expected(value: bytes | None) -> Expected:
    """What must come of a record with this value."""
    if value is None:
        return Expected()
    try:
        read = orjson.loads(value)
    except orjson.JSONDecodeError:
        return Expected(dead=True)
    tickets = read if isinstance(read, list) else [read]
    return Expected(
        rights=tuple(rule_label(ticket["body"], LABELS) for ticket in tickets),
        urgent=any(ticket["priority"] == "urgent" for ticket in tickets),
    )


class _Desk:
    """The helpdesk as it goes."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._number = 0
        self._texts: deque[str] = deque(maxlen=REMEMBERED)

    def next_record(self) -> Record:
        draw = self._rng.random()
        key = self._key()
        if draw < TOMBSTONES:
            return Record(key=key or b"gone", value=None)
        if draw < TOMBSTONES + NOT_JSON:
            return Record(key=key, value=b'{"id": 17, "body": "cut o')
        if draw < TOMBSTONES + NOT_JSON + ARRAYS:
            tickets = [self._ticket() for _ in range(self._rng.randint(2, 4))]
            return Record(key=key, value=orjson.dumps(tickets))
        return Record(key=key, value=orjson.dumps(self._ticket()))

    def _key(self) -> bytes | None:
        draw = self._rng.random()
        if draw < NO_KEY:
            return None
        if draw < NO_KEY + BUSY_KEYS:
            return b"customer-%d" % self._rng.randrange(KEYS)
        return b"ticket-%d" % self._number

    def _ticket(self) -> dict[str, object]:
        self._number += 1
        priority = "urgent" if self._rng.random() < URGENT else "normal"
        return {"id": self._number, "body": self._text(), "priority": priority}

    def _text(self) -> str:
        if self._texts and self._rng.random() < REPEATED_TEXTS:
            return self._rng.choice(self._texts)
        self._texts.append(f"Nothing happens when I press button {self._number} on page {self._number % 97}.")
        return self._texts[-1]
