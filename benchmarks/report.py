"""Findings for whoever waits at the terminal: a plain table."""

from collections.abc import Sequence

from benchmarks.figures import Figure, Findings

HEAD = ("", "min", "median", "max", "", "required")


def table(findings: Findings) -> str:
    """The figures a line each; a figure with one value has it as its median."""
    rows = [HEAD, *(_row(figure) for figure in findings.figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    return "\n".join([findings.title, "", *(_line(row, widths) for row in rows)])


def _row(figure: Figure) -> tuple[str, ...]:
    spread = ("", "") if len(figure.values) == 1 else (number(min(figure.values)), number(max(figure.values)))
    return (figure.name, spread[0], number(figure.middle), spread[1], figure.unit, required(figure))


def required(figure: Figure) -> str:
    """The bounds and the verdict; nothing where nothing is required."""
    if figure.holds is None:
        return ""
    bounds = [
        f"{sign} {number(bound)}"
        for sign, bound in (("≥", figure.at_least), ("≤", figure.at_most))
        if bound is not None
    ]
    return f"{', '.join(bounds)}: {'held' if figure.holds else 'NOT HELD'}"


def number(value: float) -> str:
    """Whole numbers with commas, small ones with as many digits as say something."""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else f"{value:.3g}"


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = (f"{row[0]:<{widths[0]}}", *(f"{row[i]:>{widths[i]}}" for i in (1, 2, 3)))
    return "  ".join([name, *numbers, f"{row[4]:<{widths[4]}}", row[5]]).rstrip()
