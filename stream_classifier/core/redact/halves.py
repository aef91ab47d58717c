"""Where a text was not read on, what stands beside the gap may be half of something that would be masked.

No pattern knows a half, so it is still there when the text is masked. Then the last characters before the gap
and the first behind it are left out, to the end of the word that they are in; and behind it, too, what looks
like the lines of a key.
"""

import re

BESIDE_CHARS = 256
"""The longest of what holds blanks: a quoted password has 200 at most. Tokens hold none, and are one word."""

_KEY_LINES = re.compile(r"\s*+(?:[A-Za-z0-9+/=]{40,}+\s++)*+")


def without_halves(text: str, mark: str) -> str:
    """A masked text without what stands beside each `mark`, which tells of a gap."""
    parts = text.split(mark)
    if len(parts) == 1:
        return text
    first, *middle, last = parts
    return mark.join((_without_end(first), *map(_without_both, middle), _without_start(last)))


def _without_both(part: str) -> str:
    return _without_end(_without_start(part))


def _without_end(part: str) -> str:
    end = max(len(part) - BESIDE_CHARS, 0)
    while end and not part[end - 1].isspace():
        end -= 1
    return f"{part[:end]}\n"


def _without_start(part: str) -> str:
    if not part:  # the mark ends the text
        return part
    start = min(BESIDE_CHARS, len(part))
    while start < len(part) and not part[start].isspace():
        start += 1
    lines = _KEY_LINES.match(part, start)
    return f"\n{part[lines.end() if lines else start :]}"
