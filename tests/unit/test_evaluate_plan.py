"""What an evaluation would take, how far its budget reaches, and what becomes of answers as verdicts."""

from collections.abc import Sequence
from dataclasses import replace

import orjson
import pytest

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.core.ticket import TicketReader
from stream_classifier.lab.evaluate.drawing import Drawing, GoldRow
from stream_classifier.lab.evaluate.evaluating import question_of
from stream_classifier.lab.evaluate.grid import Configuration, configurations, parse_axis
from stream_classifier.lab.evaluate.outcome import StoppedFor
from stream_classifier.lab.evaluate.plan import Plan, planned
from stream_classifier.lab.evaluate.questions import questions
from stream_classifier.lab.evaluate.store import IN_MEMORY, PaidAnswer, Store, open_store
from stream_classifier.lab.evaluate.verdicts import judged
from stream_classifier.lab.rows import TicketRow
from tests.unit.evaluate_cases import BUG
from tests.unit.settings_cases import NOTHING, variables

BOTH = "batch.max_tickets=1,10"


def compared(*grid: str, **texts: str) -> tuple[Configuration, ...]:
    return configurations(NOTHING, variables(**texts), [parse_axis(each) for each in grid])


def drawn(count: int, texts: int = 1_000) -> list[GoldRow]:
    """So many rows with so many texts."""
    rows = [
        TicketRow(line=n + 1, ticket={"id": n, "text": f"text {n % texts}", "label": "bug"})
        for n in range(count)
    ]
    drawing = Drawing(
        label_path=FieldPath.parse("label"), labels=frozenset(("bug",)), readers=[TicketReader()]
    )
    return drawing.draw(rows, "f")


def pay(
    store: Store, configuration: Configuration, rows: Sequence[GoldRow], answer: PaidAnswer = BUG
) -> None:
    """Have these rows answered so."""
    found = questions(configuration, rows)
    store.keep([], [(question.key, replace(answer, batch_id=str(n))) for n, question in enumerate(found)])


async def plan(store: Store, rows: Sequence[GoldRow], max_usd: float | None = None, grid: str = BOTH) -> Plan:
    return await planned(compared(grid), rows, store, max_usd)


async def test_each_text_is_one_question_in_each_configuration() -> None:
    with open_store(IN_MEMORY) as store:
        found = await plan(store, drawn(30, texts=20))
    assert [len(part.questions) for part in found.parts] == [20, 20]
    assert [part.estimate.bulk_calls for part in found.parts] == [20, 2]
    assert found.to_ask == 40


async def test_an_answer_serves_in_its_own_configuration_only() -> None:
    rows = drawn(20)
    with open_store(IN_MEMORY) as store:
        pay(store, compared(BOTH)[1], rows)
        one, ten = (await plan(store, rows)).parts
    assert (len(one.to_ask), len(ten.to_ask)) == (20, 0)
    assert ten.usd == 0.0


async def test_an_urgent_text_is_another_question_than_the_same_in_bulk() -> None:
    [as_configured] = compared()
    [keyword] = compared(TRIAGE__KEYWORDS="text")
    [bulk], [urgent] = (questions(each, drawn(1)) for each in (as_configured, keyword))
    assert (bulk.lane, urgent.lane) == ("bulk", "urgent")
    assert bulk.key != urgent.key


async def test_a_budget_reaches_for_the_same_rows_in_every_configuration() -> None:
    rows = drawn(200)
    with open_store(IN_MEMORY) as store:
        whole = await plan(store, rows)
        assert whole.usd is not None
        half = await plan(store, rows, max_usd=whole.usd / 2)
    assert 60 < half.reach < 100
    asked = [[question.rows[0].line for question in part.to_ask] for part in half.parts]
    assert asked[0] == asked[1] == [row.line for row in rows[: half.reach]]


