"""An evaluation from the file to what was found: read, plan, ask, judge."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stream_classifier.core.answer import Lane
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.core.ladder import Ladder, Ladders
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import TicketReader
from stream_classifier.lab.backlog import STANDARD_INPUT, open_backlog
from stream_classifier.lab.evaluate.asking import Asking
from stream_classifier.lab.evaluate.drawing import Drawing, GoldRow
from stream_classifier.lab.evaluate.grid import Configuration
from stream_classifier.lab.evaluate.outcome import Evaluation, Skipped, StoppedFor
from stream_classifier.lab.evaluate.plan import Part, Plan, planned
from stream_classifier.lab.evaluate.questions import Question
from stream_classifier.lab.evaluate.spending import Purse
from stream_classifier.lab.evaluate.store import PaidAnswer, Store
from stream_classifier.lab.evaluate.verdicts import judged
from stream_classifier.service.building import Builder
from stream_classifier.service.calling import new_clients

SIMULATOR = "simulator"  # who owns the models of `simulate-llm`, as it says


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be found out. `label_field` is the path of the right answer in each row."""

    source: str
    label_field: str
    question: str
    limit: int | None = None
    max_usd: float | None = None

    @property
    def name(self) -> str:
        """The file's name, for people."""
        return "standard input" if self.source == STANDARD_INPUT else Path(self.source).name


@dataclass(slots=True, kw_only=True)
class Evaluator:
    """Evaluates these configurations. `answered` is told of each question that is done, `begun` of each
    part."""

    task: Task
    configurations: Sequence[Configuration]
    store: Store
    environ: Mapping[str, str]
    begun: Callable[[Part], None] = field(default=lambda _: None)
    answered: Callable[[Question, PaidAnswer], None] = field(default=lambda _question, _answer: None)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    skipped: Sequence[Skipped] = ()

    async def plan(self) -> Plan:
        """Read the rows, and say what is left to ask. Raises `OperatorFault`."""
        plan = await planned(self.configurations, self._drawn(), self.store, self.task.max_usd)
        if self.task.max_usd is not None and (unpriced := _unpriced(plan)):
            raise OperatorFault(
                f"The cost cannot be kept below --max-cost: there is no price for {', '.join(unpriced)}. Put"
                " it into llm.prices, or leave --max-cost out."
            )
        return plan

    async def evaluate(self, plan: Plan) -> Evaluation:
        """Ask what the plan says, and judge all that is known then. Raises `OperatorFault`."""
        purse = Purse(max_usd=self.task.max_usd, spent_usd=plan.spent_usd, exhausted=self.stopping.set)
        simulated = await self._meets_a_simulator()
        runs = []
        for part in plan.parts:
            part.known.update(self.store.answers([question.key for question in part.to_ask]))
            if part.to_ask and not self.stopping.is_set():
                self.begun(part)
                await self._ask(part, purse)
            stopped_for = self._stopped_for(part, purse)
            runs.append(judged(part, self.task.question, stopped_for, self.store))
        return Evaluation(
            source=self.task.name,
            label_field=self.task.label_field,
            question=self.task.question,
            labels=_labels(self.configurations, self.task.question),
            rows=len(plan.rows),
            runs=tuple(runs),
            skipped=self.skipped,
            max_cost_usd=self.task.max_usd,
            simulated=simulated,
        )

    async def _ask(self, part: Part, purse: Purse) -> None:
        def answered(question: Question, answer: PaidAnswer) -> None:
            part.known[question.key] = answer
            self.answered(question, answer)

        asking = Asking(
            configuration=part.configuration,
            questions=part.to_ask,
            store=self.store,
            purse=purse,
            stopping=self.stopping,
            answered=answered,
        )
        await asking.run(self.environ)

    def _drawn(self) -> list[GoldRow]:
        drawing = Drawing(
            label_path=_label_path(self.task.label_field),
            labels=_common_labels(self.configurations, self.task.question),
            readers=_readers(self.configurations),
            limit=self.task.limit,
        )
        with open_backlog(self.task.source) as rows:
            drawn = drawing.draw(rows, self.task.name)
        self.skipped = drawing.skipped
        return drawn

    def _stopped_for(self, part: Part, purse: Purse) -> StoppedFor | None:
        if all(question.key in part.known for question in part.questions):
            return None
        return StoppedFor.INTERRUPT if self.stopping.is_set() and not purse.empty else StoppedFor.BUDGET

    async def _meets_a_simulator(self) -> bool:
        """Whether one of the providers says that it is simulated: what it answers says nothing of
        accuracy."""
        for settings in {each.settings.llm.base_url: each.settings for each in self.configurations}.values():
            client = new_clients(settings, self.environ, Ladders(Ladder))[Lane.BULK]
            async with client:
                if SIMULATOR in (await client.visit()).owners:
                    return True
        return False


def question_of(configurations: Sequence[Configuration], asked: str | None, label_field: str) -> str:
    """The question that the labels answer: the one that is named, the only one, or the one that is called as
    the field is. Raises `OperatorFault` where that is none, or not one of all configurations."""
    first, *others = ([q.name for q in each.settings.taxonomy.questions] for each in configurations)
    common = [name for name in first if all(name in names for names in others)]
    field_name = label_field.rpartition(".")[2]
    name = asked or (common[0] if len(common) == 1 else field_name)
    if name in common:
        return name
    if asked:
        why = f"The taxonomy has no question `{asked}`"
    else:
        why = "The taxonomy has several questions" if common else "The taxonomies have no question in common"
    raise OperatorFault(f"{why}: name by --question one of {', '.join(common) or 'those that they share'}.")


def _label_path(label_field: str) -> FieldPath:
    try:
        return FieldPath.parse(label_field)
    except ValueError as error:
        raise OperatorFault(f"--label-field: {error}.") from error


def _labels(configurations: Sequence[Configuration], question: str) -> tuple[str, ...]:
    """What the question can be answered with in any configuration, in the first one's order."""
    found: dict[str, None] = {}
    for each in configurations:
        found |= dict.fromkeys(_names(each, question))
    return tuple(found)


def _common_labels(configurations: Sequence[Configuration], question: str) -> frozenset[str]:
    return frozenset.intersection(*(frozenset(_names(each, question)) for each in configurations))


def _names(configuration: Configuration, question: str) -> Sequence[str]:
    [found] = [each for each in configuration.settings.taxonomy.questions if each.name == question]
    return list(found.names)


def _readers(configurations: Sequence[Configuration]) -> list[TicketReader]:
    """A reader for each way in which the configurations read tickets."""
    ways = [each.settings for each in configurations]
    different = [
        s for place, s in enumerate(ways) if s.ticket not in [before.ticket for before in ways[:place]]
    ]
    return [Builder(settings, Tally()).reader() for settings in different]


def _unpriced(plan: Plan) -> list[str]:
    """The models that may be called and have no price."""
    every = (part.configuration.settings.llm for part in plan.parts)
    models = {m: None for llm in every for m in (llm.model, llm.urgent_model) if m not in llm.prices}
    return list(models)
