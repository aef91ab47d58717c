"""The page as HTML: the template with a view's texts in their places, whole and true without JavaScript.

Rules
-----
* One file goes out, with its style and its script in it: nothing else is loaded, and the policy allows
  nothing else, not even an inline style that is not this one.
* A place in the template is an empty element with `data-text`, `data-rows` or `data-line`, or an attribute
  `data-tone`, each with the name of what belongs there. The script fills the same places.
* Every value is escaped here, and set as text by the script: none of it can become markup.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib.resources import files
from typing import cast

from stream_classifier.observe.live.questions import QUESTIONS
from stream_classifier.observe.live.view import Row, View

_PLACE = re.compile(
    r'data-text="(?P<text>[a-z-]+)"[^<>]*>(?=</)'
    r'|data-rows="(?P<rows>[a-z-]+)">(?=</)'
    r'|data-line="(?P<line>[a-z-]+)"'
    r'|data-tone="(?P<tone>[a-z-]+)"'
)


def page(view: View) -> str:
    """The whole page, as it is now."""

    def fill(place: re.Match[str]) -> str:
        kind = cast(str, place.lastgroup)
        value = view[f"{kind}:{place[kind]}"]
        if not isinstance(value, str):
            return place[0] + "".join(map(_row, value))
        return (
            place[0] + escape(value) if kind == "text" else f'{place[0]} {_ATTRIBUTE[kind]}="{escape(value)}"'
        )

    return _PLACE.sub(fill, _template())


_ATTRIBUTE = {"line": "points", "tone": "data-is"}


def _row(row: Row) -> str:
    tone, (name, *cells) = row
    rest = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<tr data-is="{escape(tone)}"><th scope="row">{escape(name)}</th>{rest}</tr>'


@cache
def _template() -> str:
    """The page without its values."""
    html = _part("page.html")
    questions = "".join(_question(name, asked) for name, (asked, _) in QUESTIONS.items())
    return (
        html.replace("<!-- questions -->", questions)
        .replace("<!-- style -->", f"<style>{_part('page.css')}</style>")
        .replace("<!-- script -->", f"<script>{_part('page.js')}</script>")
    )


def _question(name: str, asked: str) -> str:
    return (
        f'<div class="answer" data-tone="{name}"><dt>{asked}</dt>'
        f'<dd><strong data-text="{name}"></strong> <span data-text="{name}-rest"></span></dd></div>'
    )


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _digest(name: str) -> str:
    return base64.b64encode(hashlib.sha256(_part(name).encode()).digest()).decode()


def _policy(directives: Sequence[str]) -> str:
    return "; ".join(directives)


CONTENT_SECURITY_POLICY = _policy(
    (
        "default-src 'none'",
        f"style-src 'sha256-{_digest('page.css')}'",
        f"script-src 'sha256-{_digest('page.js')}'",
        "connect-src 'self'",
        "img-src data:",  # the icon
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
