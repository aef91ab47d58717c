"""What is counted, which sentences are said, and that every form of the report can be read."""

import base64
import hashlib
import re
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from stream_classifier.lab.evaluate.findings import caveats, findings
from stream_classifier.lab.evaluate.html import html
from stream_classifier.lab.evaluate.html_details import pooled
from stream_classifier.lab.evaluate.outcome import Evaluation, Skipped, StoppedFor
from stream_classifier.lab.evaluate.positions import third
from stream_classifier.lab.evaluate.report import as_data, report, shortened
from stream_classifier.lab.evaluate.terminal import rendered
from stream_classifier.lab.pages.intervals import Interval, Scale
from stream_classifier.lab.pages.matrix import MOST_LABELS, matrix
from stream_classifier.lab.pages.style import STYLE
from tests.unit.evaluate_cases import LABELS, answered, drawn, evaluation, run, sized, verdict

MARKUP = "<script>alert(1)</script> & more"


def said(given: Evaluation) -> str:
    return " ".join((*findings(report(given)), *caveats(report(given))))


def printed(given: Evaluation, width: int = 80) -> str:
    out = StringIO()
    console = Console(file=out, width=width, highlight=False)
    for part in rendered(given):
        console.print(part)
    return out.getvalue()


def a_grid(rows: int = 200, **fields: Any) -> Evaluation:
    runs = [sized(size, drawn(size, rows, 0.85, size), calls=rows // size) for size in (1, 5, 10)]
    return evaluation(*runs, **fields)


# ------------------------------------------------------------------------------------------- texts


def test_a_text_counts_once_however_many_rows_have_it() -> None:
    rows = [verdict(1), verdict(2, text="Text 1", decided_by="cache", position=None), verdict(3)]
    found = report(evaluation(run(rows)))
    assert found.scores[0].accuracy.of == 2
    assert (found.scores[0].texts, found.scores[0].rows) == (2, 3)
    assert "3 rows hold 2 different texts" in said(evaluation(run(rows)))


def test_of_a_text_that_people_label_differently_the_label_of_most_rows_counts() -> None:
    rows = [verdict(1, "billing", "bug"), *(verdict(n, "bug", "bug", text="Text 1") for n in (2, 3))]
    found = report(evaluation(run(rows)))
    assert found.texts[0].expected == "bug"
    assert found.texts[0].disputed
    assert found.scores[0].accuracy.count == 1
    assert "Rows of 1 text differ in the label that is right" in said(evaluation(run(rows)))


def test_of_equally_many_labels_the_first_in_the_file_counts() -> None:
    rows = [verdict(7, "billing", text="same"), verdict(2, "access", text="same")]
    assert report(evaluation(run(rows))).texts[0].expected == "access"


def test_configurations_that_cut_texts_otherwise_are_compared_on_the_same_rows() -> None:
    whole = [verdict(n, text=f"Text {n} and more") for n in range(1, 11)]
    cut = [verdict(n, predicted="billing", text=f"Text {n}") for n in range(1, 11)]
    (compared,) = report(evaluation(run(whole, name="a"), run(cut, name="b"))).comparisons
    assert (compared.texts, compared.only_first, compared.only_other) == (10, 10, 0)


# ------------------------------------------------------------------------------------------- scores


def test_needs_review_counts_as_wrong_and_is_told_apart() -> None:
    rows = [*answered([True] * 6 + [False] * 2), *(verdict(n, predicted=None) for n in (9, 10))]
    scored = report(evaluation(run(rows))).scores[0]
    assert (scored.accuracy.count, scored.accuracy.of) == (6, 10)
    assert (scored.coverage.count, scored.coverage.of) == (8, 10)
    assert (scored.accuracy_labelled.count, scored.accuracy_labelled.of) == (6, 8)
    assert scored.reviews == {"unsure": 2}
    assert "2 texts got no label (2 unsure), which counts as wrong" in said(evaluation(run(rows)))


def test_precision_recall_and_f1_are_those_of_each_label() -> None:
    pairs = [("bug", "bug")] * 3 + [("bug", "billing")] + [("billing", "bug")] * 2 + [("access", None)]
    rows = [verdict(n, expected, given) for n, (expected, given) in enumerate(pairs, 1)]
    scored = report(evaluation(run(rows))).scores[0]
    bug = next(each for each in scored.per_label if each.label == "bug")
    assert (bug.precision.share, bug.recall.share) == (3 / 5, 3 / 4)
    assert bug.f1 == pytest.approx(2 / 3)
    assert scored.macro_f1 == pytest.approx((2 / 3 + 0 + 0) / 3)


def test_a_label_that_no_text_has_does_not_weigh_in_the_mean_f1() -> None:
    rows = [verdict(1), verdict(2, predicted="billing")]
    scored = report(evaluation(run(rows))).scores[0]
    assert [each.label for each in scored.per_label] == ["bug", "billing"]
    assert scored.macro_f1 == pytest.approx(2 / 3)


@given(
    st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from([*LABELS, None])), min_size=1, max_size=40)
)
def test_the_confusion_matrix_adds_up_to_all_that_is_told_of_labels(pairs: list[Any]) -> None:
    rows = [verdict(n, expected, given) for n, (expected, given) in enumerate(pairs, 1)]
    scored = report(evaluation(run(rows))).scores[0]
    assert sum(scored.confusion.values()) == scored.accuracy.of == len(pairs)
    assert sum(each.support for each in scored.per_label) == len(pairs)
    assert sum(each.given for each in scored.per_label) == scored.coverage.count
    assert sum(each.hits for each in scored.per_label) == scored.accuracy.count
    assert 0 <= (scored.macro_f1 or 0) <= 1


