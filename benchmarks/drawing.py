"""A picture as an SVG, by matplotlib.

Rules
-----
* The same picture gives the same bytes: no date, no random ids, its own settings only.
* It has a ground of its own, so that it can be read on a light page and on a dark one; letters are text, so
  that they can be searched and read aloud, and colours differ in brightness, too.
* The median is drawn, and the spread from the least to the most of all runs with it. A length begins at zero.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import NullLocator, StrMethodFormatter

from benchmarks.figures import Bars, Curve, Picture
from benchmarks.pictures import Drawn, digest

WIDTH_IN = 7.6  # as wide as a page's column
CURVES_HEIGHT_IN = 4.2
BAR_HEIGHT_IN = 0.42
AROUND_BARS_IN = 1.4  # title and axis
INK, GROUND, RULE = "#24292f", "#ffffff", "#d0d7de"
BASELINE_COLOUR, BAR_COLOUR, SPREAD_COLOUR = "#8c959f", "#2f6fb0", "#24292f"
# Told apart by people who do not tell red from green (Okabe and Ito's colours), and by their marks.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X")
BASELINE = "bare loop"  # how the names of such curves begin
MOST_MARKED = 30  # points of a curve: with more it is a line
SETTINGS: dict[Any, Any] = {  # by names that matplotlib checks itself
    "svg.hashsalt": "stream-classifier",
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],  # the first comes with matplotlib and is measured
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.facecolor": GROUND,
    "figure.facecolor": GROUND,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}


def draw(path: Path, picture: Drawn, *, source: str) -> None:
    """Write the picture. `source` is where its values stand."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _settings():
        canvas = _bars(picture) if isinstance(picture, Bars) else _curves(picture)
        about = {
            "Date": None,
            "Creator": None,
            "Title": picture.title,
            "Source": source,
            "Identifier": digest(picture),
        }
        canvas.savefig(path, format="svg", metadata=about)
    # matplotlib ends lines of numbers with a blank, which nobody wants in a repository.
    lines = path.read_text("utf-8").splitlines()
    path.write_text("".join(f"{line.rstrip()}\n" for line in lines), "utf-8")


@contextmanager
def _settings() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(SETTINGS)
        yield


def _canvas(title: str, values: Iterable[Sequence[float]], height_in: float) -> tuple[Canvas, Axes]:
    """With a title that says what is drawn of the runs, where there is more than one."""
    canvas = Canvas(figsize=(WIDTH_IN, height_in), layout="constrained")
    axes = canvas.subplots()
    runs = max(map(len, values), default=0)
    told = f"{title}\n(median, least and most of {runs} runs)" if runs > 1 else title
    axes.set_title(told, loc="left", wrap=True)
    return canvas, axes


def _bars(picture: Bars) -> Canvas:
    """The first on top, each with its median beside it."""
    names, values = list(picture.bars), list(picture.bars.values())
    canvas, axes = _canvas(picture.title, values, AROUND_BARS_IN + BAR_HEIGHT_IN * len(names))
    middles = [median(each) for each in values]
    colours = [BASELINE_COLOUR if name in picture.baselines else BAR_COLOUR for name in names]
    axes.barh(names, middles, color=colours, height=0.62)
    if any(len(each) > 1 for each in values):
        places = range(len(names))
        axes.errorbar(middles, places, xerr=_spread(values), fmt="none", ecolor=SPREAD_COLOUR, capsize=3)
    for place, (middle, each) in enumerate(zip(middles, values, strict=True)):
        axes.annotate(
            _number(middle), (max(each), place), xytext=(6, 0), textcoords="offset points", va="center"
        )
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlim(left=0)
    axes.set_xlabel(picture.x)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.grid(axis="x")
    return canvas


def _curves(picture: Picture) -> Canvas:
    values = [each for curve in picture.curves for each in curve.points.values()]
    canvas, axes = _canvas(picture.title, values, CURVES_HEIGHT_IN)
    for curve, colour, mark in zip(picture.curves, cycle(COLOURS), cycle(MARKS)):
        _curve(axes, curve, BASELINE_COLOUR if curve.name.startswith(BASELINE) else colour, mark)
    _scale(axes, picture.curves, log_x=picture.log_x, log_y=picture.log_y)
    axes.set_xlabel(picture.x)
    axes.set_ylabel(picture.y)
    axes.grid(axis="x")
    axes.grid(axis="y", which="both")
    if len(picture.curves) > 1:
        axes.legend()
    return canvas


def _curve(axes: Axes, curve: Curve, colour: str, mark: str) -> None:
    xs = sorted(curve.points)
    values = [curve.points[x] for x in xs]
    axes.errorbar(
        xs,
        [median(each) for each in values],
        yerr=_spread(values) if any(len(each) > 1 for each in values) else None,
        color=colour,
        marker=mark if len(xs) <= MOST_MARKED else None,
        markersize=5,
        capsize=3,
        linewidth=1.5,
        label=curve.name,
    )


def _scale(axes: Axes, curves: Sequence[Curve], *, log_x: bool, log_y: bool) -> None:
    """On a logarithmic axis what was measured is what is named, where that is few enough to be read."""
    if log_x:
        axes.set_xscale("log")
        xs = sorted({x for curve in curves for x in curve.points})
        if len(xs) <= len(COLOURS) * 2:
            axes.set_xticks(xs)
            axes.xaxis.set_minor_locator(NullLocator())
    if log_y:
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(StrMethodFormatter("{x:,g}"))
    else:
        axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))


def _spread(values: Sequence[Sequence[float]]) -> list[list[float]]:
    """How far below and above the median the runs go."""
    below = [median(each) - min(each) for each in values]
    above = [max(each) - median(each) for each in values]
    return [below, above]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
