"""`docs/traces.md` and the code name the same attributes."""

import re
from pathlib import Path

import stream_classifier
from stream_classifier.observe import trace_names
from stream_classifier.observe.call_spans import LINKS_MAX
from stream_classifier.observe.trace_export import FLUSH_S
from stream_classifier.observe.tracing import ENDPOINTS

PAGE = (Path(stream_classifier.__file__ or "").parents[1] / "docs" / "traces.md").read_text(encoding="utf-8")
NAME = re.compile(r"`((?:messaging|gen_ai|server|http|error|stream_classifier)\.[a-z_.]+)`")


def test_every_attribute_stands_in_the_table_and_no_other() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|") and "`OTEL_" not in line]
    written = {name for row in rows for name in NAME.findall(row)}
    used = {v for k, v in vars(trace_names).items() if k.isupper() and k not in {"OURS", "SCHEMA_URL"}}
    assert written == used


def test_its_figures_and_variables_are_those_of_the_code() -> None:
    assert f"{FLUSH_S} s at most" in PAGE
    assert f"up to {LINKS_MAX}" in PAGE
    assert all(f"`{name}`" in PAGE for name in ENDPOINTS)
