"""docs/metrics.md against what is declared: every metric, its kind and its labels, both ways."""

import re
from pathlib import Path

from stream_classifier.core import measures
from stream_classifier.core.tally import MEASURES, Measure
from stream_classifier.observe.metrics import PREFIX
from tests.promql import existing, faults

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")

Row = tuple[str, str, frozenset[str]]


def documented() -> list[Row]:
    rows = re.findall(rf"^\| `{PREFIX}(\w+)` \| (\w+) \|([^|]*)\|", PAGE, re.MULTILINE)
    return [(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows]


def as_row(measure: Measure) -> Row:
    return measure.name, str(measure.kind), frozenset(measure.labels)


def said(row: Row) -> str:
    name, kind, labels = row
    return f"| `{PREFIX}{name}` | {kind} | {', '.join(f'`{label}`' for label in sorted(labels))} | … |"


def test_every_metric_has_its_row() -> None:
    missing = [said(as_row(each)) for each in MEASURES.values() if as_row(each) not in documented()]
    assert not missing, "docs/metrics.md lacks these rows:\n" + "\n".join(missing)


def test_every_row_is_a_metric() -> None:
    declared = {as_row(measure) for measure in MEASURES.values()}
    stale = [said(row) for row in documented() if row not in declared]
    assert not stale, "docs/metrics.md has rows for what is not declared:\n" + "\n".join(stale)


def test_no_metric_stands_twice() -> None:
    assert len(documented()) == len(set(documented()))


def test_queries_ask_only_for_what_is_there() -> None:
    blocks = re.findall(r"```promql\n(.*?)```", PAGE, re.DOTALL)
    queries = [query for block in blocks for query in re.split(r"\n(?=\S)", block.strip())]
    assert len(queries) > 5
    assert {query: faults(query, existing()) for query in queries} == {query: [] for query in queries}


def test_the_query_to_scale_by_asks_for_what_is_there() -> None:
    [query] = re.findall(r"^ +query: (.+)$", PAGE, re.MULTILINE)
    assert faults(query, existing()) == []


def test_all_measures_are_declared_in_one_place() -> None:
    here = {value.name for value in vars(measures).values() if isinstance(value, Measure)}
    assert set(MEASURES) == here
