"""The rows that an evaluation is over: which are drawn, in which order, and what is passed over."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.core.ticket import TicketReader
from stream_classifier.lab.evaluate.drawing import Drawing, GoldRow, without
from stream_classifier.lab.rows import BadRow, Row, TicketRow

LABELS = frozenset(("bug", "other"))


def drawing(field: str = "label", limit: int | None = None) -> Drawing:
    return Drawing(label_path=FieldPath.parse(field), labels=LABELS, readers=[TicketReader()], limit=limit)


def row(number: int, **fields: Any) -> TicketRow:
    return TicketRow(line=number + 1, ticket={"id": f"T-{number}", "text": f"text {number}", **fields})


def labelled(count: int) -> list[Row]:
    return [row(number, label=("bug", "other")[number % 2]) for number in range(count)]


def lines(drawn: Sequence[GoldRow]) -> list[int]:
    return [each.line for each in drawn]


def test_the_label_is_taken_out_before_anything_else_reads_the_row() -> None:
    [drawn] = drawing().draw([row(0, label="bug", priority="high")], "f")
    assert drawn.expected == "bug"
    assert orjson.loads(drawn.value) == {"id": "T-0", "text": "text 0", "priority": "high"}


def test_a_label_is_found_by_a_path_and_taken_out_there() -> None:
    [drawn] = drawing("meta.queue.0").draw([row(0, meta={"queue": ["bug", "x"], "by": "ann"})], "f")
    assert drawn.expected == "bug"
    assert orjson.loads(drawn.value)["meta"] == {"queue": [None, "x"], "by": "ann"}


def test_a_key_that_holds_the_dots_itself_is_taken_out_too() -> None:
    assert without({"a.b": "bug", "c": 1}, FieldPath.parse("a.b")) == {"c": 1}


def test_rows_that_nobody_can_be_judged_by_are_told_with_their_line() -> None:
    found = drawing()
    rows: list[Row] = [
        row(0, label="bug"),
        row(1),
        row(2, label="Bug"),
        row(3, label=""),
        BadRow(line=5, sentence="The line is not JSON."),
        TicketRow(line=6, ticket={"text": "no id", "label": "bug"}),
        row(6, label=True),
    ]
    assert lines(found.draw(rows, "f")) == [1]
    told = {skipped.line: skipped.sentence for skipped in found.skipped}
    assert told.keys() == {2, 3, 4, 5, 6, 7}
    assert "`Bug` is not in the taxonomy" in told[3]
    assert "no label in `label`" in told[2]


def test_a_number_is_a_label_too() -> None:
    found = Drawing(
        label_path=FieldPath.parse("label"), labels=frozenset(("1", "2")), readers=[TicketReader()]
    )
    assert found.draw([row(0, label=1)], "f")[0].expected == "1"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no row that can be read"),
        ([row(0, queue="bug")], "one of its fields (id, text, queue)"),
        ([row(0, label="Bug")], "It holds Bug; the taxonomy has bug, other"),
        ([TicketRow(line=1, ticket={"label": "bug"})], "Line 1:"),
    ],
)
def test_where_no_row_serves_it_is_said_what_would(rows: list[Row], said: str) -> None:
    with pytest.raises(OperatorFault) as caught:
        drawing().draw(rows, "tickets.jsonl")
    assert said in caught.value.sentence


def test_rows_are_not_asked_in_the_order_of_the_file() -> None:
    assert lines(drawing().draw(labelled(50), "f")) != list(range(1, 51))


@given(st.permutations(range(30)), st.integers(1, 30))
def test_what_is_drawn_depends_on_what_rows_hold_and_not_on_their_order(order: list[int], limit: int) -> None:
    rows = labelled(30)
    by_order = drawing(limit=limit).draw([rows[number] for number in order], "f")
    assert [r.value for r in by_order] == [r.value for r in drawing(limit=limit).draw(rows, "f")]


@given(st.integers(1, 39), st.integers(1, 40))
def test_a_higher_limit_and_a_longer_file_keep_the_rows_that_were_drawn(limit: int, more: int) -> None:
    few = drawing(limit=limit).draw(labelled(40), "f")
    assert drawing(limit=limit + more).draw(labelled(40), "f")[: len(few)] == few
    whole = {each.value for each in drawing().draw(labelled(40 + more), "f")}
    assert {each.value for each in few} <= whole


def test_rows_alike_are_both_drawn() -> None:
    twins: list[Row] = [
        TicketRow(line=line, ticket={"id": "T", "text": "same", "label": "bug"}) for line in (1, 2)
    ]
    assert lines(drawing().draw(twins, "f")) == [1, 2]
