"""Plots as SVG that stands in a page: no script, no font, and its colours from the page's style sheet.

Every text is escaped; every plot has a title that a screen reader reads. A plot shrinks with the page; on a
narrow screen its texts are drawn larger, and those of class `odd`, every second one, are left out."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 640
HEIGHT, FOOT, HEAD = 150, 24, 20  # of a plot with columns
GAP = 0.15  # of a column's width
NARROW = 40  # a column that its number is wider than
_AXIS = f'<line class="axis" x1="0" x2="{WIDTH}" y1="{HEAD + HEIGHT}" y2="{HEAD + HEIGHT}"/>'
MOST_TICKS = 8  # more numbers below the columns would run into one another


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of a curve, and what is written beside it."""

    label: str
    value: float
    told: str
    kind: str = "plain"


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
        kind = _kind(place // every, len(ticks) // every)
        if place < len(tops):
            drawn.append(text(middle, HEAD + HEIGHT - height - 5, tops[place], "middle", "small"))
        if place < len(ticks) and place % every == 0:
            side = "middle" if step > NARROW or place else "start"
            drawn.append(text(middle, HEAD + HEIGHT + 17, ticks[place], side, kind))
    return svg(title, WIDTH, HEAD + HEIGHT + FOOT, "".join(drawn) + _AXIS)


def curve(title: str, points: Sequence[Point]) -> str:
    """A line through points of equal distance, each with its name below and its value above it."""
    step = WIDTH / max(len(points), 1)
    most = max((point.value for point in points), default=0.0) or 1.0
    places = [
        ((place + 0.5) * step, HEAD + HEIGHT - point.value / most * HEIGHT)
        for place, point in enumerate(points)
    ]
    drawn = [f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>']
    for place, (point, (x, y)) in enumerate(zip(points, places, strict=True)):
        kind = _kind(place, len(points))
        drawn.append(f'<circle class="{point.kind}" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
        drawn.append(text(x, y - 10, point.told, "middle", kind))
        drawn.append(text(x, HEAD + HEIGHT + 17, point.label, "middle", kind))
    return svg(title, WIDTH, HEAD + HEIGHT + FOOT, _AXIS + "".join(drawn))


def _kind(place: int, number: int) -> str:
    """Of a text below or above others in a row: few enough are all shown on a narrow screen, too."""
    return "small odd" if place % 2 and number > MOST_TICKS // 2 else "small"


def text(x: float, y: float, content: str, anchor: str, kind: str) -> str:
    """Words in a plot, escaped; `anchor` says which end of them lies at x."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(content)}</text>'


def svg(title: str, width: float, height: float, content: str, size: str = "") -> str:
    """A plot in its frame; `size` are attributes that keep it from filling the width."""
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}"{size}>'
        f"<title>{escape(title)}</title>{content}</svg>"
    )
