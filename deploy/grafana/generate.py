"""Writes dashboard.json from dashboard.yml: `python deploy/grafana/generate.py`; with `--check` it compares.

Grafana's own form of a panel takes forty lines, of which four matter; those four stand in the source.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SOURCE, DASHBOARD = HERE / "dashboard.yml", HERE / "dashboard.json"

ON = 'namespace=~"$namespace", job=~"$job"'  # what `$on` stands for
COLUMNS = 24
SIZES = {"stat": (3, 4), "timeseries": (8, 7), "table": (8, 7)}  # width and height by kind
STAT_AMONG_OTHERS = (8, 7)  # where a row does not consist of numbers only
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
GRAFANA_SCHEMA = 39  # of Grafana 11; later ones take it over

Json = dict[str, Any]


def dashboard(source: Mapping[str, Any]) -> Json:
    """The dashboard as Grafana takes it."""
    return {
        "uid": "stream-classifier",
        "title": source["title"],
        "tags": ["stream-classifier"],
        "schemaVersion": GRAFANA_SCHEMA,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": [_datasource(), _variable("namespace", True), _variable("job", False)]},
        "annotations": {"list": [_deployments()]},
        "panels": list(_panels(source["rows"])),
    }


def _datasource() -> Json:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _variable(name: str, may_be_missing: bool) -> Json:
    """A label of the targets to choose by; `namespace` is there on Kubernetes only."""
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": f"label_values(stream_classifier_build_info, {name})",
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*" if may_be_missing else ".+",
        "current": {"text": "All", "value": "$__all"},
    }


def _deployments() -> Json:
    """A line wherever other settings or another version began to run."""
    now = f"count by (version, settings_digest) (stream_classifier_build_info{{{ON}}})"
    before = f"count by (version, settings_digest) (stream_classifier_build_info{{{ON}}} offset 2m)"
    return {
        "name": "Deployments",
        "datasource": DATASOURCE,
        "enable": True,
        "iconColor": "blue",
        "expr": f"{now} unless {before}",
        "titleFormat": "{{version}} {{settings_digest}}",
    }


def _panels(rows: list[Json]) -> Iterator[Json]:
    """Rows one below the other, in each the panels from left to right."""
    number, y = 0, 0
    for row in rows:
        number += 1
        yield {
            "id": number,
            "type": "row",
            "title": row["title"],
            "collapsed": False,
            "panels": [],
            **_at(0, y, 24, 1),
        }
        y += 1
        x = height = 0
        numbers_only = all(panel.get("kind") == "stat" for panel in row["panels"])
        for panel in row["panels"]:
            number += 1
            width, height = _size(panel, numbers_only=numbers_only)
            if x + width > COLUMNS:
                x, y = 0, y + height
            yield {"id": number, **_panel(panel), **_at(x, y, width, height)}
            x += width
        y += height


def _size(panel: Json, *, numbers_only: bool) -> tuple[int, int]:
    kind = panel.get("kind", "timeseries")
    return STAT_AMONG_OTHERS if kind == "stat" and not numbers_only else SIZES[kind]


def _at(x: int, y: int, width: int, height: int) -> Json:
    return {"gridPos": {"x": x, "y": y, "w": width, "h": height}}


def _panel(panel: Json) -> Json:
    kind = panel.get("kind", "timeseries")
    defaults: Json = {"unit": panel["unit"], "noValue": "-"}
    if "decimals" in panel:
        defaults["decimals"] = panel["decimals"]
    if kind == "timeseries":
        defaults |= {"min": 0, "custom": {"fillOpacity": 8, "showPoints": "never", "spanNulls": False}}
    else:
        defaults |= {"color": {"mode": "thresholds"}, "thresholds": _thresholds(panel)}
    return {
        "type": kind,
        "title": panel["title"],
        "description": panel["says"].strip(),
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(kind),
        "targets": [
            _target(letter, legend, expr, kind)
            for letter, (legend, expr) in zip("ABCDEFGH", panel["queries"].items(), strict=False)
        ],
    }


def _thresholds(panel: Json) -> Json:
    steps: list[Json] = [{"color": "green" if "warn" in panel else "text", "value": None}]
    steps += [{"color": "orange", "value": panel["warn"]}] if "warn" in panel else []
    steps += [{"color": "red", "value": panel["bad"]}] if "bad" in panel else []
    return {"mode": "absolute", "steps": steps}


def _options(kind: str) -> Json:
    if kind == "stat":
        return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "value", "graphMode": "area"}
    if kind == "table":
        return {"showHeader": True}
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


def _target(letter: str, legend: str, expr: str, kind: str) -> Json:
    target: Json = {"refId": letter, "expr": expr.strip().replace("$on", ON), "legendFormat": legend}
    if kind == "table":
        target |= {"format": "table", "instant": True}
    return target


def text() -> str:
    """What dashboard.json is to hold."""
    made = dashboard(yaml.safe_load(SOURCE.read_text(encoding="utf-8")))
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write, or compare; 1 where the two differ."""
    if "--check" in arguments:
        return int(DASHBOARD.read_text(encoding="utf-8") != text())
    DASHBOARD.write_text(text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