async def test_what_was_spent_is_not_there_to_be_spent_again() -> None:
    rows = drawn(50)
    with open_store(IN_MEMORY) as store:
        whole = await plan(store, rows)
        store.begin_call(compared(BOTH)[0].digest, "gpt-4o-mini", whole.usd or 0.0)
        rest = await plan(store, rows, max_usd=whole.usd)
    assert rest.spent_usd == whole.usd
    assert (rest.reach, rest.to_ask) == (0, 0)


async def test_a_budget_that_reaches_for_all_leaves_nothing_out() -> None:
    rows = drawn(50)
    with open_store(IN_MEMORY) as store:
        found = await plan(store, rows, max_usd=100.0)
    assert (found.reach, found.to_ask) == (50, 100)


async def test_without_a_price_the_cost_is_not_known() -> None:
    with open_store(IN_MEMORY) as store:
        found = await plan(store, drawn(5), grid="llm.model=gpt-4o-mini,unheard-of")
    assert [part.priced for part in found.parts] == [True, False]
    assert found.usd is None


async def test_every_row_of_a_text_gets_its_verdict_and_the_text_is_paid_for_once() -> None:
    rows = drawn(30, texts=20)
    with open_store(IN_MEMORY) as store:
        pay(store, compared(BOTH)[1], rows)
        ten = (await plan(store, rows)).parts[1]
        run = judged(ten, "label", None, store)
    assert [verdict.line for verdict in run.verdicts] == sorted(row.line for row in rows)
    assert sorted(verdict.decided_by or "" for verdict in run.verdicts) == ["cache"] * 10 + ["llm"] * 20
    assert {(verdict.batch_size, verdict.position) for verdict in run.verdicts} == {(10, 3)}
    assert (run.calls, run.tokens_in, run.cost_usd) == (20, 200, 10.0)


async def test_rows_that_were_not_asked_are_counted_with_the_reason() -> None:
    rows = drawn(30, texts=20)
    with open_store(IN_MEMORY) as store:
        pay(store, compared(BOTH)[1], rows[:6])
        run = judged((await plan(store, rows)).parts[1], "label", StoppedFor.BUDGET, store)
    assert len(run.verdicts) + run.not_asked == 30
    assert run.stopped_for is StoppedFor.BUDGET


async def test_a_question_that_is_answered_needs_no_reason_where_another_is_not() -> None:
    both = orjson.dumps(
        {"questions": [{"name": n, "labels": ["bug", "x"]} for n in ("queue", "mood")]}
    ).decode()
    [configuration] = compared(TAXONOMY=both)
    rows = drawn(1)
    with open_store(IN_MEMORY) as store:
        answer = replace(BUG, labels=("bug", None), reason="unsure", decided_by=None)
        pay(store, configuration, rows, answer)
        [part] = (await planned([configuration], rows, store, None)).parts
        queue, mood = (judged(part, name, None, store).verdicts[0] for name in ("queue", "mood"))
    assert (queue.predicted, queue.reason) == ("bug", None)
    assert (mood.predicted, mood.reason) == (None, "unsure")
    assert queue.labels == {"queue": "bug", "mood": None}


@pytest.mark.parametrize(
    ("asked", "field", "found"),
    [(None, "label", "label"), (None, "anything", "label"), ("label", "queue", "label")],
)
def test_the_only_question_is_meant_whatever_the_field_is_called(
    asked: str | None, field: str, found: str
) -> None:
    assert question_of(compared(), asked, field) == found


def test_of_several_questions_the_one_that_is_called_as_the_field_is_meant() -> None:
    both = orjson.dumps(
        {"questions": [{"name": n, "labels": ["bug", "x"]} for n in ("queue", "mood")]}
    ).decode()
    configuration = compared(TAXONOMY=both)
    assert question_of(configuration, None, "meta.mood") == "mood"
    with pytest.raises(OperatorFault, match="name by --question one of queue, mood"):
        question_of(configuration, None, "label")
    with pytest.raises(OperatorFault, match="no question `label`"):
        question_of(configuration, "label", "label")
