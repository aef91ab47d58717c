"""The account of `make chaos`: whatever breaks a promise is told, and nothing else is."""

import pytest

from tests.chaos.account import Account, Times, account_of
from tests.chaos.history import Commit, History, Output, Place, Source
from tests.chaos.report import report
from tests.chaos.schedule import Kind
from tests.unit.chaos_histories import (
    BUG,
    NO_TICKET,
    TOMBSTONE,
    TWO_TICKETS,
    URGENT_BUG,
    a_history,
    came_in,
    commit,
    dead,
    for_review,
    out,
    strike,
)


def judged(history: History) -> Account:
    return account_of(history, "at-least-once")


def all_well() -> History:
    return a_history(
        came_in(BUG, TOMBSTONE, NO_TICKET, TWO_TICKETS),
        [out(0, 10, 0), dead(2, 20), out(3, 30, 1, part=0), out(3, 30, 2, part=1, label="other")],
        commits=[commit(15, 0), commit(25, 3), commit(40, 4)],
    )


def test_a_history_without_a_fault_holds() -> None:
    account = judged(all_well())
    assert account.breaches == []
    assert (account.tickets, account.tombstones, account.dead_letters) == (3, 1, 1)


def test_a_record_that_never_came_out_is_lost() -> None:
    assert judged(a_history(came_in(BUG, BUG), [out(0, 10, 0)])).lost == [Source(Place(0, 1))]


def test_a_dead_letter_that_never_came_is_lost() -> None:
    assert judged(a_history(came_in(NO_TICKET), [])).lost == [Source(Place(0, 0))]


def test_one_ticket_of_an_array_that_never_came_out_is_lost() -> None:
    history = a_history(came_in(TWO_TICKETS), [out(0, 10, 0, part=0)])
    assert judged(history).lost == [Source(Place(0, 0), 1)]


def test_a_tombstone_is_passed_over() -> None:
    assert judged(a_history(came_in(TOMBSTONE), [])).holds


@pytest.mark.parametrize("output", [out(0, 10, 0), dead(0, 10), out(7, 10, 0), out(1, 10, 0, part=0)])
def test_what_nobody_asked_for_is_told(output: Output) -> None:
    history = a_history(came_in(TOMBSTONE, BUG), [out(1, 5, 1), output])
    assert judged(history).uncalled_for == [output]


def test_a_ticket_that_became_a_dead_letter_is_told() -> None:
    assert judged(a_history(came_in(BUG), [dead(0, 10)])).breaches


def test_a_label_that_is_not_the_texts_own_is_wrong() -> None:
    history = a_history(came_in(BUG), [out(0, 10, 0, label="other")])
    assert len(judged(history).wrong) == 1


def test_the_label_of_the_neighbour_in_an_array_is_wrong() -> None:
    outputs = [out(0, 10, 0, part=0, label="other"), out(0, 10, 1, part=1, label="bug")]
    assert len(judged(a_history(came_in(TWO_TICKETS), outputs)).wrong) == 2


def test_a_wrong_label_in_a_repeat_is_wrong() -> None:
    history = a_history(came_in(BUG), [out(0, 10, 0), out(0, 20, 1, label="other")])
    assert len(judged(history).wrong) == 1


def test_a_review_at_the_deadline_is_no_breach_and_any_other_is() -> None:
    at_deadline = a_history(came_in(BUG), [for_review(0, 10, 0, "deadline")])
    unanswered = a_history(came_in(BUG), [for_review(0, 10, 0, "unanswered")])
    assert judged(at_deadline).holds
    assert judged(unanswered).breaches == ["1 tickets are for review as unanswered."]


def test_a_later_event_of_a_key_before_an_earlier_one_is_out_of_order() -> None:
    history = a_history(came_in(BUG, BUG), [out(1, 10, 0), out(0, 20, 1)])
    assert [output.source.place.offset for output in judged(history).out_of_order] == [0]


def test_one_that_says_that_it_overtook_is_in_order() -> None:
    outputs = [out(2, 10, 0, overtook=True), out(0, 20, 1), out(1, 30, 2)]
    account = judged(a_history(came_in(BUG, BUG, BUG), outputs))
    assert account.out_of_order == []
    assert account.overtook == 1


def test_the_others_keep_their_order_though_one_overtook() -> None:
    outputs = [out(2, 10, 0, overtook=True), out(1, 20, 1), out(0, 30, 2)]
    history = a_history(came_in(BUG, BUG, BUG), outputs)
    assert [output.source.place.offset for output in judged(history).out_of_order] == [0]


