"""Files of tickets: what is read, what is a bad row, and what ends the reading."""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.backlog import open_backlog, read_rows
from stream_classifier.lab.rows import MAX_ROW_BYTES, BadRow, Row, TicketRow

CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def rows(data: bytes, name: str = "tickets") -> list[Row]:
    return list(read_rows(io.BufferedReader(io.BytesIO(data)), name))


def tickets(data: bytes, name: str = "tickets") -> list[dict[str, object]]:
    return [row.ticket for row in rows(data, name) if isinstance(row, TicketRow)]


def bad(data: bytes, name: str = "tickets") -> list[BadRow]:
    return [row for row in rows(data, name) if isinstance(row, BadRow)]


def in_csv(table: Sequence[Sequence[str]], delimiter: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(table)
    return text.getvalue().encode()


def test_json_lines_pass_through_as_they_are() -> None:
    data = b'{"id": 1, "text": "a"}\n\n{"ticket_id": "x", "description": null}'
    assert rows(data) == [
        TicketRow(line=1, ticket={"id": 1, "text": "a"}),
        TicketRow(line=3, ticket={"ticket_id": "x", "description": None}),
    ]


def test_a_bad_line_is_told_with_its_number_and_the_rest_is_read() -> None:
    found = rows(b'{"id": 1}\n{"id": \n[1]\n{"id": 2}\n')
    assert [(type(row), row.line) for row in found] == [
        (TicketRow, 1),
        (BadRow, 2),
        (BadRow, 3),
        (TicketRow, 4),
    ]


def test_a_line_too_long_is_left_out_and_the_next_is_read() -> None:
    data = b'{"id": 1, "text": "' + b"x" * MAX_ROW_BYTES + b'"}\n{"id": 2}\n'
    assert [(type(row), row.line) for row in rows(data, "x.jsonl")] == [(BadRow, 1), (TicketRow, 2)]


def test_a_csv_cell_too_long_is_left_out_and_the_next_row_is_read() -> None:
    data = b"id,text\n1," + b"x" * MAX_ROW_BYTES + b"\n2,b\n"
    assert [(type(row), row.line) for row in rows(data)] == [(BadRow, 2), (TicketRow, 3)]


def test_a_json_array_as_a_whole_is_refused_with_the_remedy() -> None:
    with pytest.raises(OperatorFault, match="jq"):
        rows(b'[{"id": 1}]', "tickets.json")


def test_utf_16_is_refused_with_the_remedy() -> None:
    with pytest.raises(OperatorFault, match="UTF-8"):
        rows("id,text\n1,a\n".encode("utf-16"), "tickets.csv")


def test_an_empty_file_has_no_rows() -> None:
    assert rows(b"") == rows(b"\n \n") == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_among_prose(delimiter: str) -> None:
    text = "Hello, dear team; it fails | always,\tsince Monday; please, please look"
    data = in_csv([["id", "subject", "text"], ["1", "a, b; c", text], ["2", "", text]], delimiter)
    assert tickets(data)[0] == {"id": "1", "subject": "a, b; c", "text": text}


def test_a_single_column_needs_no_delimiter() -> None:
    assert tickets(b"text\nhello there\n") == [{"text": "hello there"}]


def test_the_separator_line_of_spreadsheets_is_obeyed() -> None:
    assert tickets(b"sep=;\r\nid;text\r\n1;a,b\r\n") == [{"id": "1", "text": "a,b"}]


def test_a_byte_order_mark_is_no_part_of_the_first_name() -> None:
    assert tickets(b"\xef\xbb\xbfid,text\r\n1,a\r\n") == [{"id": "1", "text": "a"}]


def test_an_empty_cell_is_no_field() -> None:
    assert tickets(b"id,subject,text\n1,,a\n") == [{"id": "1", "text": "a"}]


def test_a_quoted_cell_may_run_over_lines_and_keeps_the_first_lines_number() -> None:
    assert rows(b'id,text\n1,"a\nb"\n2,c\n') == [
        TicketRow(line=2, ticket={"id": "1", "text": "a\nb"}),
        TicketRow(line=4, ticket={"id": "2", "text": "c"}),
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (b"1,a,b", "3 cells and the header 2"),
        (b"1", "1 cells and the header 2"),
        (b'1,"a" b', "twice"),
        (b"1,\xff\xfe", "not UTF-8"),
    ],
)
def test_a_bad_csv_row_says_what_is_wrong_and_the_rest_is_read(row: bytes, said: str) -> None:
    data = b"id,text\n" + row + b"\n2,b\n"
    [wrong] = bad(data)
    assert (wrong.line, said in wrong.sentence) == (2, True)
    assert tickets(data) == [{"id": "2", "text": "b"}]


def test_a_quote_that_is_never_closed_names_the_line_on_which_it_opens() -> None:
    [wrong] = bad(b'id,text\n1,a\n2,"open\n3,b\n')
    assert wrong.line == 3
    assert "not closed by line 4" in wrong.sentence


@pytest.mark.parametrize("header", [b"id,,text", b"id,id"])
def test_a_header_with_unnamed_or_repeated_columns_is_refused(header: bytes) -> None:
    with pytest.raises(OperatorFault, match="name every column"):
        rows(header + b"\n1,2,3\n")


def test_the_name_decides_before_the_content() -> None:
    assert tickets(b'{"id": 1}\n', "x.jsonl") == [{"id": 1}]
    assert tickets(b"{a}\nb\n", "x.csv") == [{"{a}": "b"}]


def test_gzip_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "tickets.jsonl"
    path.write_bytes(gzip.compress(b'{"id": 1}\n'))
    with open_backlog(str(path)) as found:
        assert [row.line for row in found] == [1]


def test_a_gzip_that_breaks_off_is_told_with_the_last_line_read() -> None:
    whole = gzip.compress(b"".join(b'{"id": %d}\n' % number for number in range(10_000)))
    with pytest.raises(OperatorFault, match=r"breaks off after line \d+"):
        rows(whole[: len(whole) // 2], "tickets.jsonl.gz")


def test_a_file_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OperatorFault, match="cannot be opened"), open_backlog(str(tmp_path / "gone")):
        pass


def test_a_csv_header_that_is_not_utf8_is_told_as_such() -> None:
    with pytest.raises(OperatorFault, match="UTF-8"):
        rows(b"id,te\xffxt\n1,hello\n", "x.csv")


@given(st.binary(max_size=300), st.sampled_from(["x.jsonl", "x.csv", "x"]))
def test_no_bytes_raise_anything_but_an_operator_fault(data: bytes, name: str) -> None:
    try:
        found = rows(data, name)
    except OperatorFault:
        return
    numbers = [row.line for row in found]
    assert numbers == sorted(set(numbers))
    for row in found:
        if isinstance(row, TicketRow):
            orjson.dumps(row.ticket)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5), st.sampled_from(",;\t|"))
def test_what_a_csv_writer_writes_is_read_back(cells: list[tuple[str, str]], delimiter: str) -> None:
    data = in_csv([["ticket_id", "text"], *([f"#{first}", second] for first, second in cells)], delimiter)
    expected = [{"ticket_id": f"#{first}"} | ({"text": second} if second else {}) for first, second in cells]
    assert tickets(data, "x.csv") == expected
