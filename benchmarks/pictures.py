"""Which pictures are drawn of what was measured, and whether a file holds one of them.

Curves come with the findings. Bars are drawn of figures, chosen here by their names: a form that no figure
has any more is a fault, so that no picture is silently missing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from benchmarks.figures import Bars, Picture
from benchmarks.measured import Measured
from stream_classifier.core.faults import OperatorFault

Drawn = Picture | Bars

ADAPTER: TypeAdapter[Drawn] = TypeAdapter(Drawn)
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The figures of one benchmark that are bars side by side: those whose `FINDINGS / FIGURE` is of this
    form, as a whole. The group `name` of the form stands beside the bar."""

    picture: str
    title: str
    x: str
    form: str
    name: str = "{}"
    baseline: str = ""


CHOSEN: Mapping[str, Sequence[Choice]] = {
    "hot-path": [
        Choice(
            picture="hot-path",
            title="Tickets that the cache knows",
            x="tickets a second",
            form=r"hot-path / (?P<name>.+): rate",
            baseline="bare loop",
        )
    ],
    "goodput": [
        Choice(
            picture="goodput",
            title="A backlog through a slow provider: time to that of the ideal schedule",
            x="multiple of the ideal",
            form=r"goodput-(?P<name>\d+) / time to the ideal",
            name="{} calls at once",
        )
    ],
    "article": [
        Choice(
            picture="article",
            title="The article's 1,000 tickets, by the way in which they are labelled",
            x="seconds",
            form=r"article / (?P<name>.+): time",
        )
    ],
    "urgent": [
        Choice(
            picture=f"urgent-{mode}",
            title=f"99 of 100 urgent tickets are labelled within, {mode}",
            x="ms",
            form=rf"urgent / {mode}: (?P<name>(?!a transaction).+), p99",
            baseline="idle",
        )
        for mode in ("at-least-once", "exactly-once")
    ],
    "delivery": [
        Choice(
            picture="delivery",
            title="Known tickets in both delivery modes",
            x="tickets a second",
            form=r"delivery / (?P<name>.+): rate",
        )
    ],
}


def of(name: str, found: Measured) -> list[Drawn]:
    """All of one file: its curves, and the bars chosen of its figures. Raises `OperatorFault`."""
    curves = [picture for findings in found.benchmarks.values() for picture in findings.pictures]
    return [*(_bars(name, choice, found) for choice in CHOSEN.get(name, ())), *curves]


def digest(picture: Drawn) -> str:
    """Names all that a picture shows."""
    shown = orjson.dumps(ADAPTER.dump_python(picture, mode="json"), option=orjson.OPT_SORT_KEYS)
    return f"sha256:{sha256(shown).hexdigest()}"


def is_drawn(path: Path, picture: Drawn) -> bool:
    """Whether this file was drawn of this picture: it says so itself."""
    if not path.exists():
        return False
    said = DIGEST.search(path.read_text("utf-8"))
    return said is not None and said[0] == digest(picture)


def _bars(name: str, choice: Choice, found: Measured) -> Bars:
    bars = {}
    for findings_name, findings in found.benchmarks.items():
        for figure in findings.figures:
            if match := re.fullmatch(choice.form, f"{findings_name} / {figure.name}"):
                bars[choice.name.format(match["name"])] = figure.values
    if not bars:
        raise OperatorFault(
            f"docs/measured/{name}.json has no figure of the form {choice.form!r}, of which the picture "
            f"{choice.picture!r} is drawn: see CHOSEN in benchmarks/pictures.py."
        )
    return Bars(
        name=choice.picture,
        title=choice.title,
        x=choice.x,
        bars=bars,
        baselines=[each for each in bars if choice.baseline and each.startswith(choice.baseline)],
    )