def test_records_of_different_keys_and_of_none_have_no_order() -> None:
    outputs = [out(1, 10, 0), out(0, 20, 1)]
    assert judged(a_history(came_in(BUG, BUG, key=None), outputs)).holds
    keyed = {**came_in(BUG, BUG, key=b"one"), Place(0, 1): came_in(BUG, key=b"two")[Place(0, 0)]}
    assert judged(a_history(keyed, outputs)).holds


def test_repeats_are_not_out_of_order() -> None:
    history = a_history(came_in(BUG, BUG), [out(0, 10, 0), out(1, 20, 1), out(0, 30, 2)])
    assert judged(history).out_of_order == []


@pytest.mark.parametrize(
    "early", [commit(15, 2), commit(15, 1, (1, 2)), commit(15, 0, (1, 2))], ids=["passed", "mapped", "ahead"]
)
def test_a_commit_that_claims_what_is_not_out_yet_has_passed_a_gap(early: Commit) -> None:
    history = a_history(came_in(BUG, BUG), [out(0, 10, 0), out(1, 20, 1)], commits=[early, commit(30, 2)])
    assert list(judged(history).past_a_gap) == [Place(0, 1)]


def test_a_commit_before_the_last_ticket_of_an_array_is_out_has_passed_a_gap() -> None:
    outputs = [out(0, 10, 0, part=0), out(0, 20, 1, part=1, label="other")]
    assert judged(a_history(came_in(TWO_TICKETS), outputs, commits=[commit(15, 1)])).past_a_gap
    assert judged(a_history(came_in(TWO_TICKETS), outputs, commits=[commit(20, 1)])).holds


def test_offsets_that_hold_no_record_may_be_passed() -> None:
    history = a_history(came_in(BUG), [out(0, 10, 0)], commits=[commit(10, 7, (9, 12))])
    assert judged(history).holds


def test_a_commit_that_goes_back_is_told() -> None:
    history = a_history(
        came_in(BUG, BUG), [out(0, 10, 0), out(1, 10, 1)], commits=[commit(15, 2), commit(20, 1)]
    )
    assert judged(history).rewound == ["The commit of partition 0 went back from 2 to 1."]


def test_in_exactly_once_every_repeat_is_a_breach() -> None:
    killed = [strike(Kind.KILL, "first", 100)]
    history = a_history(came_in(BUG), [out(0, 10, 0), out(0, 600, 1)], strikes=killed)
    assert account_of(history, "exactly-once").breaches == ["Partition 0, offset 0 came again."]


def test_a_complaint_of_a_replica_is_a_breach() -> None:
    history = a_history(came_in(BUG), [out(0, 10, 0)], complaints=["It ended by itself."])
    assert judged(history).breaches == ["It ended by itself."]


def test_urgent_times_are_told_apart_by_disturbances() -> None:
    inputs = came_in(URGENT_BUG, BUG)
    late = {Place(0, 2): came_in(URGENT_BUG)[Place(0, 0)]}
    calm = a_history({**inputs, **late}, [out(0, 40, 0), out(1, 50, 1), out(2, 60, 2)])
    assert (judged(calm).apart.values, judged(calm).during.values) == ([40, 60], [])
    struck = [strike(Kind.OUTAGE, "down", 50, 55)]
    disturbed = a_history({**inputs, **late}, [out(0, 40, 0), out(1, 50, 1), out(2, 60, 2)], strikes=struck)
    assert (judged(disturbed).apart.values, judged(disturbed).during.values) == ([40], [60])
    assert judged(disturbed).slowest_amid == ["outage of down"]


def test_a_percentile_is_one_of_the_values() -> None:
    times = Times(values=list(range(1, 201)))
    assert [times.percentile(share) for share in (0.5, 0.99, 1.0)] == [100, 198, 200]
    assert Times(values=[]).percentile(0.5) is None


@pytest.mark.parametrize("markdown", [True, False])
def test_the_report_tells_each_breach_and_the_verdict(markdown: bool) -> None:
    broken = report(judged(a_history(came_in(BUG, BUG), [out(0, 10, 0)])), markdown=markdown)
    assert "BROKEN: Partition 0, offset 1 is lost." in broken
    assert broken.endswith("Promises were broken.")
    assert report(judged(all_well()), markdown=markdown).endswith("Every promise held.")


def test_of_many_breaches_of_a_kind_the_first_are_told_and_the_rest_counted() -> None:
    account = judged(a_history(came_in(*[BUG] * 10), []))
    assert len(account.breaches) == 4
    assert account.breaches[-1] == "And 7 more of the same."
