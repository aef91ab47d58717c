"""The rule that decides a text's label."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.lab.simulator import rule_label

NAMES = st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=8, unique=True)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("There is a BUG here", "bug"),
        ("My feature request", "feature-request"),
        ("A feature and a bug", "bug"),  # one word each: the first by name
        ("debugging", "other"),  # no word of its own
        ("Schöne Grüße, ein Fehler: bug!", "bug"),
    ],
)
def test_the_label_with_most_of_its_words_in_the_text_wins(text: str, label: str) -> None:
    hints = {"other": "debugging"}
    assert rule_label(text, ["feature-request", "bug", "other"], hints) == label


def test_a_hint_counts_like_a_word_of_the_name() -> None:
    assert rule_label("It crashed", ["bug", "feature"], {"feature": "crashed"}) == "feature"


@given(st.text(), NAMES, st.data())
def test_the_order_of_the_labels_changes_nothing(text: str, names: list[str], data: st.DataObject) -> None:
    assert rule_label(text, names) == rule_label(text, data.draw(st.permutations(names)))


@given(st.text(), NAMES)
def test_the_rule_gives_one_of_the_labels(text: str, names: list[str]) -> None:
    assert rule_label(text, names) in names


def test_texts_without_a_known_word_are_spread_over_all_labels() -> None:
    names = [f"x{number}" for number in range(5)]
    found = [rule_label(f"ticket {number}", names) for number in range(1000)]
    assert min(found.count(name) for name in names) > 120


def test_another_process_gives_the_same_label() -> None:
    names = [f"x{number}" for number in range(50)]
    code = f"from stream_classifier.lab.simulator import rule_label as r; print(r('the same', {names!r}))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == rule_label("the same", names)
