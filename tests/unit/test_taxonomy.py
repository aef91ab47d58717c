"""A taxonomy is read whole, or refused with everything that is wrong with it."""

import copy

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.taxonomy import Label, Question, Taxonomy, TaxonomyFaults, read_taxonomy

FULL = {
    "labels": [
        {"name": "bug", "description": "It used to work.", "examples": ["Export does nothing"]},
        {"name": "feature", "description": "A wish."},
        {"name": "other"},
    ],
    "instructions": "Judge the need, not the tone.",
}


def faults(raw: object) -> dict[str, str]:
    """Every fault of a taxonomy that must have one, by path."""
    with pytest.raises(TaxonomyFaults) as caught:
        read_taxonomy(raw)
    return dict(caught.value.faults)


def digest(raw: object) -> str:
    return read_taxonomy(raw).digest


# ---------------------------------------------------------------------------------------------- reading


def test_the_short_form_is_one_question_named_label() -> None:
    assert read_taxonomy(FULL) == Taxonomy(
        (
            Question(
                "label",
                (
                    Label("bug", "It used to work.", ("Export does nothing",)),
                    Label("feature", "A wish."),
                    Label("other"),
                ),
            ),
        ),
        "Judge the need, not the tone.",
    )


def test_plain_strings_are_labels_without_a_description() -> None:
    assert read_taxonomy({"labels": ["bug", "other"]}).questions[0].labels == (Label("bug"), Label("other"))


def test_the_long_form_keeps_its_questions_in_order() -> None:
    raw = {
        "questions": [
            {"name": name, "labels": ["yes!", "no!"]} for name in ("queue", "level", "kind", "team")
        ]
    }
    assert [question.name for question in read_taxonomy(raw).questions] == ["queue", "level", "kind", "team"]


def test_keys_that_hold_nothing_count_as_left_out() -> None:
    raw = {"labels": [{"name": "bug", "description": None, "examples": None}, "other"], "instructions": None}
    assert read_taxonomy(raw) == read_taxonomy({"labels": ["bug", "other"]})


@pytest.mark.parametrize(
    "name", ["C++ / C#", "e-mail", "what?", "日本語", "می‌خواهم", "it's", "a: b", "back\\slash"]
)
def test_ordinary_names_of_any_script_are_labels(name: str) -> None:
    assert read_taxonomy({"labels": [name, "other"]}).questions[0].names[name] == name


# ----------------------------------------------------------------------------------------------- faults


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("a|b", "use another character"),
        ('say "a"', "use another character"),
        ("?", "begins with `?`"),
        ("?maybe", "begins with `?`"),
        (" bug", "a blank"),
        ("bug\u00a0", "a blank"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("two\nlines", "control or hidden"),
        ("tab\there", "control or hidden"),
        ("bu\u200bg", "control or hidden"),
        ("\u202egub", "control or hidden"),
        ("half \ud83d", "control or hidden"),
        (None, "is missing"),
        (True, "true or false"),
        (404, "in quotes"),
        (["bug"], "must be text"),
    ],
)
def test_a_name_that_a_reply_could_not_carry_is_a_fault(name: object, part: str) -> None:
    assert part in faults({"labels": [{"name": name}, "other"]})["taxonomy.labels[0].name"]


def test_yes_and_no_without_quotes_are_explained() -> None:
    found = faults(yaml.safe_load("labels: [yes, no, on_hold]"))
    assert set(found) == {"taxonomy.labels[0]", "taxonomy.labels[1]"}
    assert all("quote it" in sentence for sentence in found.values())


@pytest.mark.parametrize("raw", [None, [], ["bug", "other"], "taxonomy.yaml", 7])
def test_a_taxonomy_that_is_no_mapping_says_what_to_write(raw: object) -> None:
    assert "write `labels`" in faults(raw)["taxonomy"]


@pytest.mark.parametrize("raw", [{}, {"instructions": "x"}, {"labels": ["a", "b"], "questions": []}])
def test_labels_and_questions_are_given_one_and_not_both(raw: object) -> None:
    assert "either `labels`" in faults(raw)["taxonomy"]


@pytest.mark.parametrize("labels", [[], ["only"]])
def test_a_question_needs_two_labels_to_choose_from(labels: list[str]) -> None:
    assert "at least 2" in faults({"labels": labels})["taxonomy.labels"]


