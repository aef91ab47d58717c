"""The arithmetic of `make faults`: how events are graded, and what is found wanting."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.fault_findings import (
    CALLS_A_MINUTE,
    DEADLINE_SLACK_MS,
    RESUMES_WITHIN_S,
    Faults,
    Outlived,
    Struck,
    outlived,
)
from benchmarks.fault_report import report
from benchmarks.fault_rows import NO_FAULT, OUTAGES, ROWS, Row
from benchmarks.fault_tickets import LONG, LONG_CHARS, ORDER, POISON, TICKETS, made_tickets
from benchmarks.grades import Grades, Required, grade, shortcomings, told
from stream_classifier.settings.ticket import Ticket as TicketSettings

TRUTH = {f"T-{number}": "bug" if number % 2 else "other" for number in range(6)}
SOUND = Grades(right=4, wrong=0, reviews={"deadline": 2}, repeated=0, lost=0)
ALL_RIGHT = Grades(right=6, wrong=0, reviews={}, repeated=0, lost=0)
OUTAGE = Outlived(
    row=Row(failure="down"),
    grades=SOUND,
    outage_s=60.0,
    urgent=2,
    labelled_meanwhile=0,
    unpublished=0,
    calls=5,
    late_ms=(10.0, 200.0),
    resumed_after_s=1.0,
)


def event(ticket_id: str, label: str | None = None, **more: Any) -> dict[str, Any]:
    status = "labelled" if label else "needs_review"
    return {"event_id": f"e:{ticket_id}", "ticket_id": ticket_id, "status": status, "label": label, **more}


def struck(row: Row, grades: Grades, strikes: int = 1) -> Struck:
    return Struck(row=row, grades=grades, strikes=strikes, calls=44, seconds=2.0)


def test_a_label_is_right_only_where_it_is_the_ticket_s_own() -> None:
    grades = grade(TRUTH, [event("T-1", "bug"), event("T-2", "bug")])
    assert (grades.right, grades.wrong, grades.lost) == (1, 1, 4)


def test_a_second_event_of_a_ticket_is_repeated_and_not_graded_again() -> None:
    grades = grade(TRUTH, [event("T-1", "bug"), event("T-1", "other")])
    assert (grades.right, grades.wrong, grades.repeated) == (1, 0, 1)


def test_reviews_are_counted_by_reason() -> None:
    events = [event("T-0", reason="unsure"), event("T-1", reason="refused"), event("T-2", reason="unsure")]
    assert grade(TRUTH, events).reviews == {"unsure": 2, "refused": 1}


@given(st.lists(st.tuples(st.sampled_from(sorted(TRUTH)), st.sampled_from(["bug", "other", None]))))
def test_every_ticket_has_one_verdict_and_every_event_is_counted(drawn: list[tuple[str, str | None]]) -> None:
    grades = grade(TRUTH, [event(ticket, label, reason="unsure") for ticket, label in drawn])
    assert grades.tickets == len(TRUTH)
    assert grades.tickets - grades.lost + grades.repeated == len(drawn)


def test_the_most_frequent_reason_is_told_first() -> None:
    assert told(Counter(unsure=1, refused=3)) == "3 refused, 1 unsure"
    assert told({}) == "none"


def test_nothing_is_wanting_where_all_is_as_required() -> None:
    assert shortcomings(SOUND, Required(reviews={"deadline": 2})) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"wrong": 1}, "1 tickets have a wrong label."),
        ({"lost": 2}, "Of 2 tickets nothing came out."),
        ({"repeated": 3}, "3 events came a second time."),
        ({"reviews": {"unsure": 1}}, "For review are 1 unsure; it should be 2 deadline."),
    ],
)
def test_each_thing_that_is_wanting_is_told(change: dict[str, Any], sentence: str) -> None:
    assert shortcomings(replace(SOUND, **change), Required(reviews={"deadline": 2})) == [sentence]


def test_a_wrong_label_is_excused_only_where_nobody_could_tell() -> None:
    wrong = replace(SOUND, wrong=1)
    assert shortcomings(wrong, Required(reviews=SOUND.reviews, may_be_wrong=True)) == []
    assert shortcomings(wrong, Required(reviews=SOUND.reviews)) != []


def test_a_fault_that_never_struck_proves_nothing() -> None:
    assert struck(Row(failure="prose"), ALL_RIGHT, strikes=0).shortcomings == ["The fault never struck."]
    assert struck(NO_FAULT, ALL_RIGHT, strikes=0).shortcomings == []


def test_an_outage_that_is_outlived_is_not_wanting() -> None:
    assert OUTAGE.shortcomings == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"labelled_meanwhile": 1}, "labelled during"),
        ({"unpublished": 1}, "committed before"),
        ({"calls": None}, "did not pause"),
        ({"calls": CALLS_A_MINUTE + 1}, "calls were made"),
        ({"late_ms": (-5.0, 0.0)}, "before its deadline"),
        ({"late_ms": (0.0, DEADLINE_SLACK_MS + 1)}, "late"),
        ({"resumed_after_s": RESUMES_WITHIN_S + 1}, "resumed after"),
        ({"urgent": 3}, "For review"),
    ],
)
def test_each_promise_about_an_outage_is_held(change: dict[str, Any], says: str) -> None:
    [sentence] = replace(OUTAGE, **change).shortcomings
    assert says in sentence


@pytest.mark.parametrize(("outage_s", "calls"), [(10, 9), (60, 9), (61, 18), (120, 18)])
def test_fewer_than_ten_calls_are_allowed_in_each_minute_that_began(outage_s: float, calls: int) -> None:
    assert replace(OUTAGE, outage_s=outage_s).calls_allowed == calls


def test_an_outage_is_judged_by_when_its_events_left() -> None:
    events = [
        event("T-0", lane="urgent", latency_ms=5250, labelled_at="2026-01-05T08:00:05.250Z"),
        event("T-1", "bug", lane="bulk", latency_ms=9000, labelled_at="2026-01-05T08:00:09.000Z"),
        event("T-3", "bug", lane="bulk", latency_ms=72000, labelled_at="2026-01-05T08:01:12.000Z"),
    ]
    mended_at = 1767600070.0  # 08:01:10
    judged = outlived(
        OUTAGE.row, SOUND, events, deadline_s=5, outage_s=60, calls=5, unpublished=0, mended_at=mended_at
    )
    assert (judged.urgent, judged.labelled_meanwhile) == (1, 1)
    assert judged.late_ms == pytest.approx((250, 250))
    assert judged.resumed_after_s == pytest.approx(2.0)


def test_the_table_holds_calls_and_time_against_the_ideal_and_marks_what_nobody_can_tell() -> None:
    row = Row(failure="labels slide", may_be_wrong=True)
    ideal = Struck(row=NO_FAULT, grades=ALL_RIGHT, strikes=0, calls=38, seconds=0.5)
    found = Faults(seed=1, outage_s=60, ideal=ideal, struck=[struck(row, ALL_RIGHT)], outlived=[])
    told_row = "| labels slide (*undetectable*) | 6 | 6 | 0 | none | 1 | 44 (+6) | 2.0 s (+1.5) | 0 | 0 |"
    assert told_row in report(found, markdown=True).splitlines()


def test_whatever_is_wanting_is_told_below_the_tables() -> None:
    ideal = Struck(row=NO_FAULT, grades=ALL_RIGHT, strikes=0, calls=38, seconds=0.5)
    outage = replace(OUTAGE, labelled_meanwhile=4)
    found = Faults(seed=1, outage_s=60, ideal=ideal, struck=[], outlived=[outage])
    last = report(found, markdown=False).splitlines()[-1]
    assert last == "NOT AS IT MUST BE, down: 4 tickets were labelled during the outage."


@given(st.integers())
def test_no_two_tickets_have_one_text_so_that_each_is_asked(seed: int) -> None:
    tickets = made_tickets(seed)
    assert len({ticket.text for ticket in tickets}) == len(tickets) == TICKETS


def test_the_special_tickets_are_there_once_and_the_poison_in_both_lanes() -> None:
    tickets = made_tickets(1)
    assert sorted(ticket.urgent for ticket in tickets if POISON in ticket.text) == [False, True]
    for text in (LONG, ORDER):
        assert sum(text in ticket.text for ticket in tickets) == 1


def test_the_long_text_is_not_cut_by_the_service_itself() -> None:
    longest = max(len(ticket.text) for ticket in made_tickets(1))
    assert LONG_CHARS <= longest < TicketSettings().max_chars


def test_each_failure_has_a_name_of_its_own() -> None:
    names = [row.failure for row in (NO_FAULT, *ROWS, *OUTAGES)]
    assert len(set(names)) == len(names)
