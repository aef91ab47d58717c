"""A reply is believed record by record, or not at all."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Answer, Reason
from stream_classifier.core.prompt import KEYS
from stream_classifier.core.reply import Flaw, Reading, read_reply
from stream_classifier.core.taxonomy import read_taxonomy
from tests.unit.reply_mutations import CASES, FIRST_SEED, Case, faithful_reply, mutated_reply

ONE = read_taxonomy({"labels": ["bug", "bug report", "other"]})
TWO = read_taxonomy(
    {
        "questions": [
            {"name": "queue", "labels": ["billing", "bug"]},
            {"name": "level", "labels": ["high", "low"]},
        ]
    }
)
CHECKS = (47, 13, 88, 52)
FAITHFUL = {"t01": "47 bug", "t02": "13 other", "t03": "88 bug report", "t04": "52 ?"}
ANSWERS = (Answer(("bug",)), Answer(("other",)), Answer(("bug report",)), Answer((None,), Reason.UNSURE))


def read(content: object, *, cut: bool = False) -> Reading:
    """Read a reply to the four records of CHECKS, given as text or as an object to write."""
    text = content if isinstance(content, str) else json.dumps(content)
    return read_reply(text, CHECKS, ONE, cut=cut)


def results(content: object, *, cut: bool = False) -> tuple[Answer | Flaw, ...]:
    return read(content, cut=cut).results


# ------------------------------------------------------------------------------------- one record's entry


def test_a_faithful_reply_answers_every_record() -> None:
    assert read(FAITHFUL) == Reading(results=ANSWERS)


def test_entries_answer_by_key_in_whatever_order_they_stand() -> None:
    assert results(dict(reversed(FAITHFUL.items()))) == ANSWERS


def test_a_record_whose_key_is_not_there_is_missing() -> None:
    assert results({"t01": "47 bug"}) == (ANSWERS[0], Flaw.MISSING, Flaw.MISSING, Flaw.MISSING)


def test_a_wrong_check_is_a_mismatch_and_the_others_hold() -> None:
    assert results({**FAITHFUL, "t02": "31 other"}) == (ANSWERS[0], Flaw.MISMATCHED, *ANSWERS[2:])


@pytest.mark.parametrize(
    "value",
    ["bug", "47", "47 ", "47bug", "4 bug", "470 bug", " 47 bug", "٤٧ bug", "47 bug|other", "", "47\tbug"],
)
def test_a_value_of_another_form_is_malformed(value: str) -> None:
    assert results({**FAITHFUL, "t01": value})[0] is Flaw.MALFORMED


@pytest.mark.parametrize("value", [47, 4.7, None, True, ["47 bug"], {"check": 47, "label": "bug"}, {}])
def test_a_value_that_is_no_string_is_malformed_and_the_others_hold(value: object) -> None:
    assert results({**FAITHFUL, "t01": value}) == (Flaw.MALFORMED, *ANSWERS[1:])


@pytest.mark.parametrize("label", ["Bug", "bugs", "bu", "feature", "", "? bug", "bug\u200b", "bug."])
def test_a_label_is_taken_exactly_or_not_at_all(label: str) -> None:
    assert results({**FAITHFUL, "t01": f"47  {label}"})[0] is Flaw.NOT_IN_TAXONOMY


@pytest.mark.parametrize("second", ["47 bug", "47 other", "99 bug", 7])
def test_a_key_that_stands_twice_is_not_trusted_even_where_both_agree(second: object) -> None:
    content = f'{{"t01":"47 bug",{json.dumps(FAITHFUL)[1:-1]},"t01":{json.dumps(second)}}}'
    assert results(content) == (Flaw.MALFORMED, *ANSWERS[1:])


def test_a_key_spelled_with_escapes_is_the_same_key() -> None:
    assert results('{"t01":"47 bug","\\u0074\\u0030\\u0031":"47 other"}')[0] is Flaw.MALFORMED


def test_entries_that_nobody_asked_for_are_counted_and_change_nothing() -> None:
    reading = read({**FAITHFUL, "t99": "47 bug", "note": {"t01": "47 other"}, "T01": "47 other"})
    assert reading == Reading(results=ANSWERS, surplus=3)


# -------------------------------------------------------------------------------------- several questions


def test_each_question_takes_its_own_label() -> None:
    assert read_reply('{"t01":"47 billing|low"}', (47,), TWO).results == (Answer(("billing", "low")),)


def test_an_unsure_question_leaves_the_others_answered() -> None:
    reading = read_reply('{"t01":"47 ?|low"}', (47,), TWO)
    assert reading.results == (Answer((None, "low"), Reason.UNSURE),)


def test_a_label_of_another_question_is_not_in_the_taxonomy() -> None:
    assert read_reply('{"t01":"47 high|billing"}', (47,), TWO).results == (Flaw.NOT_IN_TAXONOMY,)


def test_the_other_questions_labels_are_kept_beside_one_that_is_not_in_the_taxonomy() -> None:
    reading = read_reply('{"t01":"47 sales|low","t02":"13 bug|high"}', (47, 13), TWO)
    assert reading.results == (Flaw.NOT_IN_TAXONOMY, Answer(("bug", "high")))
    assert reading.partial == {0: Answer((None, "low"), Reason.NOT_IN_TAXONOMY)}


@pytest.mark.parametrize("labels", ["billing", "billing|low|low", "billing|low|"])
def test_another_number_of_labels_than_of_questions_is_malformed(labels: str) -> None:
    assert read_reply(json.dumps({"t01": f"47 {labels}"}), (47,), TWO).results == (Flaw.MALFORMED,)


def test_blanks_around_a_label_are_passed_over() -> None:
    assert read_reply('{"t01":"47 billing | low "}', (47,), TWO).results == (Answer(("billing", "low")),)


# ------------------------------------------------------------------------------- a model that lost count


def _with_wrong_checks(n: int, wrong: int) -> Reading:
    checks = tuple(range(10, 10 + n))
    said = [99 if i < wrong else check for i, check in enumerate(checks)]
    content = {f"t{i + 1:02d}": f"{check} bug" for i, check in enumerate(said)}
    return read_reply(json.dumps(content), checks, ONE)


def test_three_wrong_checks_in_ten_leave_the_other_seven() -> None:
    reading = _with_wrong_checks(10, 3)
    assert reading.results == (Flaw.MISMATCHED,) * 3 + (Answer(("bug",)),) * 7
    assert not reading.distrusted


def test_above_three_wrong_checks_in_ten_nothing_is_trusted() -> None:
    reading = _with_wrong_checks(10, 4)
    assert reading.results == (Flaw.MISMATCHED,) * 10
    assert reading.distrusted


def test_the_share_is_of_the_records_that_carry_a_check() -> None:
    content = {"t01": "47 bug", "t02": "31 bug"}  # one of two, while two more are missing
    assert read(content).distrusted


def test_values_that_slid_to_the_next_key_are_seen_through() -> None:
    values = list(FAITHFUL.values())
    assert results(dict(zip(FAITHFUL, values[1:] + values[:1], strict=True))) == (Flaw.MISMATCHED,) * 4


# ---------------------------------------------------------------------------------------- the whole content


@pytest.mark.parametrize(
    "form", ["\n ~\n", "```json\n~\n```", "```\n~\n```", "```json~```", "```json\r\n~\r\n```\n"]
)
def test_blanks_and_one_code_fence_around_the_object_change_nothing(form: str) -> None:
    assert results(form.replace("~", json.dumps(FAITHFUL, indent=1))) == ANSWERS


@pytest.mark.parametrize(
    "form",
    [
        "",
        "no JSON",
        "Sure: ~",
        "~ Done.",
        "~~",
        "[~]",
        "~}",
        "```json\n~\n```\n```json\n~\n```",
        "~\x00",
        '{"t01":NaN,~',
        "null",
    ],
)
def test_content_that_is_not_one_object_is_malformed_as_a_whole(form: str) -> None:
    assert results(form.replace("~", json.dumps(FAITHFUL))) == (Flaw.MALFORMED,) * 4


def test_a_list_of_pairs_is_no_object() -> None:
    assert results([["t01", "47 bug"]]) == (Flaw.MALFORMED,) * 4


@pytest.mark.parametrize("end", range(len(json.dumps(FAITHFUL))))
def test_a_truncated_reply_that_is_not_said_to_be_cut_is_never_mended(end: int) -> None:
    assert results(json.dumps(FAITHFUL)[:end]) == (Flaw.MALFORMED,) * 4


@pytest.mark.parametrize("end", range(len(json.dumps(FAITHFUL))))
def test_of_a_cut_reply_each_entry_that_was_closed_is_kept_and_no_other(end: int) -> None:
    content = json.dumps(FAITHFUL)[:end]
    closed = [f'"{value}"' in content for value in FAITHFUL.values()]
    expected = tuple(answer if done else Flaw.MISSING for answer, done in zip(ANSWERS, closed, strict=True))
    assert results(content, cut=True) == expected


def test_a_cut_reply_that_is_whole_is_read_as_any_other() -> None:
    assert results(json.dumps(FAITHFUL) + " \n" * 9, cut=True) == ANSWERS


def test_a_word_to_the_reader_outside_the_only_fence_changes_nothing() -> None:
    content = 'Here are the labels:\n```json\n{"t01":"47 bug"}\n```\nLet me know if I can help.'
    assert read_reply(content, (47,), ONE).results == (Answer(("bug",)),)


def test_of_two_fences_neither_is_read() -> None:
    content = '```json\n{"t01":"47 bug"}\n```\nor\n```json\n{"t01":"47 other"}\n```'
    assert read_reply(content, (47,), ONE).results == (Flaw.MALFORMED,)


def test_a_cut_reply_in_a_fence_that_was_never_closed_is_read() -> None:
    assert results('```json\n{"t01":"47 bug",\n"t02":"13 oth', cut=True)[:2] == (ANSWERS[0], Flaw.MISSING)


def test_a_cut_reply_is_read_up_to_the_first_value_that_is_no_string() -> None:
    assert results('{"t01":"47 bug","t02":{"a":1},"t03":"88 bug report","t', cut=True) == (
        ANSWERS[0],
        *[Flaw.MISSING] * 3,
    )


def test_words_cut_off_after_a_closed_object_make_it_malformed_as_they_do_uncut() -> None:
    assert results(json.dumps(FAITHFUL) + " I chose these labels beca", cut=True) == (Flaw.MALFORMED,) * 4


def test_a_key_repeated_before_the_cut_is_not_trusted() -> None:
    assert results('{"t01":"47 bug","t01":"47 other","t02":"1', cut=True)[0] is Flaw.MALFORMED


# ------------------------------------------------------------------------------------------- never raises

MONSTERS = {
    "lists nested deep": "[" * 200_000,
    "objects nested deep": '{"t01":' * 200_000,
    "an integer of a million digits": '{"t01":' + "9" * 1_000_000 + "}",
    "a number beyond floats": '{"t01":-1e99999999}',
    "megabytes of one string": '{"t01":"' + "a" * 5_000_000,
    "megabytes of escapes": '{"t01":"' + "\\n" * 2_000_000 + '"}',
    "megabytes of backslashes": '{"t01":"' + "\\" * 4_000_001,
    "megabytes of quotes": '{"' + '"' * 4_000_000,
    "megabytes of blanks": '{"t01"' + " " * 4_000_000,
    "a hundred thousand surplus entries": "{" + '"x":"y",' * 100_000 + '"t01":"47 bug"}',
    "lone surrogates": '{"t01":"47 \ud800","\udfff":"\\ud800"}',
    "controls": "\x00\x1b\x7f\ufeff{}",
}


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("content", MONSTERS.values(), ids=MONSTERS.keys())
@pytest.mark.timeout(10)
def test_monsters_are_read_in_linear_time_and_answer_nothing(content: str, cut: bool) -> None:
    found = results(content, cut=cut)
    assert all(isinstance(result, Flaw) for result in found[1:])


@given(st.text(), st.booleans())
def test_any_text_is_read_without_an_error(content: str, cut: bool) -> None:
    results(content, cut=cut)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["47 bug", "13 bug", "47 ?"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["t01", "t02", "t1", "x"]), inner),
)


@given(JSON, st.booleans())
def test_any_json_is_read_without_an_error(content: object, cut: bool) -> None:
    results(content, cut=cut)


# ------------------------------------------------------------------------------------- spoiled at random


SEEDS = range(FIRST_SEED, FIRST_SEED + CASES)


def test_spoiled_replies_never_give_a_record_what_was_not_given_for_it() -> None:
    for seed in SEEDS:
        case = mutated_reply(random.Random(seed))
        for key, said in _accepted(case):
            assert said in _permitted(case, key), f"REPLY_SEED={seed} REPLY_CASES=1: {key} took {said!r}"


def test_faithful_replies_are_accepted_whole() -> None:
    for seed in SEEDS:
        case = faithful_reply(random.Random(seed))
        accepted = [said for _, said in _accepted(case)]
        assert accepted == [
            f"{check} {labels}" for check, labels in zip(case.checks, case.truth, strict=True)
        ]


def test_spoiled_replies_still_answer_many_records() -> None:
    """Else the claim above would hold of a reader that refuses everything."""
    cases = [mutated_reply(random.Random(seed)) for seed in range(500)]
    answered = sum(len(_accepted(case)) for case in cases)
    assert answered > 0.15 * sum(len(case.checks) for case in cases)


def _accepted(case: Case) -> list[tuple[str, str]]:
    """Each answered record's key, and its check and labels written out as the reply would."""
    read = read_reply(case.content, case.checks, case.taxonomy, cut=case.cut)
    assert len(read.results) == len(case.checks)
    return [
        (key, f"{check} " + "|".join(label or "?" for label in result.labels))
        for key, check, result in zip(KEYS, case.checks, read.results, strict=False)
        if isinstance(result, Answer)
    ]


def _permitted(case: Case, key: str) -> set[str]:
    i = KEYS.index(key)
    if case.glued:
        return {f"{case.checks[i]} {case.truth[i]}"}
    return {_trimmed(value) for name, value in _closed_entries(case.content) if name == key}


def _trimmed(value: str) -> str:
    """The value without the blanks around its labels."""
    return value[:3] + "|".join(label.strip(" ") for label in value[3:].split("|"))


def _closed_entries(content: str) -> list[tuple[str, str]]:
    """Every place in the content that reads `"key":"value"`, whatever stands around it."""
    string = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
    entries = re.findall(rf"(?=({string})\s*:\s*({string}))", content)
    return [(json.loads(key), json.loads(value)) for key, value in entries]
