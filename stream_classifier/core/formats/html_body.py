"""HTML bodies as text: what a reader would see, a line a block.

A scanner of our own, because Python's `html.parser` is not linear: 64 KiB of `<a ` keep it busy for half
a minute, in which the process would lose its place in the consumer group. Here the work is linear in
the source whatever it holds, and nothing is raised:

- a tag ends at the first `>` outside quotes; once a quote does not end, quotes count no more
- a `<` that begins no tag (`a < b`) is text, and so is all from a tag that never ends
- an unclosed comment, script, style or title takes the rest with it, as in a browser
- white space is folded as a browser folds it, except within `<pre>`
"""

import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(/?[a-zA-Z][^\s/>]*)")
_TAG_END = re.compile(r"""[^"'>]*+(?:(?:"[^"]*+"|'[^']*+')[^"'>]*+)*+>""")  # possessive: never goes back
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_LINE_END = re.compile(r" ?\n ?")
_BLANK_LINES = re.compile(r"\n{3,}")

_UNSEEN = {name: re.compile(rf"</{name}", re.IGNORECASE) for name in ("script", "style", "title")}
_LINES = (
    "address article aside blockquote br dd div dl dt fieldset figcaption figure footer form header hr main"
    " nav ol pre section table tr ul"
)
_PARAGRAPHS = "p h1 h2 h3 h4 h5 h6"
_BREAKS = {
    "li": "\n- ",
    "td": " ",
    "th": " ",
    **{tag: "\n" for name in _LINES.split() for tag in (name, f"/{name}")},
    **{tag: "\n\n" for name in _PARAGRAPHS.split() for tag in (name, f"/{name}")},
}


def text_of_html(source: str) -> str:
    """The readable text of an HTML document or fragment."""
    text = "".join(_rendered(_pieces(source)))
    return _BLANK_LINES.sub("\n\n", _LINE_END.sub("\n", text)).strip()


def _rendered(pieces: Iterator[tuple[str, str]]) -> Iterator[str]:
    preformatted = False
    for text, tag in pieces:
        readable = _unescaped(text)
        yield readable if preformatted else _SPACE.sub(" ", readable)
        if tag in ("pre", "/pre"):
            preformatted = tag == "pre"
        yield _BREAKS.get(tag, "")


def _pieces(source: str) -> Iterator[tuple[str, str]]:
    """Each stretch of text with the tag that ends it: `div`, `/div`, or empty for what is no element."""
    start = search_from = 0
    quotes_count = True
    while (opens := source.find("<", search_from)) >= 0:
        tag = ""
        if source.startswith("<!--", opens):
            end = _after(source, "-->", opens + 2) or len(source)
        elif named := _TAG.match(source, opens):
            tag = named[1].lower()
            quoted = _TAG_END.match(source, named.end()) if quotes_count else None
            quotes_count = quoted is not None
            end = quoted.end() if quoted else _after(source, ">", named.end())
        elif source.startswith(("<!", "<?"), opens):
            end = _after(source, ">", opens)
        else:
            search_from = opens + 1
            continue
        if not end:
            break
        yield source[start:opens], tag
        start = search_from = _after_unseen(source, tag, end) if tag in _UNSEEN else end
    yield source[start:], ""


def _after(source: str, mark: str, start: int) -> int:
    """Where the text after the next `mark` begins; 0 where there is none."""
    found = source.find(mark, start)
    return found + len(mark) if found >= 0 else 0


def _after_unseen(source: str, tag: str, start: int) -> int:
    closes = _UNSEEN[tag].search(source, start)
    return (_after(source, ">", closes.end()) if closes else 0) or len(source)


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of more digits than Python turns into an integer
        return text
