"""What a labelled row looks like: the row as it came, and `classification` beside it."""

import csv
import io
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.lab.classify.forms import FIELD, LEAN, Csv, FormName, JsonLines, form_of
from stream_classifier.lab.labelling import read_row
from stream_classifier.lab.rows import TicketRow

EVENT: dict[str, Any] = dict.fromkeys(LEAN, "x") | {
    "status": "labelled",
    "label": "bug",
    "labels": {"label": "bug"},
    "reason": None,
    "tokens_in": 12,
    "source": {"topic": "t", "partition": 0, "offset": 1},
}
TWO_QUESTIONS = EVENT | {"labels": {"kind": "bug", "urgency": None}}

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc. ", max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
ROWS = st.dictionaries(st.sampled_from(["id", "text", "label", "tags", "x.y"]), JSON, min_size=1)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


@given(ROWS)
def test_the_row_comes_out_as_it_went_in_with_one_field_more(row: dict[str, Any]) -> None:
    line = JsonLines(full=False).lines(read_row(TicketRow(line=1, ticket=row)), [EVENT])
    written = orjson.loads(line)
    assert written.pop(FIELD)["label"] == "bug"
    assert written == row
    assert line.count(b"\n") == 1


def test_a_label_that_the_row_has_already_stands_beside_ours() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1, "label": "theirs"}))
    written = orjson.loads(JsonLines(full=False).lines(row, [EVENT]))
    assert (written["label"], written[FIELD]["label"]) == ("theirs", "bug")


def test_what_an_earlier_run_found_is_replaced() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1, FIELD: {"label": "old", "other": 1}}))
    written = orjson.loads(JsonLines(full=False).lines(row, [EVENT]))
    assert written[FIELD]["label"] == "bug"
    assert "other" not in written[FIELD]


def test_labels_are_written_where_there_are_several_questions() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1}))
    one, two = (orjson.loads(JsonLines(full=False).lines(row, [e]))[FIELD] for e in (EVENT, TWO_QUESTIONS))
    assert "labels" not in one
    assert two["labels"] == {"kind": "bug", "urgency": None}


def test_the_whole_event_is_written_where_it_is_asked_for() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1}))
    assert orjson.loads(JsonLines(full=True).lines(row, [EVENT]))[FIELD] == EVENT


def test_a_row_of_several_tickets_has_a_line_for_each() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1}))
    assert JsonLines(full=False).lines(row, [EVENT, EVENT]).count(b"\n") == 2


def test_csv_keeps_the_files_columns_also_those_that_are_empty_in_the_first_row() -> None:
    ticket = TicketRow(line=2, ticket={"id": "1"}, columns=("id", "subject", "classification.label"))
    [row] = rows_of(Csv(full=False).lines(read_row(ticket), [EVENT]))
    assert list(row)[:2] == ["id", "subject"]
    assert (row["id"], row["subject"], row["classification.label"]) == ("1", "", "bug")


def test_csv_has_a_column_for_each_question() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1}))
    [written] = rows_of(Csv(full=False).lines(row, [TWO_QUESTIONS]))
    assert (written["classification.labels.kind"], written["classification.labels.urgency"]) == ("bug", "")


def test_csv_writes_the_rows_own_lists_and_objects_as_json_in_one_cell() -> None:
    row = read_row(TicketRow(line=1, ticket={"id": 1, "tags": ["a", "b"], "of": {"x": None}, "n": None}))
    [written] = rows_of(Csv(full=False).lines(row, [EVENT]))
    assert (written["id"], written["tags"], written["of"], written["n"]) == (
        "1",
        '["a","b"]',
        '{"x":null}',
        "",
    )


def test_csv_has_one_header_and_names_what_it_leaves_out() -> None:
    form = Csv(full=False)
    first = form.lines(read_row(TicketRow(line=1, ticket={"id": 1})), [EVENT])
    second = form.lines(read_row(TicketRow(line=2, ticket={"id": 2, "more": 3})), [EVENT])
    assert [row["id"] for row in rows_of(first + second)] == ["1", "2"]
    assert form.left_out == {"more"}


def test_csv_that_is_gone_on_with_has_no_second_header() -> None:
    begun = Csv(full=False)
    begun.lines(read_row(TicketRow(line=1, ticket={"id": 1})), [EVENT])
    again = Csv(full=False, columns=begun.columns)
    assert again.lines(read_row(TicketRow(line=2, ticket={"id": 2})), [EVENT]).startswith(b"2,")


def test_the_form_follows_the_outputs_name() -> None:
    assert [form_of(name) for name in ("a.csv", "a.CSV", "a.jsonl", "a", "-")] == [
        FormName.CSV,
        FormName.CSV,
        FormName.JSONL,
        FormName.JSONL,
        FormName.JSONL,
    ]
