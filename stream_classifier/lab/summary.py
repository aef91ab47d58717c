"""The demo's last word: what came in, what became of it, what it cost and how long it took, for a person."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.text import Text

from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.lab.figures import DemoFigures, listed
from stream_classifier.lab.screen import BAD, BULK, GOOD, NAME_WIDTH, bar, cost_bars, grid, latency_rows

WIDTH = 78
"""Within the 80 columns of the narrowest terminal, and of a page that somebody pastes it into."""

SIMULATED = (
    "The provider was simulated: its labels follow a simple rule, and nothing here shows how accurate a "
    "model is. For that, let a real one label tickets of your own. Costs are its token counts at list "
    "prices. Waiting times follow from the latency that it was set to; up to half a second of each is the "
    "embedded broker's, which hands over new records less promptly than Apache Kafka."
)

NO_PREFIX = (
    f"A provider's prefix cache keeps beginnings of {PREFIX_CACHE_FROM_TOKENS:,} tokens and more; what these "
    "calls have in common is shorter, so it would have saved nothing."
)

CHECKED = "Counted in the topics: each record's offset was looked for in what came out."


def summary(figures: DemoFigures, *, model: str) -> RenderableType:
    """The whole summary, at most 80 columns wide; `model` names whose list prices were used."""
    return Constrain(Group(*(Padding(part, (0, 1, 1, 1)) for part in _parts(figures, model))), WIDTH + 2)


def _parts(figures: DemoFigures, model: str) -> Iterator[RenderableType]:
    yield _what_came(figures)
    yield _labels(figures)
    yield _who_answered(figures)
    yield _what_it_cost(figures, model)
    yield Group(Text("How long tickets waited", "bold"), latency_rows(figures))
    yield Text(SIMULATED, "dim")


def _what_came(figures: DemoFigures) -> RenderableType:
    """The account: what came in is what came out, or the difference is said in red."""
    title = Text(f"{figures.tickets_in:,} records came in over {figures.elapsed_s:.0f} s: ", "bold")
    title.append(verdict(figures), BAD if figures.lost or figures.repeated else GOOD)
    rows = [
        (figures.labelled_in_all, "labelled", f"{figures.labelled.get('urgent', 0):,} of them urgent"),
        (figures.reviews, "for a person to review", listed(figures.needs_review)),
        (figures.dead_letters, "dead letters", "not tickets; kept whole for a person"),
        (figures.passed_over, "passed over", "by a named rule, such as a deletion"),
        (figures.left, "left to Kafka", "not committed: the next start labels them"),
    ]
    table = grid(11, 24, WIDTH - 35, sides=("right", "left", "left"))
    for count, name, remark in rows:
        if count:
            table.add_row(Text(f"{count:,}", "bold"), name, Text(remark, "dim"))
    return Group(title, table, Text(CHECKED, "dim"))


def verdict(figures: DemoFigures) -> str:
    """What the account says, in a few words."""
    wrong = [
        f"{count:,} {what}"
        for count, what in ((figures.lost, "were lost"), (figures.repeated, "came out more than once"))
        if count
    ]
    return ", ".join(wrong) or "nothing was lost, nothing came twice"


def _labels(figures: DemoFigures) -> RenderableType:
    table = grid(NAME_WIDTH, WIDTH - NAME_WIDTH - 18, 18, sides=("left", "left", "left"))
    most, total = max(figures.labels.values(), default=1), sum(figures.labels.values())
    for label, count in sorted(figures.labels.items(), key=lambda item: -item[1]):
        share = Text.assemble((f"{count:,}", "bold"), f"  {count * 100 / total:.0f} %")
        table.add_row(Text(label), bar(count / most, WIDTH - NAME_WIDTH - 19, BULK), share)
    return Group(Text("What they were labelled", "bold"), table)


def _what_it_cost(figures: DemoFigures, model: str) -> RenderableType:
    title = Text(f"What it cost at the list prices of {model}", "bold")
    remark = [Text(NO_PREFIX, "dim")] if figures.single_cached_cost_usd == figures.single_cost_usd else []
    return Group(title, cost_bars(figures, WIDTH), *remark)


def _who_answered(figures: DemoFigures) -> RenderableType:
    asked = figures.labelled_in_all - figures.hits - figures.shared
    rows = [
        (asked, "asked of the model", _calls(figures)),
        (figures.hits, "known from the cache", "the same text had been answered before"),
        (figures.shared, "answered with another", "the same text was just being asked"),
    ]
    table = grid(11, 24, WIDTH - 35, sides=("right", "left", "left"))
    for count, name, remark in rows:
        table.add_row(Text(f"{count:,}", "bold"), name, Text(remark, "dim"))
    return Group(Text("Who answered", "bold"), table)


def _calls(figures: DemoFigures) -> str:
    bulk = f"in {figures.calls - figures.urgent_calls:,} calls of {figures.texts_per_call:.1f} texts"
    return f"{bulk}, {figures.urgent_calls:,} urgent" if figures.urgent_calls else bulk
