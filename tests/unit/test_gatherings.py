"""Texts of several groups: no batch holds two, and none waits longer than its own deadline says."""

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.batch import BatchPolicy, ClosedBy, Gathering
from stream_classifier.core.gatherings import Gatherings

POLICY = BatchPolicy(max_tickets=3, max_tokens=100, max_wait_s=2.0)


def gathered(*texts: tuple[str, str, float]) -> Gatherings[str]:
    """By group, name and arrival; a token each."""
    gatherings: Gatherings[str] = Gatherings(POLICY)
    for group, text, arrived in texts:
        gatherings.add(text, 1, arrived, group=group)
    return gatherings


def taken(gatherings: Gatherings[str], now: float) -> list[str]:
    batch = gatherings.upcoming(now)
    for text in batch:
        gatherings.discard(text)
    return batch


def test_a_batch_holds_one_group() -> None:
    gatherings = gathered(("x", "x1", 0.0), ("y", "y1", 0.1), ("x", "x2", 0.2))
    assert [taken(gatherings, 9.0), taken(gatherings, 9.0)] == [["x1", "x2"], ["y1"]]


def test_a_group_that_is_full_does_not_wait_for_another_that_is_not() -> None:
    gatherings = gathered(("x", "x1", 0.0), *(("y", f"y{i}", 0.1) for i in range(3)))
    assert gatherings.ready(0.1) is ClosedBy.COUNT
    assert gatherings.upcoming(0.1) == ["y0", "y1", "y2"]


def test_an_overdue_group_goes_before_one_that_is_only_full() -> None:
    gatherings = gathered(("x", "x1", 0.0), *(("y", f"y{i}", 0.1) for i in range(9)))
    assert gatherings.ready(2.0) is ClosedBy.DEADLINE
    assert gatherings.upcoming(2.0) == ["x1"]


def test_a_group_that_is_left_waits_for_the_deadline_of_what_is_left() -> None:
    gatherings = gathered(("x", "x1", 0.0), ("x", "x2", 1.5))
    gatherings.discard("x1")
    assert gatherings.ready(2.5) is None
    assert gatherings.due_at() == 3.5
    assert gatherings.ready(3.5) is ClosedBy.DEADLINE


def test_no_group_stands_behind_one_that_sends_much() -> None:
    gatherings = gathered(*(("much", f"m{i}", i / 100) for i in range(90)), ("little", "l", 0.5))
    turns = iter(range(99))
    assert next(turn for turn in turns if "l" in taken(gatherings, 60.0)) <= 50 // POLICY.max_tickets + 1


def test_where_nothing_waits_nothing_is_due() -> None:
    gatherings = gathered(("x", "x1", 0.0))
    gatherings.discard("x1")
    assert (len(gatherings), gatherings.due_at(), gatherings.ready(9.0), gatherings.upcoming(9.0)) == (
        0,
        None,
        None,
        [],
    )


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(0, 60), st.floats(0, 1), st.sampled_from(["add", "drop", "take"])
    ),
    max_size=60,
)


@given(steps)
def test_each_group_is_as_if_it_were_alone(moves: list[tuple[str, int, float, str]]) -> None:
    gatherings: Gatherings[int] = Gatherings(POLICY)
    alone = {group: Gathering[int](POLICY) for group in "abc"}
    now, group_of = 0.0, {}
    for number, (group, size, passed_s, move) in enumerate(moves):
        now += passed_s
        if move == "add":
            group_of[number] = group
            gatherings.add(number, size, now, group=group)
            alone[group].add(number, size, now)
        elif move == "drop":
            known = gatherings.discard(number - 1)
            assert known is (number - 1 in group_of and alone[group_of[number - 1]].discard(number - 1))
        elif batch := gatherings.upcoming(now):
            [its_group] = {group_of[text] for text in batch}
            assert batch == alone[its_group].take()
            assert all(gatherings.discard(text) for text in batch)
        assert len(gatherings) == sum(map(len, alone.values()))
        assert (gatherings.ready(now) is None) == all(g.ready(now) is None for g in alone.values())
