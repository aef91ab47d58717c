"""`profile` as a person calls it: what it prints, what it writes, and how it refuses."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from stream_classifier.cli import main
from stream_classifier.lab.figures import duration, percent, rate, seconds
from stream_classifier.lab.pages.style import STYLE
from stream_classifier.lab.profile.findings import caveats, findings
from stream_classifier.lab.profile.html import html
from stream_classifier.lab.profile.profiling import Asked
from stream_classifier.settings import load
from tests.unit.profile_world import DAY_S, every, rows, the_profile
from tests.unit.settings_cases import write_settings

Run = Callable[..., tuple[int, str, str]]
MARKUP = "<script>alert(1)</script> & more"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs `profile` in a folder without a configuration; returns exit status, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run_it(*args: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(["profile", *args])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run_it


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Ten minutes of tickets, one a second; a tenth of them repeat a text with markup in it."""
    path = tmp_path / "tickets.jsonl"
    texts = (MARKUP if n % 10 == 0 else f"Button {n} does nothing" for n in range(600))
    lines = ({"id": n, "body": text, "created_at": DAY_S + n} for n, text in enumerate(texts))
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return str(path)


def pasted(out: str) -> str:
    """What stands below the last heading."""
    return out.partition("A configuration to paste\n")[2]


def test_without_a_configuration_what_is_printed_to_be_pasted_is_one(
    run: Run, file: str, tmp_path: Path
) -> None:
    status, out, _ = run(file)
    assert status == 0
    assert "six made-up labels stand in" in " ".join(out.split())
    path = tmp_path / "pasted.yaml"
    path.write_text(pasted(out), "utf-8")
    assert load(path, {}).batch.max_tickets == yaml.safe_load(pasted(out))["batch"]["max_tickets"]


def test_with_a_configuration_what_is_printed_goes_into_it(run: Run, file: str, tmp_path: Path) -> None:
    groups: dict[str, Any] = {"llm": {"model": "gpt-4o", "concurrency": 3}}
    config = write_settings(tmp_path, **groups)
    status, out, _ = run(file, "--config", str(config))
    assert status == 0
    assert "stand in" not in out
    recommended = yaml.safe_load(pasted(out))
    assert "taxonomy" not in recommended
    merged = {**groups, **{name: groups.get(name, {}) | recommended[name] for name in recommended}}
    assert load(write_settings(tmp_path, **merged), {}).cache.ttl_s == recommended["cache"]["ttl_s"]


def test_no_line_is_wider_than_a_terminal(run: Run, file: str) -> None:
    _, out, _ = run(file)
    assert max(map(len, out.removesuffix(pasted(out)).splitlines())) <= 80
    assert "\x1b" not in out


def test_json_holds_all_that_is_shown(run: Run, file: str) -> None:
    status, out, _ = run(file, "--json")
    found = orjson.loads(out)
    assert status == 0
    assert found["tickets"] == 600
    assert found["texts"]["repeated"] == 59
    assert found["texts"]["top"][0] == {"times": 60, "text": MARKUP}
    assert found["one_call_a_ticket"]["calls"] == 600
    assert found["advice"]["chosen"]["cost_usd"] < found["one_call_a_ticket"]["cost_usd"]


def test_the_report_needs_nothing_else_and_shows_tickets_as_text(run: Run, file: str, tmp_path: Path) -> None:
    status, _, err = run(file, "--html", str(tmp_path / "report.html"))
    assert (status, err) == (0, f"Wrote {tmp_path / 'report.html'}.\n")
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|https?://", page)


async def test_the_report_permits_nothing_but_its_own_style() -> None:
    page = html(await the_profile(every(1, 100)))
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert page.count("<style>") == 1
    assert f"<style>{STYLE}</style>" in page
    assert "style=" not in page


async def test_the_report_stands_without_times_prices_and_repeats() -> None:
    profile = await the_profile(rows({"body": "a"}, {"body": "b"}), llm={"model": "local"})
    page = html(profile)
    assert "No cost is told, since local has no price" in page
    assert "<polyline" not in page


def test_rows_that_are_no_tickets_are_told_with_their_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"id": 1, "body": "a"}\n[1]\n{"body": "no id"}\n')
    status, out, err = run("t.jsonl")
    assert status == 0
    assert "Line 2: The line holds an array" in err
    assert "Line 3: The ticket has no id" in err
    assert "1 unreadable, 1 not_a_ticket" in out
    assert orjson.loads(run("t.jsonl", "--json")[1])["refused"] == {"unreadable": 1, "not_a_ticket": 1}


