"""Atlassian Document Format to text: what a reader would see, a line a block.

Rules
-----
* Nodes are walked with a stack of our own: a document may nest as deep as JSON may, which is deeper than
  Python calls.
* Each node is looked at once, so the work is linear in the document; beyond `MAX_NODES` the rest is left
  out, and the text says so.
* A node of an unknown type is what is inside it. Nothing is raised, whatever stands where.
* A table's row is a line, its cells parted by blanks; nested lists are one list.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure
"""

from collections.abc import Iterator
from typing import Any

from stream_classifier.core.formats.format import Raw
from stream_classifier.core.formats.parts import at

_PARAGRAPHS = "paragraph heading blockquote codeBlock panel table bulletList orderedList"
_LINES = (
    "rule expand nestedExpand tableRow taskList decisionList listItem taskItem decisionItem mediaSingle"
    " mediaGroup blockCard embedCard caption layoutSection layoutColumn"
)
PARAGRAPHS = frozenset(_PARAGRAPHS.split())
BLOCKS = PARAGRAPHS | frozenset(_LINES.split())
ITEMS = frozenset({"listItem", "taskItem", "decisionItem"})
CELLS = frozenset({"tableCell", "tableHeader"})
MAX_NODES = 10_000  # a long ticket has some hundred; these take 50 ms, in which nothing else is done
LEFT_OUT = "[the rest of the document is left out]"
LINE_END, ITEM, CELL = "\n", "- ", " "
ATTRIBUTES = {
    "mention": ("text",),
    "emoji": ("text", "shortName"),
    "status": ("text",),
    "inlineCard": ("url",),
    "blockCard": ("url",),
    "embedCard": ("url",),
    "media": ("alt",),
    "mediaInline": ("alt",),
    "expand": ("title",),
    "nestedExpand": ("title",),
}
"""What stands in a node's attributes rather than within it; the first that is there counts."""


def is_document(value: Any) -> bool:
    """Whether it is a document in this format."""
    return isinstance(value, dict) and value.get("type") == "doc" and "content" in value


def text_of_document(document: Raw) -> str:
    """Its readable text."""
    lines = "".join(_pieces(document)).split("\n")
    return "\n".join(_without_runs(line.strip() for line in lines)).strip()


def _without_runs(lines: Iterator[str]) -> Iterator[str]:
    """Of several empty lines one is kept."""
    before = ""
    for line in lines:
        if line or before:
            yield line
        before = line


def _pieces(document: Raw) -> Iterator[str]:
    stack: list[tuple[Any, str]] = [(document, "")]  # what is to come, and the item or cell that it stands in
    starts_a_line, before, nodes = True, "", 0
    while stack:
        node, inside = stack.pop()
        nodes += isinstance(node, dict)
        if nodes > MAX_NODES:
            yield f"\n{LEFT_OUT}"
            return
        for piece in [node] if isinstance(node, str) else _opening(node, inside, starts_a_line):
            if piece and not (piece == LINE_END and starts_a_line) and not (piece == before == CELL):
                yield piece
                before = piece
                starts_a_line = piece == ITEM or piece.endswith("\n")
        if isinstance(node, dict):
            kind = _kind(node)
            stack.append((_closing(kind, inside), inside))
            within = ITEM if kind in ITEMS else CELL if kind in CELLS else inside
            content = node.get("content")
            children: list[Any] = content if isinstance(content, list) else []
            stack.extend((child, within) for child in reversed(children))


def _opening(node: Any, inside: str, starts_a_line: bool) -> Iterator[str]:
    """What begins a node, and its own text."""
    kind = _kind(node)
    if kind in BLOCKS and inside != CELL and not starts_a_line:
        yield LINE_END
    if kind in ITEMS:
        yield ITEM
    if kind == "hardBreak":
        yield LINE_END
    elif kind == "text":
        yield _text(node)
    elif kind in ATTRIBUTES:
        yield next((text for name in ATTRIBUTES[kind] if (text := _string(at(node, "attrs", name)))), "")


def _closing(kind: str, inside: str) -> str:
    if kind in CELLS or (kind in BLOCKS and inside == CELL):
        return CELL
    if kind in PARAGRAPHS and not inside:
        return "\n\n"
    return LINE_END if kind in BLOCKS else ""


def _kind(node: Any) -> str:
    return _string(at(node, "type"))


def _text(node: Raw) -> str:
    """Text, and where it links to unless it says so itself."""
    text = _string(node.get("text"))
    marks = node.get("marks")
    for mark in marks if isinstance(marks, list) else ():
        url = _string(at(mark, "attrs", "href"))
        if at(mark, "type") == "link" and url and url != text:
            return f"{text} ({url})"
    return text


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""
