"""A ticket's text: as the model sees it, and as it is compared.

What the model sees is made in this order (docs/model-text.md): HTML to text, files out, the ends of a text
that is far too long, characters that nobody sees out, quoted history and signatures out, redacted, cut.

It holds no character that a person would not see: no control, zero-width, bidirectional or other invisible
formatting characters, which can hide orders or split words. Long text is cut in the middle: the beginning
says what it is about, the end often holds the error.

Two texts that are the same after `normalise` get the same labels for the price of one. So it may only
fold what never changes the meaning; a fold too few costs a call, a fold too many gives a wrong label:

- white space, line ends, case, invisible characters, Unicode's composed and decomposed forms
- typographic apostrophes and quotes, which word processors put in by themselves
- punctuation at the very end, but a question stays one: "invoice paid?" is not "invoice paid". A
  semicolon stays, since it is the Greek question mark

Case is folded by `lower`, not `casefold`, which would merge the German "Maße" (measures) with "Masse"
(mass). Where a text has a letter that only Turkish and its kin write, the small form of "I" is the one
without a dot, as it is there: "ILIK" (tepid) is not "ilik" (marrow). Compatibility forms stay apart ("x²"
is not "x2"). Numbers, negations, apostrophes and signs within the text are never touched.
"""

import hashlib
import re
import unicodedata
from collections.abc import Collection, Sequence
from typing import NamedTuple

from stream_classifier.core.embedded import is_only_marks, without_embedded
from stream_classifier.core.formats.html_body import MORE, text_of_html
from stream_classifier.core.redact import Redactor, applied
from stream_classifier.core.redact.halves import without_halves
from stream_classifier.core.redact.redactor import MAX_FIND_CHARS
from stream_classifier.core.strip import strip
from stream_classifier.core.ticket import Ticket

NORMALISER = "n3"
"""Changes whenever `normalise` gives anything else for any text: it is part of digests and cache keys."""

MAX_CONTEXT_CHARS = 200
"""Of one context field: such a field is a word or a line, and it may not crowd out the text."""

HEAD_SHARE = 2 / 3
"""Of a long text, how much of what is kept is its beginning."""

READ_PER_SHOWN = 4
READ_CHARS_MIN = 65_536
"""Of a body as text, how much is looked at: so many times what may be shown, since most of a long mail may be
quoted, and never less than this. What is beyond, in the middle, is not read: its parts would be searched
character by character, while nothing else is done."""

MARKS_MAX = 30
"""Combining marks on one letter (Unicode's stream-safe form allows as many, no language writes more than
four). Bringing a run of them into order takes the square of its length."""

MARKS_LOOKED_FOR_FROM_CHARS = 1_000  # in a shorter text no run is long enough to take time

WORD_CHARS = 40
"""How far a cut moves to fall between words: half a number would be another number."""

# Sets of characters, as they stand within a regular expression's brackets.
_OTHER_LINE_ENDS = "\r\v\f\x85\u2028\u2029"
_CONTROLS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # they part words, so each becomes a blank
# Format characters and all else that Unicode calls ignorable, among them variation selectors and tags,
# in which whole sentences can be hidden; and halves of surrogate pairs. Not the few Arabic, Syriac and
# Kaithi format characters that are visible signs.
_INVISIBLES = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001345f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff\ud800-\udfff"
)
_LINE_END = re.compile(f"\r\n|[{_OTHER_LINE_ENDS}]")
_CONTROL = re.compile(f"[{_CONTROLS}]")
_INVISIBLE = re.compile(f"[{_INVISIBLES}]")
_UNCLEAN = re.compile(f"[{_OTHER_LINE_ENDS}{_CONTROLS}{_INVISIBLES}]")
_ASCII_UNCLEAN = bytes({*range(32), 127} - set(b"\t\n"))

_MARK_RUN = re.compile(rf"[^\w\s\x00-\x7f]{{{MARKS_MAX + 1},}}")  # emojis too: marks are told within it

_APOSTROPHES = "\u2018\u2019\u02bc\uff07\u00b4"
_QUOTES = "\u201c\u201d\u201e\u201f"
# Lower case, and every control character a blank.
_ASCII_FOLD = bytes(ord(chr(code).lower()) if 32 < code < 127 else 32 for code in range(256))

