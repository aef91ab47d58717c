"""Which lines of the log the page keeps."""

import io

import structlog

from stream_classifier.observe import logs
from stream_classifier.observe.live.recent import DECISIONS, LINES, MAX_CHARS, PER_EVENT, Recent
from tests.browser.pages import a_line


def enter(recent: Recent, event: str, level: str = "warning", **fields: object) -> None:
    recent(None, "", a_line(event, level, **fields))


def test_warnings_and_errors_are_kept_and_ordinary_lines_are_not() -> None:
    recent = Recent()
    enter(recent, "commit_failed")
    enter(recent, "provider_paused", "error")
    enter(recent, "model_call", "info")
    enter(recent, "bulk_ticket", "debug")
    assert {line.event for line in recent.lines()} == {"commit_failed", "provider_paused"}


def test_pauses_and_resuming_are_kept_though_they_are_no_warnings() -> None:
    recent = Recent()
    enter(recent, "limit_pause", "info")
    enter(recent, "provider_resumed", "info")
    assert len(recent.lines()) == 2


def test_a_storm_of_one_event_drives_out_no_other_and_its_count_is_told() -> None:
    recent = Recent()
    enter(recent, "provider_paused", "error")
    for _ in range(10_000):
        enter(recent, "library")
    assert [line.event for line in recent.lines()].count("library") == PER_EVENT
    assert "provider_paused" in {line.event for line in recent.lines()}
    assert max(line.number for line in recent.lines()) == 10_000


def test_the_newest_come_first_and_no_more_than_can_be_read() -> None:
    recent = Recent()
    for n in range(50):
        recent(None, "", {**a_line(f"event_{n}", "error"), "timestamp": f"2026-01-01T12:00:{n:02}.000Z"})
    lines = recent.lines()
    assert [line.event for line in lines] == [f"event_{n}" for n in range(49, 49 - LINES, -1)]


def test_the_remedy_comes_first_and_what_is_long_is_cut() -> None:
    recent = Recent()
    enter(recent, "provider_paused", "error", model="m", remedy="Raise it.", detail="x" * 5_000, status=None)
    [line] = recent.lines()
    assert line.said.startswith("Raise it.  model=m  detail=xx".replace("  ", " "))
    assert len(line.said) <= MAX_CHARS + 1
    assert "status" not in line.said


def test_of_an_exception_the_type_is_told_and_no_frame() -> None:
    recent = Recent()
    enter(recent, "library", "error", exception=[{"type": "OSError", "message": "m", "frames": ["f:1 g"]}])
    assert recent.lines()[0].said == "exception=OSError"


def test_reviews_and_dead_letters_have_lists_of_their_own() -> None:
    recent = Recent()
    for n in range(50):
        enter(recent, "needs_review", "info", event_id=f"t:0:{n}", ticket_id=str(n), reason="unsure")
        enter(recent, "dead_letter", partition="t:1", offset=n, reason="not_json")
    assert recent.lines() == []
    assert (len(recent.reviews), len(recent.dead_letters)) == (DECISIONS, DECISIONS)
    assert (recent.reviews[-1].record, recent.reviews[-1].ticket_id) == ("t:0:49", "49")
    assert (recent.dead_letters[-1].record, recent.dead_letters[-1].reason) == ("t:1:49", "not_json")


def test_it_is_shown_what_the_log_shows_masked_and_limited() -> None:
    recent, stream = Recent(), io.StringIO()
    logs.configure("info", "json", 2, stream, recent=recent, clock=lambda: 0.0)
    log = structlog.get_logger("test")
    for _ in range(5):
        log.warning("commit_failed", api_key="sk-secret-key-0123456789", error="sk-proj-abcdefghijklmnop1234")
    log.debug("publish_failed")
    assert [line.event for line in recent.lines()] == ["commit_failed"] * 2
    assert not any("sk-" in line.said for line in recent.lines())
    assert stream.getvalue().count("commit_failed") == 2
