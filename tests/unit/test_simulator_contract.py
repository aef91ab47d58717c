"""What the simulator reads in a request, and that it reads what our own prompt writes."""

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Answer as OurAnswer
from stream_classifier.core.prompt import Prompt, draw_checks
from stream_classifier.core.reply import read_reply
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.simulator import rule_label
from stream_classifier.lab.simulator.contract import Answer, Record, compose, parse_records
from stream_classifier.lab.simulator.errors import ApiFault
from stream_classifier.lab.simulator.taxonomies import (
    questions_of_pattern,
    questions_of_schema,
    questions_of_text,
)
from tests.unit.simulator_requests import (
    TEXTS,
    ask,
    chat_body,
    content,
    new_provider,
    parsed,
    reply_schema,
    small_talk,
    user_message,
)


def test_a_record_is_read_with_its_key_its_check_and_its_text() -> None:
    assert parse_records('t01 47 "it said \\"no\\"\\nagain"') == (Record("t01", "47", 'it said "no"\nagain'),)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=20))
def test_any_text_comes_through_a_record(texts: list[str]) -> None:
    assert [record.text for record in parse_records(user_message(texts))] == texts


@pytest.mark.parametrize("user", ["Good morning", "", 't01 47 "open', 't01 47 "a"\nand more', "t01 47 12"])
def test_what_is_not_all_records_is_ordinary_conversation(user: str) -> None:
    assert parse_records(user) == ()


def test_a_reply_writes_several_labels_parted_by_a_bar() -> None:
    answers = [Answer("t01", "47", ("bug", "high")), Answer("t02", "13", ("?", "low"))]
    assert compose(answers) == '{"t01":"47 bug|high","t02":"13 ?|low"}'


@pytest.mark.parametrize(
    ("pattern", "questions"),
    [
        (r"^[0-9]{2} (bug|other|\?)$", (("bug", "other"),)),
        (r"^\d\d (?:bug|other|[?])$", (("bug", "other"),)),
        (r"^[0-9]{2} (bug|\?)\|(high|low|\?)$", (("bug",), ("high", "low"))),
        (r"^[0-9]{2} (can\(not\)|a\.b|how to\?|\?)$", (("can(not)", "a.b", "how to?"),)),
        (r"^[0-9]{2} .*$", ()),
    ],
)
def test_the_labels_are_the_literal_alternatives_of_a_pattern(
    pattern: str, questions: tuple[tuple[str, ...], ...]
) -> None:
    assert questions_of_pattern(pattern) == questions


def test_a_schema_without_a_pattern_names_no_labels() -> None:
    assert questions_of_schema({"type": "object", "properties": {"t01": {"type": "string"}}}) == ()


def test_without_a_schema_the_system_message_names_the_labels() -> None:
    system = (
        "You label.\n\nLabels for kind:\n- bug: broken\n- how to\n\nLabels for weight:\n* high\n* low: so so"
    )
    assert questions_of_text(system) == (("bug", "how to"), ("high", "low"))


def test_a_list_under_another_heading_names_no_labels() -> None:
    assert questions_of_text("Rules of the house:\n- be brief\n- be kind") == ()


TWO_QUESTIONS = {
    "questions": [
        {"name": "queue", "labels": [{"name": "bug (app)", "description": "Broken."}, {"name": "how to?"}]},
        {"name": "weight", "labels": [{"name": "high", "examples": ["All: down"]}, {"name": "low"}]},
    ],
    "instructions": "Judge the need:\n- not the tone\n- nor the length",
}


def test_the_simulator_reads_the_questions_of_our_own_prompt_with_and_without_its_schema() -> None:
    prompt = Prompt(read_taxonomy(TWO_QUESTIONS))
    expected = (("bug (app)", "how to?"), ("high", "low"))
    assert questions_of_schema(prompt.schema(3)) == expected
    assert questions_of_text(prompt.system) == expected


@given(st.lists(st.text(), min_size=1, max_size=20), st.integers())
def test_the_simulator_reads_every_record_that_our_own_prompt_writes(texts: list[str], seed: int) -> None:
    prompt = Prompt(read_taxonomy(TWO_QUESTIONS))
    checks = draw_checks(len(texts), Random(seed))
    records = parse_records(prompt.user(list(zip(checks, texts, strict=True))))
    assert [record.check for record in records] == [str(check) for check in checks]


@pytest.mark.parametrize("format_kind", ["json_schema", "json_object", "text"])
def test_our_own_reader_takes_the_simulators_reply_on_every_rung(format_kind: str) -> None:
    taxonomy = read_taxonomy(TWO_QUESTIONS)
    prompt, checks = Prompt(taxonomy), draw_checks(len(TEXTS), Random(1))
    named = {"name": "labels", "schema": prompt.schema(len(TEXTS))}
    messages = [
        {"role": "system", "content": prompt.system},
        {"role": "user", "content": prompt.user(list(zip(checks, TEXTS, strict=True)))},
    ]
    response_format = {"type": format_kind, "json_schema": named}
    reply = ask(new_provider(), chat_body(messages=messages, response_format=response_format))
    reading = read_reply(content(reply), checks, taxonomy)
    assert reading.results == tuple(
        OurAnswer(tuple(rule_label(text, question.names) for question in taxonomy.questions))
        for text in TEXTS
    )


def test_the_labels_of_the_options_serve_where_the_request_names_none() -> None:
    assert parsed(small_talk('t01 21 "text"')).questions == (("billing", "bug", "feature"),)


def test_a_content_of_several_parts_is_joined() -> None:
    parts = [{"type": "text", "text": 't01 21 "one"'}, {"type": "text", "text": 't02 22 "two"'}]
    body = small_talk() | {"messages": [{"role": "user", "content": parts}]}
    assert [record.text for record in parsed(body).records] == ["one", "two"]


def test_the_schema_is_part_of_what_the_model_reads() -> None:
    assert '"additionalProperties":false' in parsed(chat_body()).parts[0]


def test_the_smaller_of_two_reply_budgets_holds() -> None:
    assert parsed(chat_body(max_tokens=50, max_completion_tokens=20)).max_tokens == 20


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": ["hello"]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stream": True}, "stream"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "response_format"),
    ],
)
def test_what_a_real_endpoint_refuses_is_refused_with_the_parameter_named(
    fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(ApiFault) as caught:
        parsed(chat_body(**fields))
    assert (caught.value.error.status, caught.value.error.param) == (400, param)


def test_json_object_is_refused_unless_a_message_says_json() -> None:
    with pytest.raises(ApiFault, match="json"):
        parsed(small_talk(response_format={"type": "json_object"}))
    assert (
        parsed(small_talk("As JSON, please", response_format={"type": "json_object"})).format == "json_object"
    )


def test_a_schema_of_another_size_allows_the_same_labels() -> None:
    assert questions_of_schema(reply_schema(1)) == questions_of_schema(reply_schema(90))