# ------------------------------------------------------------------------------------------- comparisons


def test_noise_is_not_called_a_difference_and_what_could_have_been_shown_is_told() -> None:
    first = [True] * 180 + [False] * 20
    other = [True] * 175 + [False] * 10 + [True] * 3 + [False] * 12
    told = said(evaluation(run(answered(first), name="a"), run(answered(other), name="b")))
    assert "b against a: no difference that these texts could show (p = 0.73)" in told
    assert "only it is right on 3 of 200 texts, only the other on 5" in told
    assert re.search(r"One of \d\.\d points would have been found 8 times in ten", told)
    assert "b is the same" not in told


def test_a_difference_is_called_one_where_chance_would_hardly_make_it() -> None:
    first, other = [True] * 100, [True] * 85 + [False] * 15
    told = said(evaluation(run(answered(first), name="a"), run(answered(other), name="b")))
    assert re.search(r"b is less accurate than a by 15\.0 points \(.* to .*; p < 0\.001\)", told)


def test_several_comparisons_are_one_family_of_tests() -> None:
    first, other = [True] * 100, [True] * 94 + [False] * 6
    alone = report(evaluation(run(answered(first)), run(answered(other)))).comparisons
    five = report(evaluation(run(answered(first)), *[run(answered(other))] * 5)).comparisons
    assert alone[0].shown
    assert not any(each.shown for each in five)
    assert all(each.p_adjusted == pytest.approx(5 * each.p) for each in five)


def test_where_a_budget_ended_one_only_the_texts_of_both_are_compared() -> None:
    half = run(answered([True] * 50), name="b", not_asked=50, stopped_for=StoppedFor.BUDGET)
    given = evaluation(run(answered([False] * 20 + [True] * 80), name="a"), half)
    (compared,) = report(given).comparisons
    assert (compared.texts, compared.first_right, compared.other_right) == (50, 30, 50)
    assert "b was not asked 50 of 100 rows: the budget (--max-cost) did not suffice" in said(given)


def test_the_cheapest_that_was_not_shown_to_be_worse_is_looked_at_and_not_called_as_good() -> None:
    rows = [True] * 90 + [False] * 10
    dear, cheap = run(answered(rows), name="dear"), run(answered(rows), name="cheap", cost_usd=0.001)
    worse = run(answered([True] * 60 + [False] * 40), name="worse", cost_usd=0.0001)
    given = evaluation(dear, cheap, worse)
    assert report(given).chosen == 1
    assert "That is no proof: it may be up to" in said(given)


def test_one_that_was_shown_to_be_better_is_looked_at_first() -> None:
    poor = run(answered([True] * 60 + [False] * 40), name="poor", cost_usd=0.001)
    good = run(answered([True] * 95 + [False] * 5), name="good", cost_usd=1.0)
    assert report(evaluation(poor, good)).chosen == 1
    assert "Of those that were shown to be more accurate than poor it is the cheapest" in said(
        evaluation(poor, good)
    )


