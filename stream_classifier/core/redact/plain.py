"""A text with what looks like an ASCII digit, blank, dash or letter told as one.

Rules
-----
* Character by character: the result has the text's length, so that a find in it is a place in the text.
* Only for finding. What the model sees keeps its own characters.
* Invisible characters are not seen to here: `core.text.clean` has taken them out.
"""

import re

_ZEROS = (  # decimal digits of the scripts that people write numbers in; Unicode has each row in order
    *(0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66),
    *(0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10),
    *range(0x1D7CE, 0x1D800, 10),  # bold, double-struck, sans-serif, monospace: mathematical styles
)
_BLANKS = (0x09, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)
_DASHES = (*range(0x2010, 0x2016), 0x2212, 0xFE58, 0xFE63)
_FULL_WIDTH = range(0xFF01, 0xFF5F)  # of all printable ASCII
_TO_ASCII = 0xFEE0

_PLAIN = (
    {zero + digit: 0x30 + digit for zero in _ZEROS for digit in range(10)}
    | {code: code - _TO_ASCII for code in _FULL_WIDTH}
    | dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_DASHES, "-")
    | {0x2024: ".", 0xFE52: ".", 0xFE6B: "@"}
)
_LOOKALIKE = re.compile(f"[{re.escape(''.join(map(chr, _PLAIN)))}]")


def plain(text: str) -> str:
    """The same characters, as plain as they can be; of the same length."""
    if text.isascii():
        return text.replace("\t", " ")
    return text.translate(_PLAIN) if _LOOKALIKE.search(text) else text


def small(text: str) -> str:
    """In small letters; of the same length, which `lower` gives to all but the Turkish capital dotted I."""
    return text.replace("\u0130", "i").lower()
