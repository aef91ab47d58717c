"""In which script a text is written, told by the Unicode blocks of its letters.

It is a script and not a language: Latin letters are English and Turkish alike. What it is good for is to know
what tokens will cost and whether triage keywords can match at all.
"""

import re
from bisect import bisect_right
from collections import Counter

HEAD_CHARS = 500  # of a long text: enough to tell, and bounded work
KANA_SHARE = 0.1  # Japanese is mostly Han characters in some texts, but never without kana

LATIN, HAN, KANA, JAPANESE, OTHER, NONE = "Latin", "Han", "Kana", "Japanese", "other", "no letters"

# First and last code point of each block (several are told as one), in ascending order.
_BLOCKS = (
    (0x00AA, 0x02AF, LATIN),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0530, 0x058F, "Armenian"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"),
    (0x08A0, 0x08FF, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0C00, 0x0C7F, "Telugu"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x10A0, 0x10FF, "Georgian"),
    (0x1100, 0x11FF, "Hangul"),
    (0x1E00, 0x1EFF, LATIN),
    (0x1F00, 0x1FFF, "Greek"),
    (0x2E80, 0x2FDF, HAN),
    (0x3040, 0x30FF, KANA),
    (0x3130, 0x318F, "Hangul"),
    (0x31F0, 0x31FF, KANA),
    (0x3400, 0x9FFF, HAN),
    (0xAC00, 0xD7FF, "Hangul"),
    (0xF900, 0xFAFF, HAN),
    (0xFB50, 0xFDFF, "Arabic"),
    (0xFE70, 0xFEFC, "Arabic"),
    (0xFF66, 0xFF9D, KANA),
    (0x20000, 0x3FFFF, HAN),
)
_STARTS = tuple(first for first, _, _ in _BLOCKS)
_ASCII_LETTER = re.compile(r"[A-Za-z]")
_FOREIGN_LETTER = re.compile(r"[^\W\d_A-Za-z]")


def script_of(text: str) -> str:
    """The script of most of its letters: `Latin`, `Cyrillic`, `Japanese`, ...; `other`, or `no letters`.

    Looks at the first `HEAD_CHARS` characters.
    """
    if text.isascii():
        return LATIN if _ASCII_LETTER.search(text) else NONE
    head = text[:HEAD_CHARS]
    counts = Counter(map(_block, _FOREIGN_LETTER.findall(head)))
    counts[LATIN] += len(_ASCII_LETTER.findall(head))
    if counts[KANA] and counts[KANA] >= KANA_SHARE * (counts[KANA] + counts[HAN]):
        counts[JAPANESE] = counts.pop(KANA) + counts.pop(HAN, 0)
    script, letters = counts.most_common(1)[0]
    return script if letters else NONE


def _block(letter: str) -> str:
    place = bisect_right(_STARTS, ord(letter)) - 1
    if place < 0:
        return OTHER
    _, last, name = _BLOCKS[place]
    return name if ord(letter) <= last else OTHER