# ------------------------------------------------------------------------------------------- batches


def test_agreement_is_with_the_like_that_asks_one_text_a_call() -> None:
    def one_of(size: int, model: str, right: int) -> Any:
        settings = {"batch.max_tickets": str(size), "llm.model": model}
        rows = answered([True] * right + [False] * (10 - right), size=size)
        return run(rows, name=f"{size} {model}", settings=settings, batch_size=size)

    runs = [one_of(1, "a", 10), one_of(1, "b", 5), one_of(10, "a", 8), one_of(10, "b", 5)]
    found = report(evaluation(*runs)).agreements
    assert [(each.run, each.reference, each.same.count) for each in found] == [(2, 0, 8), (3, 1, 10)]


def test_without_one_text_a_call_in_the_grid_it_is_told_how_to_get_it() -> None:
    told = said(evaluation(sized(10, answered([True] * 20, size=10), calls=2)))
    assert "--grid batch.max_tickets=1,10" in told


@given(st.integers(1, 90))
def test_the_outer_thirds_of_a_call_hold_equally_many_places(size: int) -> None:
    thirds = [third(place, size) for place in range(size)]
    assert thirds == sorted(thirds)
    assert thirds.count(0) == thirds.count(2)
    assert abs(thirds.count(1) - size / 3) <= 1


def test_a_place_that_matters_is_told() -> None:
    right = [n % 10 < 7 for n in range(400)]
    told = said(evaluation(sized(10, answered(right, size=10), calls=40)))
    assert "the place in a call matters" in told
    assert "100.0 % are right, 100.0 % in the middle, 0.0 % in the last" in told


def test_a_place_that_does_not_matter_is_not_told_as_if_it_did() -> None:
    right = [n % 7 > 0 for n in range(400)]
    told = said(evaluation(sized(10, answered(right, size=10), calls=40)))
    assert "The place in a call has no effect that these texts could show" in told


def test_places_that_could_not_be_tested_are_not_called_without_effect() -> None:
    told = said(evaluation(sized(10, answered([True] * 30, size=10), calls=3)))
    assert "cannot be tested: too few texts, or too few mistakes" in told
    assert "no effect" not in told


# ------------------------------------------------------------------------------------------- every form


def test_a_simulated_provider_is_told_before_anything_else() -> None:
    given = a_grid(simulated=True)
    assert next(findings(report(given))).startswith("A simulated provider answered")
    assert 'class="lead">A simulated provider answered' in html(given)


def test_what_was_left_out_is_told_with_its_line() -> None:
    given = a_grid(skipped=[Skipped(line=7, sentence="It has no label.")])
    assert "1 row was left out. Line 7: It has no label." in said(given)


def test_the_page_needs_nothing_else_and_shows_texts_and_labels_as_text() -> None:
    rows = [verdict(1, MARKUP, "bug", text=MARKUP), *(verdict(n, text=f"{MARKUP} {n}") for n in range(2, 9))]
    page = html(evaluation(run(rows), run(rows, name=MARKUP), labels=(MARKUP, "bug"), source=MARKUP))
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|https?://|style=| on[a-z]+=", page)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page


def test_the_page_holds_every_disagreement_with_its_whole_text() -> None:
    rows = [
        verdict(n, predicted="billing", text=f"Beginning {n} " + "word " * 400 + f"end {n}")
        for n in range(1, 61)
    ]
    page = html(evaluation(run(rows)))
    assert all(f"end {n}" in page for n in range(1, 61))


def test_disagreements_begin_with_those_on_which_configurations_differ() -> None:
    first = [verdict(1, predicted="billing"), verdict(2), verdict(3)]
    other = [verdict(1, predicted="billing"), verdict(2, predicted=None), verdict(3)]
    found = report(evaluation(run(first), run(other))).disagreements
    assert [each.text.lines for each in found] == [(2,), (1,)]


def test_hidden_characters_of_a_text_are_not_shown() -> None:
    rows = [verdict(1, predicted="billing", text="pay\u202elater\u200b now")]
    assert "paylater now" in html(evaluation(run(rows)))
    assert shortened("a\n\nb   c" + "d" * 50, 10) == "a b cdddd…"


