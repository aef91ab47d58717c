"""Which repeats the account of `make chaos` allows, and how many."""

from collections.abc import Sequence

import pytest

from tests.chaos.history import Commit, History, Output, Owned, Strike
from tests.chaos.repeats import AFTER_NODE_MS, judged
from tests.chaos.schedule import Kind
from tests.unit.chaos_histories import (
    BUG,
    FIRST_OWNER,
    SECOND_OWNER,
    TWO_TICKETS,
    a_history,
    came_in,
    commit,
    out,
    strike,
)

KILL = strike(Kind.KILL, "first", 300)
TWICE = (out(0, 200, 0), out(1, 210, 1), out(0, 600, 2))


def moved(
    *strikes: Strike,
    outputs: Sequence[Output] = TWICE,
    commits: Sequence[Commit] = (),
    owned: Sequence[Owned] = (FIRST_OWNER, SECOND_OWNER),
) -> History:
    """Two records, published by the first owner; the second one repeats one of them."""
    return a_history(came_in(BUG, BUG), outputs, commits=commits, owned=owned, strikes=strikes)


@pytest.mark.parametrize("kind", [Kind.KILL, Kind.FREEZE])
def test_what_was_not_committed_may_come_again_after_its_owner_was_struck(kind: Kind) -> None:
    found = judged(moved(strike(kind, "first", 300)))
    assert (found.broken, found.counted, found.allowed) == ([], {kind: 1}, {kind: 2})


def test_what_was_committed_may_not_come_again() -> None:
    for claim in (commit(250, 1), commit(250, 0, (0, 1))):
        found = judged(moved(KILL, commits=[claim]))
        assert found.broken == ["0:0 came again though it had been committed."]
        assert found.allowed == {Kind.KILL: 1}


def test_a_commit_made_after_the_new_owner_had_begun_allows_nothing_more() -> None:
    assert judged(moved(KILL, commits=[commit(550, 0)])).broken == []


def test_after_a_handing_over_in_good_order_nothing_may_come_again() -> None:
    sentence = "0:0 came again though its partition was handed over in good order."
    assert judged(moved()).broken == [sentence]
    assert judged(moved(strike(Kind.TERM, "first", 300))).broken == [sentence]
    assert judged(moved(strike(Kind.OUTAGE, "down", 300, 400))).broken == [sentence]


def test_a_kill_of_somebody_else_explains_nothing() -> None:
    assert judged(moved(strike(Kind.KILL, "second", 300))).broken


def test_a_kill_of_one_that_had_given_the_partition_back_explains_nothing() -> None:
    given_back = Owned(at_ms=290, replica="first", partitions=frozenset())
    assert judged(moved(KILL, owned=[FIRST_OWNER, given_back, SECOND_OWNER])).broken


def test_a_kill_explains_one_handing_over_only() -> None:
    third = Owned(at_ms=700, replica="third", partitions=frozenset({0}))
    outputs = (out(0, 200, 0), out(0, 600, 1), out(0, 800, 2))
    found = judged(moved(KILL, outputs=outputs, owned=[FIRST_OWNER, SECOND_OWNER, third]))
    assert found.counted == {Kind.KILL: 1}
    assert len(found.broken) == 1


def test_what_is_struck_again_before_it_is_committed_may_come_a_third_time() -> None:
    third = Owned(at_ms=9_700, replica="third", partitions=frozenset({0}))
    outputs = (out(0, 200, 0), out(0, 9_000, 1), out(0, 9_800, 2))
    strikes = (KILL, strike(Kind.KILL, "second", 9_600))
    found = judged(moved(*strikes, outputs=outputs, owned=[FIRST_OWNER, SECOND_OWNER, third]))
    assert (found.broken, found.counted, found.allowed) == ([], {Kind.KILL: 2}, {Kind.KILL: 2})


def test_what_was_open_may_come_again_though_the_partition_moves_once_more_before_it_does() -> None:
    third = Owned(at_ms=20_000, replica="third", partitions=frozenset({0}))
    outputs = (out(0, 200, 0), out(1, 9_000, 1), out(0, 20_500, 2))
    owned = [FIRST_OWNER, SECOND_OWNER, third]
    found = judged(moved(KILL, outputs=outputs, commits=[commit(9_100, 0, (1, 2))], owned=owned))
    assert (found.broken, found.counted) == ([], {Kind.KILL: 1})