@pytest.mark.parametrize("labels", [None, "bug, other", {"bug": "It broke"}, 2])
def test_labels_that_are_no_list_are_a_fault(labels: object) -> None:
    assert "must be a list" in faults({"labels": labels})["taxonomy.labels"]


def test_the_same_label_twice_names_both_places() -> None:
    found = faults({"labels": ["bug", "other", {"name": "bug"}]})
    assert found == {"taxonomy.labels[2]": "has the same name as taxonomy.labels[0]: rename one of them"}


def test_the_same_question_twice_is_a_fault() -> None:
    question = {"name": "queue", "labels": ["a", "b"]}
    assert "same name" in faults({"questions": [question, question]})["taxonomy.questions[1]"]


@pytest.mark.parametrize("number", [0, 5])
def test_there_are_one_to_four_questions(number: int) -> None:
    questions = [{"name": f"q{i}", "labels": ["a", "b"]} for i in range(number)]
    assert list(faults({"questions": questions})) == ["taxonomy.questions"]


def test_a_mistyped_key_is_pointed_at_with_what_was_meant() -> None:
    found = faults({"labels": [{"name": "bug", "descripton": "It broke"}, "other"], "instruction": "x"})
    assert found == {
        "taxonomy.instruction": "is not a key of the taxonomy: did you mean `instructions`?",
        "taxonomy.labels[0].descripton": "is not a key of the taxonomy: did you mean `description`?",
    }


def test_all_faults_are_told_together() -> None:
    raw = {
        "questions": [
            {"name": "queue", "labels": ["a|b", {"name": "c", "examples": "one"}]},
            {"labels": ["d"], "weight": 3},
            "level",
        ],
        "instructions": 5,
    }
    assert set(faults(raw)) == {
        "taxonomy.instructions",
        "taxonomy.questions[0].labels[0]",
        "taxonomy.questions[0].labels[1].examples",
        "taxonomy.questions[1].name",
        "taxonomy.questions[1].labels",
        "taxonomy.questions[1].weight",
        "taxonomy.questions[2]",
    }


def test_no_sentence_repeats_a_value() -> None:
    secret = "hunter2|"
    raw = {"labels": [secret, secret, {"name": "x", "description": [secret]}], "instructions": {secret: 1}}
    assert all("hunter2" not in sentence for sentence in faults(raw).values())


YAML_SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["labels", "questions", "name", "description", "examples", "instructions"])
            | st.integers(),
            inner,
            max_size=4,
        )
    ),
)


@given(YAML_SHAPES)
def test_whatever_a_file_holds_is_read_or_refused_with_sentences(raw: object) -> None:
    try:
        found: tuple[tuple[str, str], ...] = (("taxonomy", read_taxonomy(raw).digest),)
    except TaxonomyFaults as refused:
        found = refused.faults
    assert found
    assert all(path.startswith("taxonomy") and sentence for path, sentence in found)


# ----------------------------------------------------------------------------------------------- digest

CHANGES = {
    "a name": lambda raw: raw["labels"][0].update(name="defect"),
    "a description": lambda raw: raw["labels"][1].update(description="A desire."),
    "an example": lambda raw: raw["labels"][0]["examples"].append("It hangs"),
    "the instructions": lambda raw: raw.update(instructions="Judge the tone."),
    "a label more": lambda raw: raw["labels"].append("praise"),
    "a label less": lambda raw: raw["labels"].pop(),
    "the order of labels, which the model is shown": lambda raw: raw["labels"].reverse(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_whatever_can_change_an_answer_changes_the_digest(change: object) -> None:
    raw = copy.deepcopy(FULL)
    assert callable(change)
    change(raw)
    assert digest(raw) != digest(FULL)


def test_the_name_of_a_question_changes_the_digest() -> None:
    one = {"questions": [{"name": "queue", "labels": ["a", "b"]}]}
    other = {"questions": [{"name": "team", "labels": ["a", "b"]}]}
    assert digest(one) != digest(other)


def test_two_spellings_of_one_taxonomy_have_one_digest() -> None:
    spelled = """
        instructions: |
          Judge the need, not the tone.
        labels:
          - {examples: [Export does nothing], description: "It used\\n  to work.", name: bug}
          - {description: A wish., name: feature, examples: []}
          - other
    """
    assert digest(yaml.safe_load(spelled)) == digest(FULL)


def test_the_digest_is_the_same_in_every_process() -> None:
    assert digest({"labels": ["bug", "other"]}) == "96296451b168d6c8"
