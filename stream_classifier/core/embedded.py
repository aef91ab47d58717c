"""Files within a text, as base64: taken out, with a mark in their place.

Rules
-----
* A data URI goes, and so do lines of base64 as mail has them, and a single run that is too long for a key,
  a token or a path.
* Base64 is told from words by what it holds: small and capital letters and figures.
* Keys and certificates (PEM) stay. They are what the ticket is about, or a secret: masking them is
  `ticket.redact`'s.
* The mark says how much is gone in whole KB, so that texts that differ in no more than that are one text.
* Each expression begins where a run begins, and never goes back: the work is linear.
"""

import re

MIN_LINES = 4  # the last may be short
MIN_LINE_CHARS = 60  # mail has 76, PEM 64
MIN_RUN_CHARS = 400  # a token of a session may have 300, and is for `ticket.redact`
_LOOKED_AT_CHARS = 400  # of a run, to tell base64 from words

IMAGE_MARK = "[image left out]"

_DATA_URI = re.compile(
    r"data:([a-zA-Z]{1,20}/)?[\w.+-]{0,100}(?:;[\w.=-]{1,100}){0,3};base64,[A-Za-z0-9+/=_%-]*+"
)
_LINE = rf"[A-Za-z0-9+/]{{{MIN_LINE_CHARS},}}+\r?\n"
_LAST_LINE = r"(?:[A-Za-z0-9+/]{16,}+={0,2}|[A-Za-z0-9+/]++={1,2})\r?\n"  # a short one may be a word
_LINES = re.compile(rf"\n((?:{_LINE}){{{MIN_LINES - 1},}}+(?:{_LAST_LINE})?)")
_RUN = re.compile(rf"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{{{MIN_RUN_CHARS},}}+={{0,2}})")
# Whatever is long enough to go holds a whole block between two multiples of its length: a few looks at a text
# tell almost every one that needs no search.
_BLOCK_CHARS = MIN_LINE_CHARS * (MIN_LINES - 1) // 2
_BLOCK = re.compile(rf"[A-Za-z0-9+/\r\n]{{{_BLOCK_CHARS}}}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----\s{0,2}(?:[^\n]{0,100}\n){0,4}$")
_PEM_HEAD_CHARS = 500
_ONLY_MARKS = re.compile(r"(?:\[(?:image|\d+ KB of base64) left out\]|[\s()!\[\]<>])*")


def without_embedded(text: str) -> str:
    """The text with marks in the place of files."""
    if ";base64," in text:
        text = _DATA_URI.sub(_uri_mark, text)
    if len(text) < MIN_LINES * MIN_LINE_CHARS:
        return text
    if not _holds_a_block(text):
        return text
    if "\n" in text:
        text = _LINES.sub(_lines_mark, f"\n{text}\n")[1:-1]
    return _RUN.sub(_run_mark, text)


def _holds_a_block(text: str) -> bool:
    start = _past_words(text)
    for block in range(start, len(text) - _BLOCK_CHARS + 1, _BLOCK_CHARS):
        # Of words a block has a blank, and to look for that costs a third.
        if text.find(" ", block, block + _BLOCK_CHARS) < 0 and _BLOCK.match(text, block):
            return True
    return False


def _past_words(text: str) -> int:
    """Where the first run without a blank begins that is long enough to hold two blocks; the text's end where
    there is none. From a run's beginning on blocks are counted, so one of the two is whole."""
    start, chars = 0, len(text)
    while chars - start >= 2 * _BLOCK_CHARS:
        last_blank = text.rfind(" ", start, start + 2 * _BLOCK_CHARS)
        if last_blank < 0:
            return start
        start = last_blank + 1
    return chars


def without_data(source: str) -> str:
    """HTML with data URIs emptied, so that what is looked at of it is not used up by pictures."""
    return _DATA_URI.sub("data:,", source) if ";base64," in source else source


def is_only_marks(text: str) -> bool:
    """Whether nothing was there but files."""
    return _ONLY_MARKS.fullmatch(text) is not None


def _uri_mark(found: re.Match[str]) -> str:
    return IMAGE_MARK if found[1] == "image/" else _size_mark(len(found[0]))


def _lines_mark(found: re.Match[str]) -> str:
    return f"\n{_size_mark(len(found[1]))}\n" if _is_file(found) else found[0]


def _run_mark(found: re.Match[str]) -> str:
    return _size_mark(len(found[1])) if _is_file(found) else found[0]


def _is_file(found: re.Match[str]) -> bool:
    start = found[1][:_LOOKED_AT_CHARS]
    mixed = any(c.isdigit() for c in start) and not start.islower() and not start.isupper()
    before = found.string[max(0, found.start(1) - _PEM_HEAD_CHARS) : found.start(1)]
    return mixed and not _PEM.search(before)


def _size_mark(chars: int) -> str:
    return f"[{max(1, round(chars / 1000))} KB of base64 left out]"