def test_beyond_its_limit_nothing_is_read_and_that_is_said(run: Run, file: str) -> None:
    _, out, _ = run(file, "--limit", "100")
    assert "Not all was read: these are the first 100 tickets." in " ".join(out.split())


@pytest.mark.parametrize("args", [(), ("a.jsonl", "--topic", "tickets")])
def test_a_file_or_a_topic_is_asked_for_and_not_both(run: Run, args: tuple[str, ...]) -> None:
    status, _, err = run(*args)
    assert status == 2
    assert "a file or" in err


def test_a_path_that_is_none_is_wrong_usage(run: Run, file: str) -> None:
    status, _, err = run(file, "--time-field", "a..b")
    assert status == 2
    assert "--time-field" in err


def test_a_file_without_tickets_is_told_in_a_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"body": "no id"}\n')
    status, out, err = run("t.jsonl")
    assert (status, out) == (1, "")
    assert "t.jsonl holds no ticket with a text" in err
    assert "Line 1: The ticket has no id" in err


def test_a_report_that_cannot_be_written_is_told_in_a_sentence(run: Run, file: str) -> None:
    status, _, err = run(file, "--html", "no/such/place.html")
    assert status == 1
    assert "no/such/place.html cannot be written" in err


def test_a_wrong_configuration_is_refused_and_not_stood_in_for(run: Run, file: str, tmp_path: Path) -> None:
    config = write_settings(tmp_path, batch={"max_tickets": 0})
    status, _, err = run(file, "--config", str(config))
    assert status == 2
    assert "batch.max_tickets" in err


# ------------------------------------------------------------------------------------------- sentences


async def test_what_is_said_first_is_what_it_costs() -> None:
    first = next(findings(await the_profile(every(0.2, 500))))
    assert re.match(r"As recommended, these tickets cost \$0\.\d+, \d+ % less than one call a ticket", first)


async def test_a_limit_that_nothing_keeps_is_told() -> None:
    profile = await the_profile(every(0.001, 600), Asked(source="rows", within_s=1.0))
    assert any("Nothing that was tried keeps 99 %" in sentence for sentence in findings(profile))


async def test_rules_of_triage_that_make_too_many_urgent_are_told() -> None:
    urgent = rows(*({"body": f"Button {n}", "priority": "P1"} for n in range(50)))
    told = [*findings(await the_profile(urgent))]
    assert any("100 % of the tickets are urgent" in sentence for sentence in told)


async def test_a_minute_that_takes_more_than_the_account_allows_is_told() -> None:
    within = await the_profile(every(1, 100), llm={"requests_per_minute": 60, "tokens_per_minute": 1_000_000})
    assert not any("_per_minute" in sentence for sentence in findings(within))
    beyond = await the_profile(every(1, 100), llm={"requests_per_minute": 5, "tokens_per_minute": 1000})
    told = " ".join(findings(beyond))
    assert "llm.requests_per_minute allows 5" in told
    assert "llm.tokens_per_minute allows 1,000" in told


async def test_a_guess_of_the_rate_is_called_one() -> None:
    guessed = await the_profile(rows({"body": "a"}, {"body": "b"}))
    assert any("That is a guess" in sentence for sentence in caveats(guessed))
    given = await the_profile(rows({"body": "a"}, {"body": "b"}), Asked(source="rows", rate=2.0))
    assert not any("That is a guess" in sentence for sentence in caveats(given))


async def test_what_more_patience_would_save_is_told() -> None:
    profile = await the_profile(every(4, 400))
    assert any("see --within" in sentence for sentence in findings(profile))


def test_figures_are_written_for_people() -> None:
    assert [percent(share) for share in (0, 1e-4, 0.0994, 0.5)] == ["0 %", "under 0.1 %", "9.9 %", "50 %"]
    assert [seconds(value) for value in (None, 6.91, 1234.5)] == ["·", "6.9 s", "1,234 s"]
    assert [duration(value) for value in (30, 300, 5400, 3 * 86_400)] == ["30 s", "5 min", "1.5 h", "3 d"]
    assert [rate(value) for value in (20, 0.5, 0.001)] == ["20 a second", "30 a minute", "3.6 an hour"]