def test_what_an_owner_between_has_committed_may_not_come_again() -> None:
    third = Owned(at_ms=20_000, replica="third", partitions=frozenset({0}))
    outputs = (out(0, 200, 0), out(0, 20_500, 2))
    owned = [FIRST_OWNER, SECOND_OWNER, third]
    assert judged(moved(KILL, outputs=outputs, commits=[commit(9_100, 1)], owned=owned)).broken


def test_a_session_lost_by_the_owners_own_word_explains_its_repeats() -> None:
    lost = Owned(at_ms=650, replica="first", partitions=frozenset(), lost=True)
    found = judged(moved(owned=[FIRST_OWNER, SECOND_OWNER, lost]))
    assert (found.broken, found.counted) == ([], {"lost session": 1})


def test_a_node_that_was_away_explains_repeats_of_every_partition() -> None:
    found = judged(moved(strike(Kind.COORDINATOR, "node 1", 300, 400)))
    assert (found.broken, found.counted) == ([], {Kind.COORDINATOR: 1})


def test_a_node_that_was_back_long_before_explains_nothing() -> None:
    later = AFTER_NODE_MS + 1_000
    owned = [
        Owned(at_ms=later, replica="first", partitions=frozenset({0})),
        Owned(at_ms=later + 500, replica="second", partitions=frozenset({0})),
    ]
    outputs = (out(0, later + 200, 0), out(0, later + 600, 1))
    assert judged(moved(strike(Kind.NODE, "node 1", 0, 100), outputs=outputs, owned=owned)).broken


def test_the_same_owner_may_not_publish_twice() -> None:
    outputs = (out(0, 200, 0), out(0, 250, 1))
    found = judged(moved(KILL, outputs=outputs))
    assert found.broken == ["0:0 came again while its partition's owner stayed the same."]


def test_a_send_whose_fate_a_lost_node_left_unknown_may_be_made_again() -> None:
    outputs = (out(0, 200, 0), out(0, 250, 1))
    found = judged(moved(strike(Kind.LEADER, "node 2", 210, 240), outputs=outputs))
    assert (found.broken, found.counted) == ([], {"unknown fate": 1})


def test_a_zombie_that_publishes_what_the_new_owner_has_published_is_told() -> None:
    outputs = (out(0, 550, 0), out(0, 600, 1))
    assert judged(moved(strike(Kind.FREEZE, "first", 100, 590), outputs=outputs)).broken


def test_what_was_published_after_the_opening_is_not_allowed_for() -> None:
    outputs = (out(0, 200, 0), out(1, 650, 1), out(1, 700, 2))
    found = judged(moved(KILL, outputs=outputs))
    assert found.allowed == {Kind.KILL: 1}
    assert len(found.broken) == 1


def test_what_was_published_well_before_the_last_commit_may_not_come_again() -> None:
    owned = [FIRST_OWNER, Owned(at_ms=9_500, replica="second", partitions=frozenset({0}))]
    outputs = (out(0, 200, 0), out(1, 8_990, 1), out(0, 9_600, 2), out(1, 9_600, 3))
    passed_over = moved(
        strike(Kind.KILL, "first", 9_000), outputs=outputs, owned=owned, commits=[commit(8_980, 0)]
    )
    found = judged(passed_over)
    assert found.broken == ["0:0 came again though it was out well before the last commit."]
    assert (found.counted, found.allowed) == ({Kind.KILL: 1}, {Kind.KILL: 1})


def test_what_was_not_committed_for_long_though_no_node_was_away_is_told() -> None:
    outputs = (out(0, 200, 0), out(0, 9_600, 1))
    owned = [FIRST_OWNER, Owned(at_ms=9_500, replica="second", partitions=frozenset({0}))]
    late = strike(Kind.KILL, "first", 9_000)
    assert judged(moved(late, outputs=outputs, owned=owned)).stalls == [
        "What was published was not committed for 8.8 s."
    ]
    node = strike(Kind.NODE, "node 1", 100, 5_000)
    assert judged(moved(late, node, outputs=outputs, owned=owned)).stalls == []


def test_the_tickets_of_an_array_are_allowed_for_one_by_one() -> None:
    outputs = [out(0, 200, 0, part=0), out(0, 600, 1, part=0), out(0, 600, 2, part=1)]
    history = a_history(came_in(TWO_TICKETS), outputs, owned=[FIRST_OWNER, SECOND_OWNER], strikes=[KILL])
    found = judged(history)
    assert (found.allowed, found.counted) == ({Kind.KILL: 1}, {Kind.KILL: 1})
