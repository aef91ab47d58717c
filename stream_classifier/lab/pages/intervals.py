"""Shares with the bounds between which they lie: side by side as lines, or as dots along an axis.

The scale shows only the tenths in which the bounds lie, since what is to be seen is whether they part. So no
lengths are drawn that begin at 0.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor

from stream_classifier.lab.pages.page import told
from stream_classifier.lab.pages.svg import FOOT, HEAD, HEIGHT, MOST_TICKS, WIDTH, svg, text

GUTTER = 60  # for the numbers beside the axis
RADIUS = 4.5
STEPS = ((10, 2), (30, 5), (60, 10), (100, 20))  # up to so many percent shown, a mark every so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A share from 0 to 1, its bounds, its name, and what is written behind it."""

    label: str
    value: float
    low: float
    high: float
    told: str = ""
    kind: str = "plain"


@dataclass(frozen=True, slots=True)
class Scale:
    """From and to, in whole percent."""

    low: int
    high: int

    @classmethod
    def of(cls, rows: Iterable[Interval]) -> "Scale":
        """The tenths that hold all bounds."""
        bounds = [(row.low, row.high) for row in rows]
        low = 10 * floor(round(min(low for low, _ in bounds) * 10, 9))
        high = 10 * ceil(round(max(high for _, high in bounds) * 10, 9))
        return cls(low, high) if high > low else cls(min(low, 90), min(low, 90) + 10)

    def place(self, share: float) -> float:
        """Where it lies, from 0 to 1."""
        return (share * 100 - self.low) / (self.high - self.low)

    @property
    def marks(self) -> range:
        step = next(step for most, step in STEPS if self.high - self.low <= most)
        return range(self.low, self.high + 1, step)


def intervals(rows: Sequence[Interval]) -> str:
    """A line each, from bound to bound, with a stroke at the share; below them the scale."""
    scale = Scale.of(rows)
    lines = "".join(_line(row, scale) for row in rows)
    marks = "".join(
        f'<text x="{scale.place(mark / 100):.1%}" y="11" text-anchor="middle"{_odd(place)}>{mark} %</text>'
        for place, mark in enumerate(scale.marks)
    )
    return (
        f'<div class="bars">{lines}<div class="scale"><span></span><svg aria-hidden="true">{marks}</svg>'
        "<span></span></div></div>"
    )


def _odd(place: int) -> str:
    return ' class="odd"' if place % 2 else ""


def _line(row: Interval, scale: Scale) -> str:
    low, value, high = (scale.place(share) for share in (row.low, row.value, row.high))
    grid = "".join(
        f'<line x1="{place:.1%}" x2="{place:.1%}" y1="-20%" y2="120%"/>'
        for place in (scale.place(mark / 100) for mark in scale.marks)
    )
    return (
        f'<div><span>{told(row.label)}</span><svg aria-hidden="true">{grid}'
        f'<rect class="range {row.kind}" x="{low:.1%}" width="{high - low:.1%}" height="100%" rx="3"/>'
        f'<line class="value" x1="{value:.1%}" x2="{value:.1%}" y1="-5%" y2="105%"/></svg>'
        f"<span>{told(row.told)}</span></div>"
    )


def dots(title: str, points: Sequence[Interval]) -> str:
    """A dot each, from left to right, with its bounds above and below it and its name at the foot."""
    scale = Scale.of(points)
    step = (WIDTH - GUTTER) / max(len(points), 1)
    every = ceil(len(points) / (2 * MOST_TICKS))
    drawn = [_level(mark, scale) for mark in scale.marks]
    for place, point in enumerate(points):
        x = GUTTER + (place + 0.5) * step
        top, y, foot = (_height(share, scale) for share in (point.high, point.value, point.low))
        drawn.append(f'<line class="spread" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{foot:.1f}"/>')
        drawn.append(f'<circle class="{point.kind}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>')
        if place % every == 0:
            kind = "small odd" if place // every % 2 else "small"
            drawn.append(text(x, HEAD + HEIGHT + 17, point.label, "middle", kind))
    return svg(title, WIDTH, HEAD + HEIGHT + FOOT, "".join(drawn))


def _height(share: float, scale: Scale) -> float:
    return HEAD + HEIGHT * (1 - scale.place(share))


def _level(mark: int, scale: Scale) -> str:
    y = _height(mark / 100, scale)
    line = f'<line class="axis" x1="{GUTTER}" x2="{WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>'
    place = scale.marks.index(mark)
    return line + text(GUTTER - 8, y + 4, f"{mark} %", "end", "small odd" if place % 2 else "small")
