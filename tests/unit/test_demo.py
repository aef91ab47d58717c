"""The demo's parts that neither wait nor read a socket: when tickets come, the account, the figures."""

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.cli.demo import foot
from stream_classifier.core import measures
from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.demo import Demo, Plan
from stream_classifier.lab.demo_account import Account
from stream_classifier.lab.demo_config import MODEL, TOPICS, provider_options, write_config
from stream_classifier.lab.demo_figures import Rate, Sources
from stream_classifier.lab.demo_results import Results, quantile
from stream_classifier.lab.demo_stream import BURST_SHARE, Rhythm
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.lab.simulator.stats import Stats

RHYTHMS = st.builds(Rhythm, tickets=st.integers(1, 2000), seconds=st.floats(1, 600))
RECORDS = st.tuples(st.integers(0, 2), st.integers(0, 8))


def event(**differing: Any) -> dict[str, Any]:
    """What the labels topic holds of a ticket, as far as the demo reads it."""
    usual = {
        "ticket_id": "T-1",
        "lane": "bulk",
        "status": "labelled",
        "label": "bug",
        "reason": None,
        "decided_by": "llm",
        "latency_ms": 900,
    }
    return usual | differing


# ------------------------------------------------------------------------------- when tickets come


@given(RHYTHMS, st.integers(0, 5000))
def test_no_ticket_comes_before_the_one_before_it(rhythm: Rhythm, index: int) -> None:
    assert rhythm.due_s(index) <= rhythm.due_s(index + 1)


@given(RHYTHMS)
def test_a_round_comes_within_its_seconds_and_begins_at_once(rhythm: Rhythm) -> None:
    assert rhythm.due_s(0) == 0
    assert rhythm.due_s(rhythm.tickets - 1) <= rhythm.seconds
    assert rhythm.due_s(rhythm.tickets) == pytest.approx(rhythm.seconds)


def test_a_burst_comes_all_at_once() -> None:
    rhythm = Rhythm(tickets=1000, seconds=100)
    at_once = Counter(round(rhythm.due_s(index), 6) for index in range(1000)).most_common(2)
    assert [count for _, count in at_once] == pytest.approx([1000 * BURST_SHARE] * 2, abs=1)


def test_between_bursts_tickets_come_steadily() -> None:
    times = [Rhythm(tickets=1000, seconds=100).due_s(index) for index in range(200)]
    assert {round(later - earlier, 6) for earlier, later in pairwise(times)} == {0.125}


# ------------------------------------------------------------------------------------- the account


@given(st.lists(RECORDS), st.lists(RECORDS))
def test_the_account_counts_as_a_list_of_records_would(
    came_in: list[tuple[int, int]], came_out: list[tuple[int, int]]
) -> None:
    account = Account()
    for record in came_in:
        account.came_in(*record)
    for record in came_out:
        account.came_out(*record)
    records = {(partition, below) for partition, offset in came_in for below in range(offset + 1)}
    assert account.records == len(records)
    assert account.missing == len(records - set(came_out))
    assert account.surplus == len(came_out) - len(records & set(came_out))


def test_what_is_missing_below_a_commit_is_told_apart_from_what_is_above() -> None:
    account = Account()
    account.came_in(0, 9)
    for offset in (0, 1, 3, 7):
        account.came_out(0, offset)
    assert account.missing == 6
    assert account.missing_before({0: 5}) == 2


def test_a_partition_that_nothing_came_out_of_is_missing_whole() -> None:
    account = Account()
    account.came_in(2, 3)
    assert account.missing == 4


# ------------------------------------------------------------------------------------- the results


def test_labelled_events_are_counted_by_lane_label_and_who_decided() -> None:
    results = Results()
    results.add(event())
    results.add(event(lane="urgent", label="billing", decided_by="cache"))
    assert results.labelled == {"bulk": 1, "urgent": 1}
    assert results.labels == {"bug": 1, "billing": 1}
    assert results.decided_by == {"llm": 1, "cache": 1}


