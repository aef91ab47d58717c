"""The findings of `make faults` as two tables, for a terminal or as Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.fault_findings import Faults, Outlived, Struck
from benchmarks.fault_tickets import TICKETS
from benchmarks.figures import Figure, Findings
from benchmarks.grades import told

Cells = Sequence[str]

STRUCK = ("failure", "tickets", "right", "wrong", "for review", "struck", "calls", "time", "repeated", "lost")
OUTLIVED = (
    "outage",
    "tickets",
    "labelled meanwhile",
    "calls meanwhile",
    "urgent for review",
    "after their deadline by",
    "right in the end",
    "resumed after",
    "wrong",
    "repeated",
    "lost",
)
UNDETECTABLE = " (*undetectable*)"


def report(faults: Faults, *, markdown: bool) -> str:
    """Both tables with a sentence of what was run, and whatever is not as it must be."""
    parts = []
    if faults.struck:
        title = f"A fault strikes while {TICKETS} tickets are labelled (seed {faults.seed})"
        parts += [title, _table([STRUCK, *struck_rows(faults.ideal, faults.struck)], markdown=markdown)]
    if faults.outlived:
        title = f"Nothing works for {faults.outage_s:.0f} s, then it is mended (seed {faults.seed})"
        parts += [title, _table([OUTLIVED, *map(outlived_row, faults.outlived)], markdown=markdown)]
    parts += list(_told(faults))
    return "\n\n".join(parts)


def findings(faults: Faults) -> Findings:
    """The tables as a sum, for what keeps findings; each row is judged by itself."""
    grades = [entry.grades for entry in faults.struck] + [entry.grades for entry in faults.outlived]
    sums = (
        ("tickets right", sum(each.right for each in grades), None),
        ("tickets for review", sum(sum(each.reviews.values()) for each in grades), None),
        ("tickets lost", sum(each.lost for each in grades), 0),
        ("tickets repeated", sum(each.repeated for each in grades), 0),
        ("failures not as they must be", len(faults.shortcomings), 0),
    )
    figures = [Figure(name=name, values=[value], at_most=at_most) for name, value, at_most in sums]
    title = (
        f"{len(faults.struck)} faults while {TICKETS} tickets each are labelled, and {len(faults.outlived)} "
    )
    return Findings(title=f"{title}outages of {faults.outage_s:.0f} s (seed {faults.seed})", figures=figures)


def struck_rows(ideal: Struck, struck: Sequence[Struck]) -> Iterator[Cells]:
    """A row each, calls and time against the ideal's."""
    for entry in (ideal, *struck):
        grades, beyond = entry.grades, entry is not ideal
        yield (
            entry.row.failure + (UNDETECTABLE if entry.row.may_be_wrong else ""),
            str(grades.tickets),
            str(grades.right),
            str(grades.wrong),
            told(grades.reviews),
            str(entry.strikes),
            f"{entry.calls}" + (f" ({entry.calls - ideal.calls:+})" if beyond else ""),
            f"{entry.seconds:.1f} s" + (f" ({_beyond_s(entry, ideal):+.1f})" if beyond else ""),
            str(grades.repeated),
            str(grades.lost),
        )


def _beyond_s(entry: Struck, ideal: Struck) -> float:
    return round(entry.seconds - ideal.seconds, 1) or 0.0  # never "-0.0"


def outlived_row(entry: Outlived) -> Cells:
    """One outage."""
    grades = entry.grades
    return (
        entry.row.failure,
        str(grades.tickets),
        str(entry.labelled_meanwhile),
        "no pause" if entry.calls is None else str(entry.calls),
        f"{grades.reviews.get('deadline', 0)} of {entry.urgent}",
        f"{entry.late_ms[1] / 1000:.1f} s",
        str(grades.right),
        f"{entry.resumed_after_s:.1f} s",
        str(grades.wrong),
        str(grades.repeated),
        str(grades.lost + entry.unpublished),
    )


def _told(faults: Faults) -> Iterator[str]:
    for failure, sentences in faults.shortcomings.items():
        yield f"NOT AS IT MUST BE, {failure}: {' '.join(sentences)}"


def _table(rows: Sequence[Cells], *, markdown: bool) -> str:
    """Columns as wide as they need: names to the left, all else to the right."""
    if markdown:
        head, *rest = rows
        rule = ["---", *["--:"] * (len(head) - 1)]
        return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rest))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Cells, widths: Sequence[int]) -> str:
    name, *values = row
    padded = (f"{value:>{width}}" for value, width in zip(values, widths[1:], strict=True))
    return "  ".join([f"{name:<{widths[0]}}", *padded])
