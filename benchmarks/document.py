"""The documentation's tables, figures in sentences and pictures, made from `docs/measured`.

Rules
-----
* Prose is written by hand and survives. Between `<!-- measured: NAME -->` and `<!-- /measured -->` stands
  what the file NAME.json gives: its tables, and its pictures below. Within a line
  `<!-- median: NAME / FINDINGS / FIGURE / DIGITS -->` and `<!-- /median -->` enclose a figure's median,
  rounded to so many digits.
* A sentence takes figures of whole runs only; a table says of what it is.
* A file that is not there yet leaves what stands there. One that is there without the figure is a fault: a
  sentence is never left to say something old.
* Made twice from the same files, it is the same to the byte.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from math import floor, log10
from pathlib import Path

from benchmarks import measured, pictures, tables
from benchmarks.figures import Figure
from benchmarks.measured import Measured
from benchmarks.suite import SUITE
from stream_classifier.core.faults import OperatorFault

ROOT = Path(__file__).parents[1]
PAGES = ("docs/performance.md", "README.md")
PICTURES = "docs/pictures"
BLOCK = re.compile(r"(<!-- measured: (?P<name>.+?) -->\n).*?(<!-- /measured -->)", re.DOTALL)
MEDIAN = re.compile(r"(<!-- median: (?P<path>.+?) -->)[^<]*(<!-- /median -->)")

Read = Callable[[str], Measured | None]
"""What is measured under a name; None where nothing is yet."""


def make(*, check: bool = False, root: Path = ROOT) -> list[str]:
    """Write what is not as the files have it; with `check` nothing. Returns the paths. Raises `OperatorFault`
    for a marker that names nothing, or a file that is none."""
    found = partial(read, root)
    changed = []
    for page in PAGES:
        path = root / page
        before = path.read_text("utf-8")
        if (after := filled(before, found, page)) != before:
            changed.append(page)
            if not check:
                path.write_text(after, "utf-8")
    return [*changed, *_pictures(root, found, check=check)]


def read(root: Path, name: str) -> Measured | None:
    """By the name of a benchmark. Raises `OperatorFault` where there is none of this name."""
    if name not in {each.name for each in SUITE}:
        raise OperatorFault(
            f"There is no benchmark {name!r}. `python -m benchmarks list` shows what there is."
        )
    return measured.read(root / "docs" / "measured" / f"{name}.json")


def filled(page: str, found: Read, name: str) -> str:
    """The page with every marker's inside made anew. Raises `OperatorFault`."""
    for opening, closing in (("<!-- measured:", "<!-- /measured -->"), ("<!-- median:", "<!-- /median -->")):
        if page.count(opening) != page.count(closing):
            raise OperatorFault(f"{name}: not every {opening} … --> has its {closing} after it.")
    page = BLOCK.sub(lambda match: _block(match, found), page)
    return MEDIAN.sub(lambda match: _median(match, found), page)


def _block(match: re.Match[str], found: Read) -> str:
    of = found(match["name"])
    if of is None:
        return match[0]
    links = (f"![{picture.title}](pictures/{picture.name}.svg)" for picture in pictures.of(match["name"], of))
    return match[1] + "\n\n".join([tables.markdown(of), *links]) + "\n" + match[3]


def _median(match: re.Match[str], found: Read) -> str:
    name, findings, figure, digits = _path(match["path"])
    of = found(name)
    if of is None:
        return match[0]
    if not of.whole:
        raise OperatorFault(
            f"docs/measured/{name}.json is of a run that was cut short or was not of the usual size: "
            f"a sentence cannot say so. Measure it whole: python -m benchmarks all --only {name}"
        )
    for each in of.benchmarks[findings].figures if findings in of.benchmarks else ():
        if each.name == figure:
            return match[1] + rounded(each, digits) + match[3]
    raise OperatorFault(
        f"docs/measured/{name}.json has no figure {figure!r} of {findings!r}, which a sentence names."
    )


def _path(told: str) -> tuple[str, str, str, int]:
    match told.split(" / "):
        case [name, findings, figure, digits] if digits.isdigit():
            return name, findings, figure, int(digits)
    raise OperatorFault(f"<!-- median: {told} --> is not of the form NAME / FINDINGS / FIGURE / DIGITS.")


def rounded(figure: Figure, digits: int) -> str:
    """The median as a sentence has it: 38,935 is 39,000 in two digits, and 0.2461 is 0.25."""
    value = float(f"{figure.middle:.{digits - 1}e}")
    size = floor(log10(abs(value))) if value else 0
    return f"{value:,.{max(digits - 1 - size, 0)}f}"


def _pictures(root: Path, found: Read, *, check: bool) -> Iterator[str]:
    """Those whose file is not drawn of what was measured, drawn anew unless only checked."""
    for benchmark in SUITE:
        of = found(benchmark.name)
        for picture in pictures.of(benchmark.name, of) if of else ():
            path = f"{PICTURES}/{picture.name}.svg"
            if not pictures.is_drawn(root / path, picture):
                if not check:
                    _draw(root / path, picture, benchmark.name)
                yield path


def _draw(path: Path, picture: pictures.Drawn, name: str) -> None:
    from benchmarks import drawing  # imports matplotlib: half a second, and a check needs none

    drawing.draw(path, picture, source=f"docs/measured/{name}.json")
