"""What a person sees of an evaluation before and while it runs: what it will take, and how far it is."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_classifier.cli.classifying import BAR_CHARS, BAR_STYLE, Notices
from stream_classifier.lab.evaluate.outcome import Evaluation, StoppedFor
from stream_classifier.lab.evaluate.plan import Part, Plan
from stream_classifier.lab.evaluate.questions import Question
from stream_classifier.lab.evaluate.store import PaidAnswer
from stream_classifier.lab.figures import usd
from stream_classifier.lab.screen import bar

NO_PRICE = "no price"


def show_plan(plan: Plan, console: Console) -> None:
    """What each configuration would take, and how far the budget reaches."""
    console.print(f"{len(plan.rows):,} rows; estimated before anything is learned of the provider's count:")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("configuration", overflow="fold")
    for name in ("known", "to ask", "calls", "tokens in", "out", "cost"):
        table.add_column(name, justify="right")
    for part in plan.parts:
        table.add_row(*_row(part))
    console.print(table)
    for sentence in _sentences(plan):
        console.print(sentence, soft_wrap=True)


def question_about(plan: Plan) -> str:
    """What a person is asked before anything is spent."""
    if plan.usd is None:
        return "Ask the provider, at a cost that is not known?"
    left_usd = plan.usd if plan.max_usd is None else min(plan.usd, plan.max_usd - plan.spent_usd)
    return f"Ask the provider, for about {usd(left_usd)}?"


def plan_data(plan: Plan) -> dict[str, Any]:
    """The same for machines; USD are None where a model has no price."""
    return {
        "rows": len(plan.rows),
        "rows_within_budget": plan.reach,
        "max_cost_usd": plan.max_usd,
        "spent_usd": plan.spent_usd,
        "cost_usd": plan.usd,
        "configurations": [
            {
                "name": part.configuration.name,
                "settings": dict(part.configuration.chosen),
                "texts": len(part.questions),
                "known": len(part.known),
                "spent_usd": part.paid.usd,
                "left": asdict(part.estimate),
            }
            for part in plan.parts
        ],
    }


def how_to_go_on(evaluation: Evaluation, store: Path) -> str | None:
    """What is said of rows that were not asked; None where there are none."""
    reasons = {run.stopped_for for run in evaluation.runs} - {None}
    if not reasons:
        return None
    kept = f"What is paid for is kept in {store}"
    if StoppedFor.INTERRUPT in reasons:
        return f"Stopped before all was asked. {kept}: the same command goes on from there."
    return (
        f"--max-cost does not reach for all rows, so figures are over those that were asked. {kept}: the same"
        " command with a higher --max-cost goes on from there."
    )


def _row(part: Part) -> Iterator[str]:
    estimate = part.estimate
    yield part.configuration.name
    yield f"{len(part.known):,}"
    yield f"{len(part.questions) - len(part.known):,}"
    yield f"{estimate.bulk_calls + estimate.urgent_calls:,}"
    yield f"{estimate.tokens_in:,}"
    yield f"{estimate.tokens_out:,}"
    yield NO_PRICE if part.usd is None else usd(part.usd)


def _sentences(plan: Plan) -> Iterator[str]:
    if len(plan.parts) > 1:
        yield f"In all: {NO_PRICE if plan.usd is None else usd(plan.usd)}."
    if plan.spent_usd:
        yield f"Spent on these configurations before: {usd(plan.spent_usd)}."
    if lost := sum(part.paid.lost for part in plan.parts):
        yield (
            f"Of that, {lost:,} call{'' if lost == 1 else 's'} had no end when an earlier run was killed:"
            " what may have been paid for it at the most is counted."
        )
    if plan.max_usd is not None and plan.reach < len(plan.rows):
        yield (
            f"--max-cost {usd(plan.max_usd)} reaches for about {plan.reach:,} of {len(plan.rows):,} rows: so"
            " these are asked, the same ones in each configuration."
        )


@dataclass(slots=True)
class Progress:
    """How far an evaluation is."""

    plan: Plan
    notices: Notices
    done: int = 0
    cost_usd: float | None = 0.0
    _total: int = field(init=False)
    _name: str = ""

    def __post_init__(self) -> None:
        self._total = self.plan.to_ask

    def begun(self, part: Part) -> None:
        """This configuration's turn has come."""
        self._name = part.configuration.name

    def answered(self, _question: Question, answer: PaidAnswer) -> None:
        """One more question is done."""
        self.done += 1
        unknown = self.cost_usd is None or answer.cost_usd is None
        self.cost_usd = None if unknown else (self.cost_usd or 0.0) + (answer.cost_usd or 0.0)

    def render(self) -> RenderableType:
        """A line of figures after a bar."""
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=BAR_CHARS)
        line.add_column(no_wrap=True, overflow="ellipsis")
        parts = [f"{self.done:,} of {self._total:,} texts"]
        parts += [usd(self.cost_usd)] if self.cost_usd is not None else []
        paused = f"paused: {self.notices.paused}  " if self.notices.paused else ""
        told = Text.assemble((paused, "bold red"), "  ".join([*parts, self._name]))
        line.add_row(bar(self.done / (self._total or 1), BAR_CHARS, BAR_STYLE), told)
        return line
