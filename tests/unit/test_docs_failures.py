"""docs/failures.md against the table that it explains."""

import re
from pathlib import Path

import pytest

from stream_classifier.core.breaker import (
    AT_ONCE,
    FAILURES_IN_A_ROW,
    PROBE_WAIT_FIRST_S,
    PROBE_WAIT_MAX_S,
    WINDOW,
)
from stream_classifier.core.call import Signal
from stream_classifier.core.failure import TABLE, Remedy

PAGE = (Path(__file__).parents[2] / "docs" / "failures.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of a section's table, by the name in its first column."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    assert len({row[0] for row in cells}) == len(cells), "a name stands twice"
    return {row[0].strip("`"): row[1:] for row in cells}


def code(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


def paragraph(heading: str) -> str:
    return " ".join(PAGE.split(f"## {heading}\n")[1].split("\n## ")[0].split())


def test_every_signal_and_every_remedy_has_its_row() -> None:
    assert set(rows("What each signal gets")) == set(Signal)
    assert set(rows("What each remedy does")) == set(Remedy)


@pytest.mark.parametrize("signal", Signal)
def test_a_signals_row_says_what_is_done(signal: Signal) -> None:
    _, batch, one, attempt, _ = rows("What each signal gets")[signal]
    row = TABLE[signal]
    assert code(batch) == list(row.steps)
    assert code(one) == list(row.single)
    assert attempt == ("yes" if row.counts else "no")


def test_the_page_names_the_signals_that_a_text_can_cause() -> None:
    named = paragraph("One ticket that makes the provider fail").split(" the cause may be")[0]
    assert set(code(named)) == {signal for signal in Signal if TABLE[signal].poison}


def test_the_page_says_when_a_breaker_opens_and_how_often_it_probes() -> None:
    said = paragraph("While a breaker is open")
    assert set(code(said.split(" and where")[0])) == AT_ONCE
    assert f"after {FAILURES_IN_A_ROW} failures in a row, or where half of the last {WINDOW} calls" in said
    assert f"after {PROBE_WAIT_FIRST_S:g}, 2, 4, 8, 16 and from then on every {PROBE_WAIT_MAX_S:g} s" in said
