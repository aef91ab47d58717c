"""HTML bodies as text: what a reader would see, a line a block.

Rules
-----
* A library parts the source into tags and text, as a browser does; what they say is put together here.
  No tree is built: nesting has no limit and costs no memory.
* What no reader sees is left out: scripts, styles, comments, and elements that hide themselves, such as the
  previews of newsletters and the pictures of one point by which senders are told who reads.
* A link is its text, and the host that it leads to where the text does not name it. A picture is its
  description; one that was pasted in has a mark.
* What a mail client marks as the quoted mail gets `> ` before its lines, as in a plain mail: `strip.py`
  decides about both. What it marks as a signature is left out where that is asked for.
* Looking for an element's end is counting the elements of its name. Those whose end nobody writes (`<p>`,
  `<li>`, `<td>`) end with the next block.
* A `<` whose tag never ends is text, and so is what follows: mail is cut, and people write "if a < b". So is
  an address in angle brackets.
* White space is folded as a browser folds it, except within `<pre>`.
* The work is linear in the source and bounded: `MAX_SOURCE_CHARS`, `MAX_TOKENS`. Nothing is raised.
"""

import re
from collections.abc import Collection
from typing import NamedTuple

from turbohtml import Token, TokenType, tokenize

from stream_classifier.core.embedded import IMAGE_MARK, without_data

MAX_SOURCE_CHARS = 262_144
"""Of a body without its pictures, what is looked at: the largest mails have half of it. To part so much into
tags takes up to 10 ms, in which nothing else is done."""

MAX_TOKENS = 20_000
"""Tags and texts of a body that are looked at, each 1 µs; a mail of 100 KB has 3,000."""

MORE = "[...]"  # where no more was looked at

_MAX_HOST_CHARS = 80  # of a link; a host has at most 253, and those of honest links are short

_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_LINE_END = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")
_ADDRESS = re.compile(r"<(?=[^\s<>\"'=]{1,100}@|https?:)")  # in angle brackets, as in plain mail: no tag
_QUOTED_VALUE = re.compile(r"""=[ \t\r\n\f]*["']""")
_HOST = re.compile(r"\s*https?:/+(?:[^/?#\\]*@)?([\w.-]+)", re.IGNORECASE)
_HIDES = re.compile(
    r"(?<![\w-])(?:display:none|visibility:hidden|mso-hide:all|(?:max-height|opacity):0(?![.\d]*[1-9]))"
)
_POINT = re.compile(r"\s*[01](?:px)?\s*", re.IGNORECASE)

_UNSEEN_TAGS = "script style title template svg iframe noframes noembed datalist"
_VOID_TAGS = "area base br col embed hr img input link meta param source track wbr"
_LINES = (
    "address article aside blockquote body br dd div dl dt fieldset figcaption figure footer form header hr"
    " main nav ol pre section table tr ul"
)
_PARAGRAPHS = "p h1 h2 h3 h4 h5 h6"
_BREAKS = {
    "li": "\n- ",
    "td": " ",
    "th": " ",
    **{tag: "\n" for name in _LINES.split() for tag in (name, f"/{name}")},
    **{tag: "\n\n" for name in _PARAGRAPHS.split() for tag in (name, f"/{name}")},
}
_UNSEEN = frozenset(_UNSEEN_TAGS.split())
_VOID = frozenset(_VOID_TAGS.split())
_ENDS_WITH_BLOCK = frozenset(["p", "li", "td", "th", "tr", "dt", "dd"])
_BLOCKS = frozenset(tag for tag in _BREAKS if tag not in ("br", "/br"))

