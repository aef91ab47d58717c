"""The rules for Prometheus: they ask for what is there, they fire when they should, and each has its page."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stream_classifier.cli import read_command
from stream_classifier.settings import Settings
from stream_classifier.settings.expected import leaves
from tests.promql import TARGET, Series, existing, faults, output_labels

ROOT = Path(__file__).parents[2]
PROMETHEUS, RUNBOOKS = ROOT / "deploy" / "prometheus", ROOT / "docs" / "runbooks"
GROUPS = yaml.safe_load((PROMETHEUS / "rules.yml").read_text(encoding="utf-8"))["groups"]
RULES: list[dict[str, Any]] = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
TESTS = yaml.safe_load((PROMETHEUS / "rules_test.yml").read_text(encoding="utf-8"))["tests"]
CHECKS = [check for test in TESTS for check in test["promql_expr_test"]]

TEST_NAME = re.compile(r"^(StreamClassifier\w+): ")
COMMAND = re.compile(r"stream-classifier ([a-z]+)((?: --[a-z-]+(?: [^`\n-][^ `\n]*)?)*)")
SECTIONS = ["What it means", "How to look", "What to do", "When to wake somebody", "When it is harmless"]
NEVER, ALWAYS = "vector(0) > 1", 'label_replace(vector(1), "always", "yes", "", "")'


def series() -> dict[str, Series]:
    """What is exposed, and what is recorded from it."""
    recorded = {name: Series(output_labels(rule["expr"])) for name, rule in RECORDED.items()}
    return existing() | recorded


def alert_of(test: dict[str, Any]) -> str:
    named = TEST_NAME.match(test["name"])
    assert named, f"{test['name']!r} does not begin with an alert's name"
    return named[1]


def said_of_rules(promtool: str, directory: Path, expr: str | None = None) -> tuple[int, str]:
    """What promtool makes of the tests, where every alert asks for `expr` instead."""
    groups = yaml.safe_load(yaml.safe_dump(GROUPS))
    for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule and expr):
        rule["expr"] = expr
        rule.pop("for", None)
    (directory / "rules.yml").write_text(yaml.safe_dump({"groups": groups}), encoding="utf-8")
    tests = directory / "rules_test.yml"
    tests.write_text((PROMETHEUS / "rules_test.yml").read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", tests], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("name", list(RECORDED) + list(ALERTS))
def test_every_rule_asks_for_what_is_there(name: str) -> None:
    rule = RECORDED.get(name) or ALERTS[name]
    assert faults(rule["expr"], series()) == []


def test_a_recorded_series_has_the_labels_of_a_deployment() -> None:
    assert all(
        Series(output_labels(rule["expr"])).labels >= {"namespace", "job"} for rule in RECORDED.values()
    )


def test_the_rules_and_the_configuration_are_valid(promtool: str) -> None:
    for command in (["check", "rules", "rules.yml"], ["check", "config", "prometheus.yml"]):
        done = subprocess.run(
            [promtool, *command], cwd=PROMETHEUS, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_alerts_fire_when_they_should_and_else_keep_silent(promtool: str, tmp_path: Path) -> None:
    status, said = said_of_rules(promtool, tmp_path)
    assert status == 0, said


def test_every_alert_is_tested_to_fire_and_to_keep_silent() -> None:
    checks = [(alert_of(test), check) for test in TESTS for check in test["promql_expr_test"]]
    assert {alert for alert, check in checks if check["exp_samples"]} == set(ALERTS)
    assert {alert for alert, check in checks if not check["exp_samples"]} == set(ALERTS)
    assert all(f'alertname="{alert}"' in check["expr"] for alert, check in checks)


def test_an_alert_that_never_fires_fails_each_of_its_checks(promtool: str, tmp_path: Path) -> None:
    failed = said_of_rules(promtool, tmp_path, NEVER)[1].count("    expr: ")
    assert failed == sum(bool(check["exp_samples"]) for check in CHECKS)


def test_an_alert_that_always_fires_fails_each_of_its_checks(promtool: str, tmp_path: Path) -> None:
    failed = said_of_rules(promtool, tmp_path, ALWAYS)[1].count("    expr: ")
    assert failed == len(CHECKS)  # those that expect it expect its labels, too


def test_every_alert_says_how_bad_it_is_what_is_the_matter_and_where_to_read_on() -> None:
    for name, rule in ALERTS.items():
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"


def test_a_summary_names_only_labels_that_its_alert_has() -> None:
    for name, rule in ALERTS.items():
        named = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        kept = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]))))
        assert named <= kept | TARGET, name


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_what_to_do(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    assert "```" in page.split("## What to do")[0], "no command to look with"
    assert f"Severity: {ALERTS[name]['labels']['severity']}" in page


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_asks_for_what_is_there(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```promql\n(.*?)```", page, re.DOTALL):
        for query in filter(None, block.splitlines()):
            assert faults(query, series()) == [], query


def test_the_index_names_every_page_once() -> None:
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\((StreamClassifier\w+)\.md\)", index)) == sorted(ALERTS)


def test_the_pages_name_only_log_events_that_exist() -> None:
    logs = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
    events = set(re.findall(r"^\| `(\w+)` \|", logs, re.MULTILINE))
    assert {event for page in pages() for event in re.findall(r'\.event == "(\w+)"', page)} <= events


def test_the_pages_name_only_settings_that_exist() -> None:
    keys = {key for key, _ in leaves(Settings)}
    named = {key for page in pages() for key in re.findall(r"`([a-z]+\.[a-z_]+)`", page)}
    groups = {key.split(".")[0] for key in keys}
    assert {key for key in named if key.split(".")[0] in groups} <= keys


def test_the_pages_name_only_commands_and_options_that_exist() -> None:
    for page in pages():
        for name, rest in COMMAND.findall(page):
            options = {option for parameter in read_command(name).params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", rest)) <= options, name + rest


def pages() -> list[str]:
    return [page.read_text(encoding="utf-8") for page in sorted(RUNBOOKS.glob("*.md"))]