# Other languages that have one of these (Romanian's old "ş") pay a call for it, never with a wrong label.
_TURKISH = re.compile("[\u011e\u011f\u0130\u0131\u015e\u015f]")
_TURKISH_SMALL = str.maketrans("I\u0130", "\u0131i")

_QUESTION = "?\uff1f\u061f\u2047\u2048\u2049"  # plain, fullwidth, Arabic, and the doubled ones
_QUESTION_MARKS = frozenset(_QUESTION)
_TRAILING = (
    " .,:!\u2026"  # with the ellipsis
    "\u3002\uff0e\uff0c\u3001\uff1a\uff01"  # CJK: full stops, commas, colon, exclamation
    "\u060c\u06d4\u0964\u0965"  # Arabic comma, Urdu full stop, dandas
) + _QUESTION


class Ends(NamedTuple):
    """What a cut needs of a text: how it begins, how it ends (where it is short, the whole of it), and how
    many characters it has in all."""

    head: str
    tail: str
    chars: int


_MARK_CHARS = 50  # the mark of a cut, with the number of a million characters in it


def model_text(
    ticket: Ticket, max_chars: int, left_out: Collection[str] = (), redactor: Redactor | None = None
) -> tuple[str, bool]:
    """What the model sees, and whether it was cut to `max_chars`; `left_out` of `quotes`, `signatures`.

    The subject in one line, a blank line, the body; then a blank line and a line for each context field.
    Where there is neither subject nor body it is empty: context alone is nothing to judge. What `redactor`
    masks is masked before anything is cut, so that no cut leaves half of it.
    """
    subject = _one_line(ticket.subject)
    body, unread_chars = _body(ticket, subject, max_chars, left_out)
    text = f"{subject}\n\n{body}" if subject and body else subject or body
    if not text:
        return "", False
    if redactor is None and not ticket.context and not unread_chars:
        return cut(text, max_chars)
    ends, values = Ends(text, text, len(text)), [_one_line(value) for _, value in ticket.context]
    if redactor is not None:
        ends, values = _redacted(text, values, redactor, max_chars)
        if unread_chars:
            ends = Ends(without_halves(ends.head, MORE), without_halves(ends.tail, MORE), ends.chars)
    lines = zip(ticket.context, values, strict=True)
    context = "\n".join(f"{name}: {value[:MAX_CONTEXT_CHARS]}" for (name, _), value in lines)
    room = max_chars - len(context) - 2 if context else max_chars
    shown, truncated = _cut(ends, max(room, max_chars // 2), unread_chars)
    return (f"{shown}\n\n{context}"[:max_chars] if context else shown), truncated or unread_chars > 0


def _body(ticket: Ticket, subject: str, max_chars: int, left_out: Collection[str]) -> tuple[str, int]:
    """What there is to read in the body, and how many characters were not looked at."""
    body, unread_chars = ticket.body, 0
    if ticket.body_format == "html":
        readable = text_of_html(body, left_out)
        body, unread_chars = readable.text, readable.unread_chars
    body = without_embedded(body)
    room = max(READ_PER_SHOWN * max_chars, READ_CHARS_MIN)
    if len(body) > room:
        head_chars = int(room * HEAD_SHARE)
        unread_chars += len(body) - room
        body = f"{body[:head_chars]}\n{MORE}\n{body[head_chars - room :]}"
    body = strip(clean(body).strip(), left_out, subject)
    return ("" if not subject and is_only_marks(body) else body), unread_chars


def _redacted(text: str, values: Sequence[str], redactor: Redactor, max_chars: int) -> tuple[Ends, list[str]]:
    """The text and the context's values, masked. Of a text that is far too long only its ends are looked at,
    and so much beyond what may be shown that nothing in it is found by half."""
    reach = max_chars + MAX_FIND_CHARS
    if len(text) <= 2 * reach:
        masked, *values = redactor((text, *values))
        return Ends(masked, masked, len(masked)), values
    parts, kept = (text[:reach], text[-reach:]), (slice(max_chars), slice(MAX_FIND_CHARS, None))
    head, tail, *values = redactor((*parts, *values), kept)
    return Ends(head, tail, len(text)), values


def clean(text: str) -> str:
    """Without invisible characters, every kind of line end a line feed, other controls blanks."""
    if text.isascii():
        source = text.encode()
        unclean = len(source.translate(None, _ASCII_UNCLEAN)) < len(source)  # a tenth of a search's price
    else:
        if len(text) >= MARKS_LOOKED_FOR_FROM_CHARS:
            text = _MARK_RUN.sub(_few_marks, text)
        unclean = _UNCLEAN.search(text) is not None
    if not unclean:
        return text
    return _CONTROL.sub(" ", _INVISIBLE.sub("", _LINE_END.sub("\n", text)))


def _few_marks(found: re.Match[str]) -> str:
    marks = 0
    kept = []
    for char in found[0]:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MARKS_MAX:
            kept.append(char)
    return "".join(kept)


def cut(text: str, max_chars: int) -> tuple[str, bool]:
    """Head and tail of a text longer than `max_chars`, with a mark between that says how much is gone."""
    if len(text) <= max_chars:
        return text, False
    return _cut(Ends(text, text, len(text)), max_chars)


def _cut(ends: Ends, max_chars: int, unread_chars: int = 0) -> tuple[str, bool]:
    if ends.chars <= max_chars:
        return ends.head, False
    room = max(max_chars - _MARK_CHARS, 0)
    head_chars = int(room * HEAD_SHARE)
    head = _to_word_end(ends.head[:head_chars])
    tail = _to_word_end(ends.tail[max(len(ends.tail) - (room - head_chars), 0) :][::-1])[::-1]
    gone = unread_chars + ends.chars - len(head) - len(tail)
    return f"{head}\n[... {gone} characters left out ...]\n{tail}"[:max_chars], True


def fold(text: str) -> str:
    """One form for all writings of the same words: lower case, single blanks, plain apostrophes."""
    if not text.isascii():
        folded = " ".join(_plain_quotes(_small(clean(text))).split())
        if not folded.isascii():
            return folded
        text = folded
    head, blanks, rest = text.encode().translate(_ASCII_FOLD).partition(b"  ")
    # The first run of blanks stands behind the subject, and is mostly the only one.
    folded_bytes = head + b" " + rest.lstrip(b" ") if blanks else head
    while b"  " in folded_bytes:
        folded_bytes = folded_bytes.replace(b"  ", b" ")
    return folded_bytes.strip().decode()


def normalise(text: str) -> str:
    """The form that decides whether two texts are the same."""
    folded = fold(text)
    kept = folded.rstrip(_TRAILING)
    if not kept:  # "..." and "?!" say something, if not much
        return folded
    asked = not _QUESTION_MARKS.isdisjoint(folded[len(kept) :])
    return f"{kept}?" if asked else kept


def text_digest(normalised: str, redact: Sequence[str] = ()) -> str:
    """Names a text without holding it (contract: the event's `text_digest`): `n3:` and 64 hex digits, or
    `n3r4f2a:` and 64 where the redaction with that short digest was applied before."""
    return f"{digest_prefix(redact)}:{hashlib.sha256(normalised.encode()).hexdigest()}"


def digest_prefix(redact: Sequence[str] = ()) -> str:
    """What every digest begins with: texts that were normalised or redacted otherwise are other texts."""
    if not redact:
        return NORMALISER
    short = hashlib.sha256("\n".join(applied(redact)).encode()).hexdigest()[:4]
    return f"{NORMALISER}r{short}"


def _one_line(text: str) -> str:
    return " ".join(clean(text).split())


def _small(text: str) -> str:
    """Composed, and in lower case."""
    composed = unicodedata.normalize("NFC", text)
    if _TURKISH.search(composed):
        composed = composed.translate(_TURKISH_SMALL)
    return unicodedata.normalize("NFC", composed.lower())


def _plain_quotes(text: str) -> str:
    for mark in _APOSTROPHES:
        text = text.replace(mark, "'")
    for mark in _QUOTES:
        text = text.replace(mark, '"')
    return text


def _to_word_end(text: str) -> str:
    """Without a last word that may be half a word, unless it is too long to be one."""
    for chars in range(1, min(WORD_CHARS, len(text)) + 1):
        if text[-chars].isspace():
            return text[:-chars]
    return text