# Classes and ids by which clients mark the mail that is answered: Gmail, Thunderbird, Yahoo, Proton, Tuta,
# Zoho, GMX, Outlook on telephones, Front, Zendesk. And those that they give to signatures.
_QUOTE_NAMES = (
    "gmail_quote gmail_quote_container moz-cite-prefix yahoo_quoted yqt protonmail_quote tutanota_quote"
    " zmail_extra ms-outlook-mobile-reference-message quote-previous front-blockquote zd-quoted-content"
    " zendesk_quoted gmx_quote"
)
_SIGNATURE_NAMES = (
    "gmail_signature gmail_signature_prefix moz-signature signature email-signature applemailsignature"
    " protonmail_signature_block tutanota_signature zmail_signature ms-outlook-mobile-signature"
    " yahoo-signature front-signature"
)
_QUOTES = frozenset(_QUOTE_NAMES.split())
_SIGNATURES = frozenset(_SIGNATURE_NAMES.split())
# Gmail puts a forwarded mail into the same element as an answered one, after this line in any language.
_FORWARDED = re.compile(r"-{8,12} [^\n]{1,60} -{8,12}(?:\n|$)")
# Where none of these stands in a source, its attributes need not be looked at.
_SIGNS = (
    "<a <img blockquote hidden display mso-hide max-height opacity quote signature zmail yqt moz- ms-outlook"
)
_LOOKS = tuple(_SIGNS.split())
_SIDES = ("width", "height")
_MAX_STYLE_CHARS = 2_000  # of an element; a mail's longest have some hundreds

_END_SIGN = "\u2404end of the source"
_END = f"<!--{_END_SIGN}-->"  # read as a comment, but for where something unclosed takes the rest


class Readable(NamedTuple):
    """The text of a body, and how many characters of its source were not looked at (about)."""

    text: str
    unread_chars: int


def text_of_html(source: str, left_out: Collection[str] = ()) -> Readable:
    """The readable text of an HTML document or fragment; `left_out` may hold `signatures`."""
    source = without_data(source)
    unread_chars = max(len(source) - MAX_SOURCE_CHARS, 0)
    looked_at = _with_ends(source[:MAX_SOURCE_CHARS])
    page = _Page(signatures="signatures" not in left_out)
    if not page.read(looked_at):
        page = _Page(signatures="signatures" not in left_out)
        page.read(_QUOTED_VALUE.sub("=", looked_at))
    if not page.whole:
        unread_chars += 1  # how many more is not known
    return Readable(_folded(page.text()) + (f"\n{MORE}" if unread_chars else ""), unread_chars)


def _with_ends(source: str) -> str:
    """The source with what follows its last tag as text, but for a comment, and with a mark at its end."""
    if "@" in source or "<http" in source:
        source = _ADDRESS.sub("&lt;", source)
    end = source.rfind(">") + 1
    tail, comment, rest = source[end:].partition("<!--")
    return f"{source[:end]}{tail.replace('<', '&lt;')}{comment}{rest}{_END}"


def _folded(text: str) -> str:
    return _BLANK_LINES.sub("\n\n", _LINE_END.sub("\n", text)).strip()


