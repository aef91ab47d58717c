"""Which tickets are urgent, by rules that a person can read.

A keyword matches whole words, in any script and without regard to case, white space or the kind of
apostrophe: text and keywords are folded alike (`core/text.py`). A word ends where the next character is
neither letter, digit, combining mark nor underscore. Scripts that do not part their words with blanks
(Chinese, Japanese, Thai, Lao, Khmer, Burmese), and Korean, which hangs its particles onto the word, have
no such edge: there the keyword matches wherever it stands.

There is no regular expression here. A search for the bare string is twenty times cheaper on a text
without the keyword, which nearly all are, and the two neighbours of a hit are then quickly looked at.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache

from stream_classifier.core.text import fold
from stream_classifier.core.ticket import Ticket

# First and last code point of each block without edges between words, in ascending order.
_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # CJK radicals, kana, Hangul compatibility Jamo, ideographs
    (0xA960, 0xA97F),  # Hangul Jamo, extended
    (0xAC00, 0xD7FF),  # Hangul syllables
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0xFF66, 0xFFDC),  # halfwidth kana and Hangul
    (0x1B000, 0x1B16F),  # kana, extended
    (0x20000, 0x3FFFF),  # rarer ideographs
)
PLAIN_NAMES = 1024  # priorities and tags are a few words, met in nearly every record
_STARTS = tuple(first for first, _ in _UNSPACED)


class Triage:
    """The urgent lane's rules; any match makes a ticket urgent.

    Priorities, keywords and tags are compared without case. Tenants are identifiers and compared as
    they are.
    """

    def __init__(
        self,
        priorities: Iterable[str],
        keywords: Iterable[str] = (),
        tags: Iterable[str] = (),
        tenants: Iterable[str] = (),
    ) -> None:
        self._priorities = {_plain(name): f"priority {name}" for name in priorities}
        self._keywords = tuple((folded, word) for word in keywords if (folded := fold(word)))
        self._tags = {_plain(name): f"tag {name}" for name in tags}
        self._tenants = {name: f"tenant {name}" for name in tenants}

    @property
    def has_keywords(self) -> bool:
        """Whether a ticket's text matters."""
        return bool(self._keywords)

    def keyword_in(self, text: str) -> str | None:
        """The first keyword, in the order of the settings and as written there, that the text holds.

        Linear in the text for each keyword, and dear beside `rule`: keep the result by the text.
        """
        if not self._keywords:
            return None
        folded = fold(text)
        return next((word for keyword, word in self._keywords if _holds(folded, keyword)), None)

    def rule(self, ticket: Ticket, keyword: str | None) -> str | None:
        """The rule that makes the ticket urgent, as `priority urgent`; None for the bulk lane.

        `keyword` is what `keyword_in` found in its text.
        """
        if ticket.priority is not None and (rule := self._priorities.get(_plain(ticket.priority))):
            return rule
        if keyword is not None:
            return f"keyword {keyword}"
        if self._tags and (rule := self._tag_rule(ticket.tags)):
            return rule
        return self._tenants.get(ticket.tenant) if ticket.tenant is not None else None

    def _tag_rule(self, tags: tuple[str, ...]) -> str | None:
        return next((rule for tag in tags if (rule := self._tags.get(_plain(tag)))), None)


@lru_cache(PLAIN_NAMES)
def _plain(name: str) -> str:
    return name.strip().casefold()


def _holds(text: str, word: str) -> bool:
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        if not _joined(text[start - 1 : start], word[0]) and not _joined(word[-1], text[end : end + 1]):
            return True
        start = text.find(word, start + 1)
    return False


def _joined(before: str, after: str) -> bool:
    """True where two neighbouring characters stand within one word; either may be empty."""
    return _of_a_spaced_word(before) and _of_a_spaced_word(after)


def _of_a_spaced_word(char: str) -> bool:
    if not char or not (char.isalnum() or char == "_" or unicodedata.category(char).startswith("M")):
        return False
    block = bisect_right(_STARTS, ord(char)) - 1
    return block < 0 or ord(char) > _UNSPACED[block][1]
