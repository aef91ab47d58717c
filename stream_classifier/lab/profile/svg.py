"""Plots as SVG that stands in a page: no script, no font, and its colours from the page's style sheet.

Every text is escaped; every plot has a title that a screen reader reads.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
ROW, BAR = 30, 16  # heights
LABEL, VALUE = 190, 150  # widths of the texts beside a bar
HEIGHT, FOOT, HEAD = 150, 24, 20  # of a plot with columns
GAP = 0.15  # of a column's width
NARROW = 40  # a column that its number is wider than
_AXIS = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{HEAD + HEIGHT}" y2="{HEAD + HEIGHT}"/>'
MOST_TICKS = 8  # more numbers below the columns would run into one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One line of a bar chart: `share` of the longest, and what is written behind it. `kind` is a class of
    the style sheet."""

    label: str
    share: float
    value: str
    kind: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve, and what is written beside it."""

    label: str
    value: float
    told: str
    kind: str = "plain"


def bars(title: str, rows: Sequence[Bar]) -> str:
    """Bars that lie, each with its name before it and its value behind it."""
    room = WIDTH - LABEL - VALUE
    return _svg(title, len(rows) * ROW, "".join(_bar(row, place, room) for place, row in enumerate(rows)))


def columns(title: str, counts: Sequence[float], ticks: Sequence[str], tops: Sequence[str] = ()) -> str:
    """Columns that stand; `ticks` are written below and `tops` above them, one a column."""
    step = WIDTH / max(len(counts), 1)
    most = max(counts, default=0) or 1
    every = -(-len(ticks) // MOST_TICKS) if len(ticks) > MOST_TICKS * 2 else 1
    drawn = []
    for place, count in enumerate(counts):
        height, left = count / most * HEIGHT, place * step
        drawn.append(
            f'<rect class="plain" x="{left + step * GAP / 2:.1f}" y="{HEAD + HEIGHT - height:.1f}" '
            f'width="{step * (1 - GAP):.1f}" height="{height:.1f}" rx="2"/>'
        )
        middle = left + step / 2
        if place < len(tops):
            drawn.append(_text(middle, HEAD + HEIGHT - height - 5, tops[place], "middle", "small"))
        if place < len(ticks) and place % every == 0:
            side = "middle" if step > NARROW or place else "start"
            drawn.append(_text(middle, HEAD + HEIGHT + 17, ticks[place], side, "small"))
    return _svg(title, HEAD + HEIGHT + FOOT, "".join(drawn) + _AXIS)


def curve(title: str, points: Sequence[Point]) -> str:
    """A line through points of equal distance, each with its name below and its value above it."""
    step = WIDTH / max(len(points), 1)
    most = max((point.value for point in points), default=0.0) or 1.0
    places = [
        ((place + 0.5) * step, HEAD + HEIGHT - point.value / most * HEIGHT)
        for place, point in enumerate(points)
    ]
    drawn = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>']
    for point, (x, y) in zip(points, places, strict=True):
        drawn.append(f'<circle class="{point.kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        drawn.append(_text(x, y - 10, point.told, "middle", "small"))
        drawn.append(_text(x, HEAD + HEIGHT + 17, point.label, "middle", "small"))
    return _svg(title, HEAD + HEIGHT + FOOT, _AXIS + "".join(drawn))


def _bar(row: Bar, place: int, room: int) -> str:
    top = place * ROW + (ROW - BAR) / 2
    width = max(min(row.share, 1.0) * room, 1.0)
    base = place * ROW + ROW / 2 + 5
    return (
        _text(LABEL - 12, base, row.label, "end", "")
        + f'<rect class="{row.kind}" x="{LABEL}" y="{top:.1f}" width="{width:.1f}" height="{BAR}" rx="3"/>'
        + _text(LABEL + width + 10, base, row.value, "start", "figure")
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, height: float, content: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(title)}">'
        f"<title>{escape(title)}</title>{content}</svg>"
    )


def sections(parts: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Headed parts of a page, without those that are empty."""
    for heading, content in parts:
        if content:
            yield f"<section><h2>{escape(heading)}</h2>{content}</section>"
