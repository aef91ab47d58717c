"""What an evaluation would take, found out without a call: for each configuration, and how far a budget
reaches.

A budget that does not reach for all rows is spent on the same rows in every configuration, the first in the
order of asking: answers of one configuration to rows that another was not asked compare nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from stream_classifier.lab.classify.estimate import Estimate, Estimator
from stream_classifier.lab.evaluate.drawing import GoldRow
from stream_classifier.lab.evaluate.grid import Configuration
from stream_classifier.lab.evaluate.questions import Question, questions
from stream_classifier.lab.evaluate.store import Paid, PaidAnswer, Store
from stream_classifier.lab.labelling import ReadRow

RESERVED_TIMES = 8
"""So many times what a call costs is about the most that is reserved for it: a token for each byte of it, and
a batch larger than the mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One configuration's part: its questions, those that are paid for, and what the rest would take.
    `affordable` are the questions that the budget reaches for, asked or not."""

    configuration: Configuration
    questions: Sequence[Question] = field(repr=False)
    known: dict[bytes, PaidAnswer] = field(repr=False)
    paid: Paid
    estimate: Estimate
    affordable: frozenset[bytes] = field(repr=False)

    @property
    def to_ask(self) -> list[Question]:
        """What is neither known nor beyond the budget, in the order of asking."""
        return [q for q in self.questions if q.key not in self.known and q.key in self.affordable]

    @property
    def usd(self) -> float | None:
        """What the rest would cost, all of it; None where a model has no price."""
        return self.estimate.usd

    @property
    def call_usd(self) -> float:
        """What a call would cost in the mean; 0 where none is to be made, or nobody knows."""
        calls = self.estimate.bulk_calls + self.estimate.urgent_calls
        return (self.usd or 0.0) / calls if calls else 0.0

    @property
    def priced(self) -> bool:
        """Whether every model that may be called has a price."""
        llm = self.configuration.settings.llm
        return llm.model in llm.prices and llm.urgent_model in llm.prices


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All parts, over the same `rows`; `reach` of them are asked in every configuration.

    What is as long as the file is not shown in a `repr`: asyncio makes one of what its main task returns.
    """

    rows: Sequence[GoldRow] = field(repr=False)
    parts: Sequence[Part]
    reach: int
    max_usd: float | None

    @property
    def spent_usd(self) -> float:
        """What these configurations have cost so far."""
        return sum(part.paid.usd for part in self.parts)

    @property
    def usd(self) -> float | None:
        """What the rest would cost, all of it; None where a model has no price."""
        amounts = [part.usd for part in self.parts]
        return None if None in amounts else sum(filter(None, amounts))

    @property
    def to_ask(self) -> int:
        """How many questions would be asked, over all configurations."""
        return sum(len(part.to_ask) for part in self.parts)


async def planned(
    configurations: Sequence[Configuration], rows: Sequence[GoldRow], store: Store, max_usd: float | None
) -> Plan:
    """What is known of these rows, and what the rest would take."""
    parts = [await _part(configuration, rows, store) for configuration in configurations]
    left_usd = None if max_usd is None else max_usd - sum(part.paid.usd for part in parts)
    reach = len(rows) if left_usd is None else _reach(rows, parts, left_usd)
    affordable = set(map(id, rows[:reach]))
    return Plan(
        rows=rows,
        parts=[
            replace(part, affordable=frozenset(q.key for q in part.questions if id(q.rows[0]) in affordable))
            for part in parts
        ],
        reach=reach,
        max_usd=max_usd,
    )


async def _part(configuration: Configuration, rows: Sequence[GoldRow], store: Store) -> Part:
    found = questions(configuration, rows)
    known = store.answers([question.key for question in found])
    left = [question.rows[0] for question in found if question.key not in known]
    read = (ReadRow(line=row.line, value=row.value, fingerprint=b"") for row in left)
    return Part(
        configuration=configuration,
        questions=found,
        known=known,
        paid=store.paid(configuration.digest),
        estimate=await Estimator(configuration.settings).count(read),
        affordable=frozenset(),
    )


def _reach(rows: Sequence[GoldRow], parts: Sequence[Part], left_usd: float) -> int:
    """How many rows can be asked in every configuration: each question is taken to cost as much as the mean
    of those that are left, and what is reserved for the last call must still be there."""
    left_usd -= RESERVED_TIMES * max((part.call_usd for part in parts), default=0.0)
    costs = dict.fromkeys(map(id, rows), 0.0)
    for part in parts:
        left = [question for question in part.questions if question.key not in part.known]
        for question in left:
            costs[id(question.rows[0])] += (part.usd or 0.0) / len(left)
    for reach, row in enumerate(rows):
        left_usd -= costs[id(row)]
        if left_usd < 0:
            return reach
    return len(rows)
