"""A confusion matrix as a picture: which label was given in place of which.

Rules
-----
* A row is the right label, a column the one that was given, the last column "needs review".
* Every cell that is not empty has its number. Blue is right and orange is wrong, and their places tell the
  same: right is the diagonal. How strong the colour is tells the share of the row.
* Wrong ones are drawn by the root of their share: one text in twenty is to be seen.
* Cells keep their size, so that numbers can be read: a large picture scrolls on a narrow screen.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import sqrt

from stream_classifier.lab.pages.svg import svg, text

MOST_LABELS = 40  # more do not fit a screen
CELLS = ((10, 40), (20, 32), (MOST_LABELS, 26))  # up to so many labels, cells of this size
CHAR = 7.6  # the width of a letter in a wide font
HEAD_CHARS, TAIL_CHARS = 9, 10  # of a long name: they often begin alike; a tip has it whole
GAP = 10  # before the column that is no label
SLANT = 0.71  # of 45 degrees
PAD = 12
TOTALS = 60  # the width of what stands at the right
STEPS = 10  # of colour; the style sheet knows on which of them letters are light
REVIEW = "needs review"


def matrix(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """The picture of 1 to `MOST_LABELS` labels; `counts` has a row a label, with a column a label and one
    more for what needs review."""
    plan = _Plan.of(labels)
    drawn = [_heading(plan, column, name) for column, name in enumerate([*labels, REVIEW])]
    for row, label in enumerate(labels):
        drawn.extend(_row(plan, row, label, [*labels, REVIEW], counts[row]))
    return svg("Confusion matrix", plan.width, plan.height, "".join(drawn), f' width="{plan.width:.0f}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Where everything lies."""

    labels: int
    cell: int
    left: float
    top: float

    @classmethod
    def of(cls, labels: Sequence[str]) -> "_Plan":
        longest = max(len(_short(name)) for name in [*labels, REVIEW]) * CHAR
        cell = next(size for most, size in CELLS if len(labels) <= most)
        return cls(labels=len(labels), cell=cell, left=longest + 2 * PAD, top=longest * SLANT + 2 * PAD)

    def x(self, column: int) -> float:
        return self.left + column * self.cell + (GAP if column >= self.labels else 0)

    def y(self, row: int) -> float:
        return self.top + row * self.cell

    @property
    def width(self) -> float:
        return self.x(self.labels + 1) + max(TOTALS, self.top)

    @property
    def height(self) -> float:
        return self.y(self.labels) + PAD


def _short(name: str) -> str:
    if len(name) <= HEAD_CHARS + TAIL_CHARS + 1:
        return name
    return f"{name[:HEAD_CHARS]}…{name[-TAIL_CHARS:]}"


def _heading(plan: _Plan, column: int, name: str) -> str:
    x, y = plan.x(column) + plan.cell / 2, plan.top - 6
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" transform="rotate(-45 {x:.1f} {y:.1f})">{escape(_short(name))}'
        f"<title>{escape(name)}</title></text>"
    )


def _row(plan: _Plan, row: int, label: str, names: Sequence[str], counts: Sequence[int]) -> Iterator[str]:
    total, base = sum(counts), plan.y(row) + plan.cell / 2 + 4
    yield (
        f'<text x="{plan.left - 8:.1f}" y="{base:.1f}" text-anchor="end">{escape(_short(label))}'
        f"<title>{escape(label)}</title></text>"
    )
    for column, (given, count) in enumerate(zip(names, counts, strict=True)):
        told = f"{label}, given {given}: {count:,} of {total:,}"
        yield _cell(plan, row, column, _Cell(count, count / total if total else 0.0, column == row, told))
    yield text(plan.x(plan.labels + 1) + 6, base, f"of {total:,}", "start", "small")


@dataclass(frozen=True, slots=True)
class _Cell:
    """How many texts, their share of the row, and the sentence of its tip."""

    count: int
    share: float
    right: bool
    told: str


def _cell(plan: _Plan, row: int, column: int, cell: _Cell) -> str:
    x, y, size = plan.x(column), plan.y(row), plan.cell - 2
    place = f'x="{x:.1f}" y="{y:.1f}" width="{size}" height="{size}" rx="2"'
    if not cell.count:
        return f'<rect class="empty" {place}/>'
    strength = cell.share if cell.right else sqrt(cell.share)
    step = min(int(strength * STEPS), STEPS - 1)
    number = f"{cell.count}"
    small = " tiny" if len(number) > 3 else ""  # four digits are wider than the smallest cell
    return (
        f'<g><rect class="{"plain" if cell.right else "wrong"}" fill-opacity="{(step + 1) / STEPS}" {place}/>'
        f'<text class="cell s{step}{small}" x="{x + size / 2:.1f}" y="{y + size / 2 + 4:.1f}" '
        f'text-anchor="middle">{number}</text><title>{escape(cell.told)}</title></g>'
    )
