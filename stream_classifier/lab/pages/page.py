"""The frame of a report: one page that loads nothing and runs nothing (the policy in it forbids both).

Whatever is handed over as text is escaped here; what is called content is HTML already.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from stream_classifier.lab.pages.style import STYLE

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of a bar chart: `share` of the longest, and what is written behind it. `kind` is a class of
    the style sheet."""

    label: str
    share: float
    value: str
    kind: str = "plain"


def page(command: str, subject: str, lead: str, content: str) -> str:
    """The whole page: what was run, on what, what was found in a sentence, and all the rest."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{_STYLE_HASH}'">
<title>{escape(f"{command}: {subject}")}</title>
<style>{STYLE}</style>
</head>
<body>
<header><p class="kicker">stream-classifier {escape(command)}</p><h1>{escape(subject)}</h1></header>
<p class="lead">{told(lead)}</p>
{content}
</body>
</html>
"""


def told(text: str) -> str:
    """A sentence, escaped; what may not be parted stays on one line: a number and its %, an option's name."""
    return _OPTION.sub(r"<code>\g<0></code>", escape(text).replace(" %", "&nbsp;%"))


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Figures, each with what it is."""
    drawn = (
        f"<div><strong>{told(figure)}</strong><span>{told(name)}</span></div>" for figure, name in figures
    )
    return f'<div class="tiles">{"".join(drawn)}</div>'


def sentences(texts: Iterable[str]) -> str:
    """A list; nothing where there is none."""
    items = "".join(f"<li>{told(text)}</li>" for text in texts)
    return f"<ul>{items}</ul>" if items else ""


def note(text: str) -> str:
    """What is to be known of the plot or table above it."""
    return f'<p class="note">{told(text)}</p>'


def bars(rows: Sequence[Bar]) -> str:
    """Bars that lie, each with its name before it and its value behind it; on a narrow screen below both."""
    return f'<div class="bars">{"".join(map(_bar, rows))}</div>'


def _bar(row: Bar) -> str:
    width = max(min(row.share, 1.0), 0.0) * 100
    return (
        f'<div><span>{told(row.label)}</span><svg class="bar" aria-hidden="true">'
        f'<rect class="{row.kind}" width="{width:.1f}%" height="100%" rx="3"/></svg>'
        f"<span>{told(row.value)}</span></div>"
    )


def sections(parts: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Headed parts of a page, without those that are empty."""
    for heading, content in parts:
        if content:
            yield f"<section><h2>{told(heading)}</h2>{content}</section>"
