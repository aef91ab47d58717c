"""The documentation is what was measured: its tables, its sentences' figures and its pictures."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import document, drawing, measured, pictures
from benchmarks.document import PAGES, PICTURES, ROOT
from benchmarks.figures import Bars, Curve, Figure, Findings, Picture
from benchmarks.measured import DIRECTORY
from benchmarks.suite import SUITE
from stream_classifier.core.faults import OperatorFault
from tests.unit.test_measured import MACHINE

CURVES = Picture(
    name="growth-partitions",
    title="Over partitions",
    x="partitions",
    y="tickets a second",
    curves=[Curve(name="service", points={1: [3, 4, 5], 2: [5, 6, 7]})],
)
BARS = Bars(name="rates", title="Rates", x="tickets a second", bars={"bare loop": [1, 2], "service": [3]})
PAGE = """# Performance

By hand, before.

<!-- measured: urgent -->
What stood here.
<!-- /measured -->

Within <!-- median: urgent / urgent / at-least-once: alone, p99 / 3 -->1<!-- /median --> ms.
"""
README = "# It\n"
MODES = ("at-least-once", "exactly-once")


def a_repository(root: Path, page: str = PAGE, p99: Sequence[float] = ()) -> Path:
    """With this page, and with a file of findings where there are values."""
    (root / "docs" / "measured").mkdir(parents=True)
    (root / "README.md").write_text(README, "utf-8")
    (root / "docs" / "performance.md").write_text(page, "utf-8")
    if p99:
        measure(root, p99)
    return root


def measure(
    root: Path, p99: Sequence[float], picture: Picture = CURVES, arguments: Sequence[str] = ("urgent",)
) -> None:
    figures = [Figure(name=f"{mode}: alone, p99", values=p99, unit="ms") for mode in MODES]
    findings = Findings(title="Urgent", figures=figures, pictures=[picture])
    found = measured.measured({"urgent": findings}, MACHINE, arguments, interrupted=False)
    measured.write(root / "docs" / "measured" / "urgent.json", found)


def page_of(root: Path) -> str:
    return (root / "docs" / "performance.md").read_text("utf-8")


def files_of(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_what_stands_there_by_hand_stays_until_something_is_measured(tmp_path: Path) -> None:
    assert document.make(root=a_repository(tmp_path)) == []
    assert page_of(tmp_path) == PAGE


def test_tables_sentences_and_pictures_are_made_of_what_was_measured(tmp_path: Path) -> None:
    changed = document.make(root=a_repository(tmp_path, p99=[400, 419.4, 500]))
    assert changed == [
        "docs/performance.md",
        "docs/pictures/urgent-at-least-once.svg",
        "docs/pictures/urgent-exactly-once.svg",
        "docs/pictures/growth-partitions.svg",
    ]
    page = page_of(tmp_path)
    assert "| at-least-once: alone, p99, ms | 400 | **419.4** | 500 | 3 |  |" in page
    assert "<!-- median: urgent / urgent / at-least-once: alone, p99 / 3 -->419<!-- /median --> ms." in page
    assert "![Over partitions](pictures/growth-partitions.svg)" in page
    assert "What stood here." not in page
    assert "By hand, before." in page


def test_made_again_nothing_changes(tmp_path: Path) -> None:
    document.make(root=a_repository(tmp_path, p99=[400]))
    before = files_of(tmp_path)
    assert document.make(root=tmp_path) == []
    assert files_of(tmp_path) == before


def test_a_check_names_what_would_change_and_changes_nothing(tmp_path: Path) -> None:
    before = files_of(a_repository(tmp_path, p99=[400]))
    assert len(document.make(check=True, root=tmp_path)) == 4
    assert files_of(tmp_path) == before


def test_a_picture_is_drawn_anew_where_a_value_has_changed(tmp_path: Path) -> None:
    document.make(root=a_repository(tmp_path, p99=[400]))
    measure(tmp_path, [400], replace(CURVES, curves=[Curve(name="service", points={1: [3, 4, 6]})]))
    assert document.make(root=tmp_path) == ["docs/pictures/growth-partitions.svg"]


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (PAGE.replace("measured: urgent", "measured: nothing"), "There is no benchmark 'nothing'"),
        (PAGE.replace("at-least-once: alone, p99", "p42"), "no figure 'p42' of 'urgent'"),
        (PAGE.replace("urgent / at", "other / at"), "no figure 'at-least-once: alone, p99' of 'other'"),
        (PAGE.replace(" / 3", ""), "is not of the form"),
        (PAGE.replace("<!-- /measured -->", ""), "not every <!-- measured:"),
    ],
)
def test_a_marker_that_leads_nowhere_is_a_fault(tmp_path: Path, page: str, says: str) -> None:
    with pytest.raises(OperatorFault, match=re.escape(says)):
        document.make(root=a_repository(tmp_path, page, p99=[400]))


def test_a_sentence_takes_no_figure_of_a_run_that_was_not_whole(tmp_path: Path) -> None:
    measure(a_repository(tmp_path), [400], arguments=["urgent", "--tickets", "100"])
    with pytest.raises(OperatorFault, match="a sentence cannot say so"):
        document.make(root=tmp_path)


def test_a_picture_whose_figures_are_gone_is_a_fault(tmp_path: Path) -> None:
    a_repository(tmp_path)
    findings = Findings(title="Urgent", figures=[Figure(name="of another name", values=[1])])
    found = measured.measured({"urgent": findings}, MACHINE, ["urgent"], interrupted=False)
    measured.write(tmp_path / "docs" / "measured" / "urgent.json", found)
    with pytest.raises(OperatorFault, match="the picture 'urgent-at-least-once' is drawn"):
        document.make(root=tmp_path)


@pytest.mark.parametrize(
    ("value", "digits", "told"),
    [
        (38_935, 2, "39,000"),
        (0.2461, 3, "0.246"),
        (1.4, 3, "1.40"),
        (1.4, 1, "1"),
        (99.6, 2, "100"),
        (0, 2, "0.0"),
        (-0.012, 2, "-0.012"),
    ],
)
def test_a_sentence_has_as_many_digits_as_it_asks_for(value: float, digits: int, told: str) -> None:
    assert document.rounded(Figure(name="", values=[value]), digits) == told


@pytest.mark.parametrize("picture", [CURVES, BARS], ids=["curves", "bars"])
def test_one_picture_is_always_the_same_file_and_says_of_what_it_is_drawn(
    tmp_path: Path, picture: Picture | Bars
) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"
    for path in (first, second):
        drawing.draw(path, picture, source="docs/measured/growth.json")
    assert first.read_bytes() == second.read_bytes()
    assert "docs/measured/growth.json" in first.read_text("utf-8")
    assert pictures.is_drawn(first, picture)
    other = Bars(name="rates", title="Rates", x="tickets a second", bars={"bare loop": [1, 3]})
    assert not pictures.is_drawn(first, other)


def test_a_picture_names_what_it_shows_in_letters(tmp_path: Path) -> None:
    drawing.draw(tmp_path / "bars.svg", BARS, source="docs/measured/rates.json")
    words = re.findall(r"<text[^>]*>([^<]+)</text>", (tmp_path / "bars.svg").read_text("utf-8"))
    assert {"bare loop", "service", "tickets a second", "1.5", "3"} <= set(words)


# ------------------------------------------------------------------------------------- this repository's own


def test_this_documentation_is_what_was_measured() -> None:
    assert document.make(check=True) == [], "run `python -m benchmarks document`"


def test_there_is_no_picture_that_nothing_draws() -> None:
    drawn = set()
    for benchmark in SUITE:
        found = measured.read(DIRECTORY / f"{benchmark.name}.json")
        drawn |= {picture.name for picture in pictures.of(benchmark.name, found)} if found else set()
    assert {path.stem for path in (ROOT / PICTURES).glob("*.svg")} == drawn


def test_there_is_no_file_that_no_benchmark_writes() -> None:
    assert {path.stem for path in DIRECTORY.glob("*")} <= {each.name for each in SUITE}


def test_every_benchmark_has_its_place_in_the_documentation() -> None:
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    named = re.findall(r"^<!-- measured: (\S+) -->$", page, re.MULTILINE)
    assert sorted(named) == sorted(each.name for each in SUITE)


def test_the_readme_has_three_figures_each_with_its_benchmark() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    three = readme.partition("## Three figures\n")[2].partition("\n## ")[0]
    for point in re.findall(r"^- (.*?)(?=^- |\Z)", three, re.MULTILINE | re.DOTALL):
        [name] = set(re.findall(r"`python -m benchmarks ([a-z-]+)`\]\(docs/performance\.md#[a-z-]+\)", point))
        medians = re.findall(r"<!-- median: ([a-z-]+) / ", point)
        assert medians
        assert set(medians) == {name}
    assert three.count("\n- ") == 3
    assert set(PAGES) == {"README.md", "docs/performance.md"}