def test_no_line_on_a_terminal_is_wider_than_it() -> None:
    rows = drawn(1, 60, 0.6, 1, labels=[f"a.label.with.a.rather.long.name.{n}" for n in range(40)])
    name = "batch.max_tickets=10, llm.model=a-model-with-a-long-name-2026-01-01, llm.params.temperature=0"
    shown = printed(evaluation(run(rows, name=name), run(rows, name=f"{name}.5"), source="f" * 90))
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown


def test_markup_of_the_terminal_in_a_text_is_shown_as_it_is() -> None:
    rows = [verdict(1, predicted="[bold]", text="[red]text[/red] [/]")]
    assert "[red]text[/red] [/]" in printed(evaluation(run(rows)))


def test_json_holds_all_that_is_told() -> None:
    data = orjson.loads(orjson.dumps(as_data(a_grid())))
    assert [each["name"] for each in data["configurations"]] == [f"batch.max_tickets={n}" for n in (1, 5, 10)]
    assert [each["other"] for each in data["comparisons"]] == ["batch.max_tickets=5", "batch.max_tickets=10"]
    assert len(data["agreement_with_one_text_a_call"]) == len(data["positions"]) == 2
    assert data["disagreements"][0].keys() == {"lines", "text", "expected", "disputed", "given"}
    first = data["configurations"][0]
    assert first["accuracy"]["count"] == sum(
        each["texts"] for each in first["confusion"] if each["expected"] == each["given"]
    )


def test_the_guide_names_every_field_of_the_json() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text("utf-8")
    data = as_data(a_grid())
    parts = [data, data["comparisons"][0], data["disagreements"][0], data["configurations"][0]]
    assert not {name for part in parts for name in part if f"`{name}`" not in guide}


@pytest.mark.parametrize(
    "given",
    [
        evaluation(run([], not_asked=5, stopped_for=StoppedFor.BUDGET), rows=5),
        evaluation(run([verdict(1)])),
        evaluation(run([verdict(1, predicted=None, latency_ms=None, position=None)], cost_usd=None)),
        evaluation(run([verdict(1)]), run([], name="b", not_asked=1, stopped_for=StoppedFor.INTERRUPT)),
        evaluation(run([verdict(1)], name="a"), run([verdict(2)], name="b"), rows=2),
        evaluation(run(drawn(1, 300, 0.7, 1, labels=[f"intent {n}" for n in range(151)]))),
    ],
    ids=[
        "nothing asked",
        "one text",
        "no answer, no price",
        "one not begun",
        "nothing in common",
        "151 labels",
    ],
)
def test_every_form_of_the_report_stands_where_there_is_little_or_much(given: Evaluation) -> None:
    assert html(given).endswith("</html>\n")
    assert orjson.dumps(as_data(given))
    assert max(map(len, printed(given).splitlines())) <= 80
    assert "nan" not in said(given)


# ------------------------------------------------------------------------------------------- pictures


@given(st.integers(3, 60))
def test_a_matrix_of_many_labels_pools_the_rest_and_loses_no_text(number: int) -> None:
    labels = [f"label {n}" for n in range(number)]
    scored = report(evaluation(run(drawn(number, 200, 0.6, 1, labels=labels)))).scores[0]
    names, counts = pooled(scored, labels)
    assert len(names) <= MOST_LABELS
    assert sum(map(sum, counts)) == 200
    assert all(len(row) == len(names) + 1 for row in counts)
    assert matrix(names, counts).count('class="cell') == sum(count > 0 for row in counts for count in row)


def test_a_cell_tells_its_labels_and_numbers_without_colour() -> None:
    drawn_matrix = matrix(["bug", "a&b"], [[3, 1, 0], [0, 2, 2]])
    assert "<title>bug, given a&amp;b: 1 of 4</title>" in drawn_matrix
    assert "<title>a&amp;b, given needs review: 2 of 4</title>" in drawn_matrix


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_a_scale_holds_all_bounds_and_has_few_marks(bounds: list[tuple[float, float]]) -> None:
    rows = [Interval(label="", value=min(pair), low=min(pair), high=max(pair)) for pair in bounds]
    scale = Scale.of(rows)
    assert 0 <= scale.low < scale.high <= 100
    assert all(-1e-6 <= scale.place(row.low) <= scale.place(row.high) <= 1 + 1e-6 for row in rows)
    assert 2 <= len(scale.marks) <= 8