class _Page:
    """What has been read of a body, as the pieces of its text."""

    def __init__(self, *, signatures: bool) -> None:
        self.whole = True
        self._signatures = signatures
        self._pieces: list[str] = []
        self._preformatted = False
        self._unseen = _Within()
        self._quote = _Within()
        self._quote_from = 0  # the first piece of the quoted mail
        self._link = ""  # the host that the open link leads to
        self._link_from = 0

    def read(self, source: str) -> bool:
        """Read it all; False where a quoted value that never ends has taken the rest."""
        lowered = source.lower()
        marked = any(sign in lowered for sign in _LOOKS)
        token = None
        for number, token in enumerate(tokenize(source, capture_attributes=marked)):
            if number >= MAX_TOKENS:
                self.whole = False
                return True
            kind = token.type
            if kind is TokenType.TEXT:
                self._text(token.data or "")
            elif kind is TokenType.START_TAG:
                self._start(token.tag or "", token if marked else None)
            elif kind is TokenType.END_TAG:
                self._end(token.tag or "")
        return token is not None and token.data is not None and _END_SIGN in token.data

    def text(self) -> str:
        if self._quote.tag:
            self._mark_quote()
        return "".join(self._pieces).removesuffix(_END)

    def _text(self, text: str) -> None:
        if self._unseen.tag:
            return
        if not self._preformatted:
            text = _SPACE.sub(" ", text)
            if text[:1] == " " and self._pieces and self._pieces[-1].endswith(" "):
                text = text[1:]
        self._pieces.append(text)

    def _start(self, tag: str, marked: Token | None) -> None:
        if self._unseen.tag:
            if not self._unseen.ends_with_start(tag):
                return
            self._unseen = _Within()
        if self._quote.tag and self._quote.ends_with_start(tag):
            self._mark_quote()
        if tag in _UNSEEN:
            self._unseen = _Within(tag)
            return
        if marked is not None and (attributes := marked.attrs) and self._is_left_out(tag, dict(attributes)):
            return
        self._preformatted = self._preformatted or tag == "pre"
        self._break(tag)

    def _is_left_out(self, tag: str, attributes: dict[str, str]) -> bool:
        """Whether an element is not to be seen; what it is otherwise is noted."""
        if tag == "a":
            self._link, self._link_from = _host(attributes.get("href", "")), len(self._pieces)
        elif tag == "img":
            self._picture(attributes)
        elif tag not in _VOID:
            names = {*attributes.get("class", "").lower().split(), attributes.get("id", "").lower()}
            if _is_hidden(attributes) or not (self._signatures or names.isdisjoint(_SIGNATURES)):
                self._unseen = _Within(tag)
                return True
            if not self._quote.tag and _is_quote(tag, attributes, names):
                self._quote, self._quote_from = _Within(tag), len(self._pieces)
        return False

    def _picture(self, attributes: dict[str, str]) -> None:
        if _is_hidden(attributes) or any(_POINT.fullmatch(attributes.get(side, "")) for side in _SIDES):
            return
        if description := " ".join(attributes.get("alt", "").split()):
            self._pieces.append(f"[image: {description}]")
        elif attributes.get("src", "").lstrip().lower().startswith(("data:", "cid:")):
            self._pieces.append(IMAGE_MARK)

    def _end(self, tag: str) -> None:
        if self._unseen.tag:
            if self._unseen.ends_with_end(tag):
                self._unseen = _Within()
            return
        if tag == "a" and self._link:
            self._name_host()
        elif tag == "pre":
            self._preformatted = False
        self._break(f"/{tag}")
        if self._quote.tag and self._quote.ends_with_end(tag):
            self._mark_quote()

    def _break(self, tag: str) -> None:
        if broken := _BREAKS.get(tag):
            self._pieces.append(broken)

    def _name_host(self) -> None:
        text = "".join(self._pieces[self._link_from :]).strip()
        if text and self._link not in text.lower():
            self._pieces.append(f" ({self._link})")
        self._link = ""

    def _mark_quote(self) -> None:
        """Put `> ` before the lines of what has been read since the quoted mail began."""
        self._quote = _Within()
        quoted = _folded("".join(self._pieces[self._quote_from :]))
        if quoted and not _FORWARDED.match(quoted):
            quoted = "> " + quoted.replace("\n", "\n> ")
        self._pieces[self._quote_from :] = ["\n", quoted, "\n"]


class _Within:
    """How deep within an element the reading is, counted by elements of its name."""

    __slots__ = ("_depth", "tag")

    def __init__(self, tag: str = "") -> None:
        self.tag = tag  # empty: within none
        self._depth = 1

    def ends_with_start(self, tag: str) -> bool:
        """Note that another element begins; True where this one has ended before it."""
        if self.tag in _ENDS_WITH_BLOCK:
            return tag in _BLOCKS
        if tag == self.tag:
            self._depth += 1
        return False

    def ends_with_end(self, tag: str) -> bool:
        """Note that an element ends; True where it is this one."""
        if self.tag in _ENDS_WITH_BLOCK:
            return tag == self.tag or f"/{tag}" in _BLOCKS
        if tag == self.tag:
            self._depth -= 1
        return self._depth == 0


def _is_hidden(attributes: dict[str, str]) -> bool:
    style = attributes.get("style", "")
    if style and _HIDES.search("".join(style[:_MAX_STYLE_CHARS].lower().split())):
        return True
    return "hidden" in attributes


def _is_quote(tag: str, attributes: dict[str, str], names: set[str]) -> bool:
    if tag == "blockquote" and attributes.get("type", "").lower() == "cite":
        return True
    return not names.isdisjoint(_QUOTES)


def _host(address: str) -> str:
    found = _HOST.match(address)
    return found[1].lower().removeprefix("www.")[:_MAX_HOST_CHARS] if found else ""
