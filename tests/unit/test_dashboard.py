"""The dashboard: made from its source, and every query of it asks for what is there."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.promql import existing, faults

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboard.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {
    "$__rate_interval": "5m",
    "$__range": "3h",
    "$namespace": ".*",
    "$job": ".+",
}
NOT_SHOWN = {"tickets_total"}  # by lane as the events are, a moment earlier


def queries() -> Iterator[tuple[str, str]]:
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], filled_in(target["expr"])
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], filled_in(annotation["expr"])


def filled_in(expr: str) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def test_it_is_what_its_source_says() -> None:
    made = subprocess.run([sys.executable, GRAFANA / "generate.py", "--check"], check=False)
    assert made.returncode == 0, "run: python deploy/grafana/generate.py"


@pytest.mark.parametrize(("title", "query"), list(queries()))
def test_every_query_asks_for_what_is_there(title: str, query: str) -> None:
    assert "$" not in query
    assert faults(query, existing()) == []


def test_what_is_not_there_is_found() -> None:
    assert faults("sum(rate(stream_classifier_event_total[5m]))", existing())
    assert faults('stream_classifier_events_total{model="m"}', existing())
    assert faults('stream_classifier_events_total{reason="dead_line"}', existing())
    assert faults('stream_classifier_events_total{decided_by=~"cache|shred"}', existing())
    assert faults("sum by (model) (rate(stream_classifier_events_total[5m]))", existing())
    with pytest.raises(ValueError, match=r".+"):
        faults("sum(rate(stream_classifier_events_total[5m])", existing())


def test_every_metric_is_shown_somewhere() -> None:
    shown = " ".join(query for _, query in queries())
    ours = {name for name in existing() if name.startswith("stream_classifier_")}
    bare = {name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count") for name in ours}
    hidden = {name for name in bare if name not in shown}
    assert hidden == {f"stream_classifier_{name}" for name in NOT_SHOWN}


def test_every_query_can_be_narrowed_to_a_deployment() -> None:
    for title, query in queries():
        assert query.count("stream_classifier_") + query.count("process_") == query.count("namespace=~"), (
            title
        )


def test_every_panel_says_what_it_means_and_in_which_unit() -> None:
    for panel in PANELS:
        assert panel["description"].endswith((".", "?")), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_no_two_panels_overlap_and_none_leaves_the_page() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place: dict[str, Any] = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        columns, lines = (
            range(place["x"], place["x"] + place["w"]),
            range(place["y"], place["y"] + place["h"]),
        )
        cells = {(x, y) for x in columns for y in lines}
        assert not cells & taken, panel["title"]
        taken |= cells


def test_the_five_questions_are_answered_above_everything_else() -> None:
    first = [panel for panel in PANELS if panel["gridPos"]["y"] < 5]
    said = " ".join(panel["description"] for panel in first)
    assert {panel["type"] for panel in first} == {"stat"}
    for question in ("Working:", "Late:", "Provider or us:", "Cost", "Safe to restart:"):
        assert question in said
