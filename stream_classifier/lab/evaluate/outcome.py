"""What an evaluation found: rows whose right answer is known, and what each configuration answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class StoppedFor(StrEnum):
    """Why a configuration was not asked for every row."""

    BUDGET = "budget"
    INTERRUPT = "interrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one configuration answered to one row.

    `line` is the row's in the file, from 1; `text` is what the model saw (masked where `ticket.redact` says
    so), `text_digest` names it: rows with equal ones were one question. `labels` are by question, None where
    one was not answered; `predicted` is the one that is evaluated, and where it is None `reason` says why.
    `position` is the text's place in its call, from 0, and `batch_size` the number of texts in that call;
    both None where no call gave the answer. `decided_by` is `llm` for the row that was asked, `cache` for a
    repeat of its text. `latency_ms` is that of the call which gave the answer.
    """

    line: int
    text: str
    text_digest: str
    expected: str
    labels: Mapping[str, str | None]
    predicted: str | None
    reason: str | None
    lane: str
    decided_by: str | None
    batch_size: int | None
    position: int | None
    latency_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One configuration. `name` is what sets it apart ("batch.max_tickets=5, llm.model=a"), `settings` the
    same by path; `batch_size` is its `batch.max_tickets`, whether that is in the grid or not.

    `calls` gave these answers; tokens and USD are the answers' shares of every attempt, in this run or an
    earlier one. `cost_usd` is None where a model has no price. `spent_usd` is all that was ever paid for this
    configuration: also for other rows, for trying whether a model works, and for calls whose end nobody
    knows. `not_asked` counts the rows without a verdict, and `stopped_for` says why there are any.
    """

    name: str
    settings: Mapping[str, str]
    batch_size: int
    model: str
    verdicts: Sequence[Verdict] = field(repr=False)
    calls: int
    tokens_in: int
    tokens_out: int
    cost_usd: float | None
    spent_usd: float
    elapsed_s: float
    not_asked: int = 0
    stopped_for: StoppedFor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A row that no configuration is judged by: its line, and a sentence that says why."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All configurations, over the same `rows`. `labels` are what the question can be answered with in any of
    them, in the taxonomy's order; `simulated`: a simulated provider answered, so nothing is said of
    accuracy."""

    source: str
    label_field: str
    question: str
    labels: tuple[str, ...]
    rows: int
    runs: tuple[Run, ...]
    skipped: Sequence[Skipped] = field(default=(), repr=False)
    max_cost_usd: float | None = None
    simulated: bool = False