def test_a_review_is_counted_by_its_reason_and_not_as_labelled() -> None:
    results = Results()
    results.add(event(status="needs_review", label=None, reason="unsure", decided_by=None))
    assert results.needs_review == {"unsure": 1}
    assert not results.labelled


def test_the_newest_ticket_is_shown_first() -> None:
    results = Results()
    for number in range(40):
        results.add(event(ticket_id=f"T-{number}"))
    assert [ticket.ticket_id for ticket in results.recent][:2] == ["T-39", "T-38"]


def test_waiting_times_are_kept_by_lane() -> None:
    results = Results()
    results.add(event(lane="urgent", latency_ms=300))
    results.add(event(latency_ms=2000))
    assert (results.latency("urgent").p99_ms, results.latency("bulk").p50_ms) == (300, 2000)


@given(st.lists(st.integers(0, 100), min_size=1).map(sorted), st.floats(0.01, 1))
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], share: float
) -> None:
    found = quantile(values, share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values)


# ------------------------------------------------------------------------------------- the figures


def test_a_rate_is_of_the_last_seconds_only() -> None:
    rate = Rate()
    rate.per_s(0, 0.0)
    rate.per_s(1000, 1.0)
    assert rate.per_s(1030, 3.5) == pytest.approx(30 / 2.5)


def test_what_is_passed_over_is_not_missed() -> None:
    sources = Sources(planned=1, provider=Stats())
    sources.account.came_in(0, 0)
    sources.tally.add(measures.PASSED_OVER, "tombstone")
    assert sources.unaccounted == 0


def test_what_is_left_to_kafka_is_not_lost() -> None:
    sources = Sources(planned=3, provider=Stats())
    sources.account.came_in(0, 2)
    sources.account.came_out(0, 0)
    sources.left = 2
    assert (sources.figures(1.0).lost, sources.figures(1.0).left) == (0, 2)


# -------------------------------------------------------------------------------- the configuration


def test_the_configuration_is_one_that_run_would_take(tmp_path: Path) -> None:
    settings = write_config(
        tmp_path / "demo.yaml", bootstrap_servers="127.0.0.1:9", base_url="http://127.0.0.1:9/v1"
    )
    assert (settings.llm.model, settings.http.host) == (MODEL, "127.0.0.1")
    assert settings.cache.path.parent == tmp_path
    assert yaml.safe_load((tmp_path / "demo.yaml").read_text("utf-8"))["taxonomy"] == DEMO_TAXONOMY


def test_the_topics_are_those_that_the_settings_name_by_default(tmp_path: Path) -> None:
    kafka = write_config(tmp_path / "demo.yaml", bootstrap_servers="h:1", base_url="http://h/v1").kafka
    assert (kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic) == TOPICS


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I was charged twice, see the invoice", "billing"),
        ("My account is locked and the code never comes", "access"),
        ("The export fails with an error", "bug"),
    ],
)
def test_the_simulated_labels_look_like_a_models(text: str, label: str) -> None:
    labels = [entry["name"] for entry in DEMO_TAXONOMY["labels"]]
    assert provider_options(seed=1).rule(text, labels) == label


# -------------------------------------------------------------------------------------- around it


async def test_a_missing_extra_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "confluent_kafka", None)
    demo = Demo(Plan(tickets=1, seconds=1, seed=1), tmp_path)
    with pytest.raises(OperatorFault, match=r"pip install 'stream-classifier\[demo\]'"):
        await demo.run(lambda _figures: None, 1.0)


def test_the_foot_says_how_to_end_it_and_where_to_look(tmp_path: Path) -> None:
    demo = Demo(Plan(tickets=1, seconds=1, seed=1), tmp_path, page="http://127.0.0.1:8080")
    assert "Ctrl-C" in foot(demo)
    assert "http://127.0.0.1:8080" in foot(demo)


def test_the_foot_says_that_it_is_stopping(tmp_path: Path) -> None:
    demo = Demo(Plan(tickets=1, seconds=1, seed=1), tmp_path)
    demo.stop()
    assert foot(demo).startswith("Stopping")
