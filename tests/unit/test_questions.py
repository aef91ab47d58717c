"""docs/questions.jq on logs of a few lines: what a real night rarely shows, and how it ends."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"

STARTED = {"event": "service_starting", "delivery": "at-least-once", "cache": "sqlite"}
QUIET = {"event": "summary", "period_s": 30.0, "events_out": 300, "in_flight": 0, "lag": 0, "oldest_s": 0.0}
ANSWERED = {"event": "model_call", "outcome": "answered", "tickets": 10, "answered": 10, "latency_ms": 900}
FAILED = {"event": "transaction_failed", "partition": "t:0", "error": "TimeoutError"}

WHO = "is_it_the_provider_or_us"

pytestmark = pytest.mark.usefixtures("jq")


def ask(question: str, *lines: dict[str, Any] | str, **settings: float) -> str:
    """The answer from a log of these lines, a second apart."""
    log = [line if isinstance(line, str) else _stamped(line, second) for second, line in enumerate(lines)]
    named = [part for name, value in settings.items() for part in ("--argjson", name, json.dumps(value))]
    process = subprocess.run(
        ["jq", "-nRr", "-L", DOCS, *named, f'include "questions"; log | {question}'],
        input="\n".join(log),
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.strip()


def _stamped(line: dict[str, Any], second: int) -> str:
    return json.dumps({"timestamp": f"2026-01-01T12:{second // 60:02}:{second % 60:02}.250Z", **line})


@pytest.mark.parametrize(
    ("trouble", "who"),
    [
        ({"event": "commit_failed", "error": "TimeoutError", "in_a_row": 1}, "Kafka"),
        ({"event": "publishing_held", "silent_s": 20.1}, "Kafka"),
        ({"event": "publish_failed", "topic": "labels", "error": "KafkaError"}, "Kafka"),
        ({"event": "waiting_for_kafka", "detail": "No broker answers."}, "Kafka"),
        ({"event": "input_topic_missing", "topic": "tickets"}, "Kafka"),
        (FAILED, "Kafka"),
        ({"event": "budget_spent", "lane": "bulk", "day": "2026-01-01", "remedy": "Wait."}, "our settings"),
        ({"event": "cache_backend_failed", "backend": "redis", "error": "away"}, "the cache"),
        ({"event": "service_failed", "error": "No right."}, "us"),
        ({**QUIET, "lag": 900, "oldest_s": 300.0, "events_out": 10}, "us"),
    ],
    ids=lambda given: given["event"] if isinstance(given, dict) else None,
)
def test_who_is_named_for(trouble: dict[str, Any], who: str) -> None:
    assert ask(WHO, STARTED, ANSWERED, trouble).partition(":")[0] == who


@pytest.mark.parametrize(
    ("trouble", "over"),
    [
        ({"event": "commit_failed", "error": "TimeoutError"}, {"event": "commit_resumed", "failed": 3}),
        ({"event": "publishing_held", "silent_s": 20.1}, {"event": "publishing_resumed"}),
        ({"event": "cache_backend_failed", "error": "away"}, {"event": "cache_backend_back"}),
        ({"event": "provider_paused", "model": "a"}, {"event": "provider_resumed", "model": "a"}),
        ({"event": "budget_spent", "lane": "bulk"}, {"event": "budget_renewed", "lane": "bulk"}),
        (FAILED, {**FAILED, "event": "transaction_resumed"}),
        ({"event": "provider_paused", "model": "a"}, STARTED),
    ],
    ids=lambda given: given["event"],
)  # fmt: skip
def test_nobody_is_named_any_more_after(trouble: dict[str, Any], over: dict[str, Any]) -> None:
    assert ask(WHO, STARTED, trouble, over, ANSWERED) == "nobody: nothing fails"


def test_a_pause_counts_for_as_long_as_it_lasts_and_only_for_its_model() -> None:
    pause = {"event": "provider_paused", "model": "a", "reason": "quota", "remedy": "Pay."}
    other = {"event": "provider_resumed", "model": "b"}
    assert ask(WHO, STARTED, pause, other, *[QUIET] * 300).startswith("the account: quota at a since")


def test_what_failed_more_than_two_minutes_ago_counts_no_more() -> None:
    failed = {**ANSWERED, "outcome": "server_error", "answered": 0}
    assert ask(WHO, STARTED, failed, *[QUIET] * 130, ANSWERED) == "nobody: nothing fails"


def test_lines_that_are_no_json_are_passed_over() -> None:
    assert ask("is_it_working", "Picked up JAVA_OPTS", STARTED, "", '"text"', "[1]", QUIET).startswith("yes")


@pytest.mark.parametrize(
    ("last", "answer"),
    [
        (QUIET, "yes: everything that came is done"),
        ({**QUIET, "in_flight": 5, "lag": 9}, "yes: 300 events in 30 s"),
        ({**QUIET, "in_flight": 5, "lag": 9, "events_out": 0}, "no: 5 tickets are in flight"),
        ({"event": "service_stopped"}, "no: it was stopped at"),
        ({"event": "service_stopping"}, "no: it is stopping since"),
        ({"event": "service_failed", "error": "No right."}, "no: us: the service has failed: No right."),
    ],
    ids=["idle", "busy", "stuck", "stopped", "stopping", "failed"],
)
def test_whether_it_is_working(last: dict[str, Any], answer: str) -> None:
    assert ask("is_it_working", STARTED, last).startswith(answer)


def test_it_works_in_part_while_calls_go_on_beside_a_pause() -> None:
    pause = {"event": "provider_paused", "model": "a", "reason": "quota", "remedy": "Pay."}
    assert ask("is_it_working", STARTED, pause, ANSWERED).startswith("in part: the account: quota")


def test_what_is_late_is_set_by_the_reader() -> None:
    waiting = {**QUIET, "in_flight": 5, "lag": 60, "oldest_s": 90.0}
    assert ask("is_it_late", STARTED, waiting).endswith(
        "60 records are to be done, in 0.1 min at 10 a second"
    )
    assert ask("is_it_late", STARTED, waiting, late_s=100).startswith(
        "no: the oldest in flight has waited 90 s"
    )


def test_an_urgent_ticket_without_a_label_at_its_deadline_is_late() -> None:
    missed = {"event": "urgent_ticket", "reason": "deadline", "latency_ms": 30_400}
    said = ask("is_it_late", STARTED, QUIET, missed)
    assert said.startswith("yes: 1 urgent tickets met their deadline without a label")


def test_costs_add_up_over_the_summaries_and_what_has_no_price_is_said() -> None:
    lines = [{**QUIET, "cost_usd": 0.01, "saved_usd": 0.03}, {**QUIET, "cost_usd": 0.02, "saved_usd": None}]
    said = ask("what_did_it_cost", STARTED, *lines, {**ANSWERED, "cost_usd": None})
    assert said.startswith("0.03 USD for 600 events")
    assert "0.03 USD less than one call a ticket" in said
    assert said.endswith("not counted: 1 calls without a price or without usage")


@pytest.mark.parametrize(
    ("start", "trouble", "answer"),
    [
        ({}, QUIET, "yes: nothing is lost, nothing comes twice after a SIGTERM"),
        ({}, {"event": "commit_failed"}, "nothing is lost, but wait if you can: commits fail"),
        ({"delivery": "exactly-once"}, FAILED, "yes: nothing is lost"),
        ({"cache": "memory"}, QUIET, "nothing is lost, but wait if you can: what is only in this"),
        ({}, {"event": "cache_backend_failed"}, "nothing is lost, but wait if you can: what is only in this"),
    ],
    ids=["quiet", "commits fail", "exactly once", "in memory", "cache away"],
)  # fmt: skip
def test_whether_a_restart_is_safe(start: dict[str, str], trouble: dict[str, Any], answer: str) -> None:
    assert ask("is_it_safe_to_restart", STARTED | start, trouble).startswith(answer)


def test_a_restart_does_not_mend_the_provider() -> None:
    pause = {"event": "provider_paused", "model": "a", "reason": "quota", "remedy": "Pay."}
    assert ask("is_it_safe_to_restart", STARTED, pause).endswith("It would not mend what is the matter")
