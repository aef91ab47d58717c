"""The command `replay` as a person has it: what it takes, what it says, how it ends."""

import re
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from stream_classifier.cli import main
from stream_classifier.cli.replay import _as_json, _explain_left, _offsets, _result, _time_ms
from stream_classifier.core.replay import Offsets
from stream_classifier.kafka.replaying import Account
from tests.unit.settings_cases import write_settings

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `replay`; returns exit status and stderr as one line."""
    monkeypatch.setenv("NO_COLOR", "1")
    path = write_settings(tmp_path, kafka={"bootstrap_servers": "127.0.0.1:9"})

    def run_it(*args: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["replay", "--config", str(path), *args])
        return int(ended.value.code or 0), re.sub(r"[\s│]+", " ", capsys.readouterr().err)

    return run_it


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--from", "labels", "--reason", "unsure"], "--reason: labels have none"),
        (["--from", "reviews", "--all"], "--all: it goes with --from labels"),
        (["--from", "reviews", "--since", "yesterday"], "write it as 2025-01-31"),
        (["--from", "reviews", "--until", "2h"], "write it as 2025-01-31"),
        (["--from", "reviews", "--offsets", "0:9-3"], "the last offset is before the first"),
        (["--from", "reviews", "--offsets", "17"], "write it as 0:17"),
        (["--from", "nothing"], "'nothing' is not one of 'dead-letters', 'reviews', 'labels'"),
        ([], "Missing option '--from'"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_right(run: Run, arguments: list[str], says: str) -> None:
    status, err = run(*arguments)
    assert status == 2
    assert says in err


@pytest.mark.parametrize(
    ("text", "offsets"),
    [("0:17", (0, 17, 17)), ("3:0-9", (3, 0, 9)), ("12:5-", (12, 5, 2**63 - 1)), ("0:7-7", (0, 7, 7))],
)
def test_offsets_are_one_a_span_or_all_from_one_on(text: str, offsets: tuple[int, int, int]) -> None:
    assert _offsets(text) == Offsets(*offsets)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-01", 1_767_225_600_000),
        ("2026-01-01T00:00:00.250Z", 1_767_225_600_250),
        ("2026-01-01T02:00+02:00", 1_767_225_600_000),
        ("2026-01-01T00:00", 1_767_225_600_000),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, ms: int) -> None:
    assert _time_ms(text, "--since") == ms


def test_what_was_sent_is_told_with_its_reasons_and_a_dry_run_says_would() -> None:
    account = Account(looked_at=9, chosen=4, sent=3, repeated=1)
    account.reasons.update({"not_json": 2, "too_large": 1})
    assert _result(account, dry=False).splitlines() == [
        "sent 3  repeated 1  gone 0  worn 0  looked at 9",
        "  2\tnot_json",
        "  1\ttoo_large",
    ]
    assert _result(account, dry=True).startswith("would be sent 3  ")
    assert orjson.loads(_as_json(account, dry=True))["dry_run"] is True


def test_what_was_left_is_named_with_what_can_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    places = [f"ticket-labels:0:{offset}" for offset in range(7)]
    _explain_left(Account(gone=1, gone_places=["tickets:0:1"], worn=7, worn_places=places))
    gone, worn = capsys.readouterr().err.splitlines()
    assert "tickets:0:1" in gone
    assert "--force" in worn
    assert "ticket-labels:0:4, ..." in worn
