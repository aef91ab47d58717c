"""The account of one partition, rule by rule. `test_ledger_machine.py` has it live through crashes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.ledger import Ledger

SIZE_BYTES = 100


def delivered(*offsets: int, start: int = 10, restored: tuple[tuple[int, int], ...] = ()) -> Ledger:
    ledger = Ledger(start=start, restored=restored)
    for offset in offsets:
        ledger.enter(offset, SIZE_BYTES)
    return ledger


def runs(ledger: Ledger) -> list[tuple[int, int]]:
    return list(ledger.finished_runs())


# ------------------------------------------------------------------------------------------ the position


def test_a_new_ledger_stands_where_it_was_committed() -> None:
    ledger = Ledger(start=10)
    assert (ledger.position, ledger.next_offset, runs(ledger)) == (10, 10, [])


def test_the_position_waits_for_the_first_that_is_not_done() -> None:
    ledger = delivered(10, 11, 12)
    ledger.done([11, 12])
    assert ledger.position == 10


def test_the_position_follows_the_contiguous_run_of_done_records() -> None:
    ledger = delivered(10, 11, 12, 13)
    ledger.done([11, 10])
    assert ledger.position == 12


def test_where_all_is_done_the_position_is_one_past_the_last_delivered() -> None:
    ledger = delivered(10, 11)
    ledger.done([10, 11])
    assert ledger.position == ledger.next_offset == 12


def test_a_hole_before_an_unfinished_record_is_passed_over() -> None:
    ledger = delivered(10, 15)
    ledger.done([10])
    assert ledger.position == 15


def test_what_was_never_delivered_is_never_passed() -> None:
    ledger = delivered(10)
    ledger.done([10, 11, 12])
    assert ledger.position == 11


@given(st.permutations(range(10, 22)))
def test_records_may_be_done_in_any_order(order: list[int]) -> None:
    ledger = delivered(*range(10, 22))
    for at, offset in enumerate(order):
        ledger.done([offset])
        assert ledger.position == min(order[at + 1 :], default=22)


def test_the_position_goes_to_where_the_consumer_reads_on_once_all_before_it_is_done() -> None:
    ledger = delivered(10)
    ledger.reach(13)
    assert (ledger.position, ledger.next_offset) == (10, 13)
    ledger.done([10])
    assert ledger.position == 13


def test_a_consumer_that_was_sent_back_takes_nothing_back() -> None:
    ledger = delivered(10, 11)
    ledger.done([10, 11])
    ledger.reach(4)
    assert (ledger.position, ledger.next_offset) == (12, 12)


def test_what_the_consumer_has_read_over_belongs_to_the_runs_beyond_the_position() -> None:
    ledger = delivered(10, 11, restored=((13, 15), (20, 22)))
    ledger.done([11])
    ledger.reach(17)
    assert runs(ledger) == [(11, 17), (20, 22)]


# ------------------------------------------------------------------------------------------ finished runs


def test_what_is_done_beyond_the_position_is_a_run() -> None:
    ledger = delivered(10, 11, 12, 13, 14)
    ledger.done([11, 12, 14])
    assert runs(ledger) == [(11, 13), (14, 15)]


def test_holes_belong_to_the_run_beside_them() -> None:
    ledger = delivered(10, 13, 17)
    ledger.done([13])
    assert runs(ledger) == [(11, 17)]


def test_holes_alone_are_no_run() -> None:
    ledger = delivered(10, 13, 17, 20)
    ledger.done([13])
    ledger.reach(30)
    assert runs(ledger) == [(11, 17)]


def test_what_an_earlier_owner_had_finished_is_a_run_among_holes_too() -> None:
    assert runs(delivered(10, 13, 17, restored=((13, 14),))) == [(11, 17)]


@given(
    offsets=st.lists(st.integers(10, 60), unique=True, min_size=1).map(sorted),
    restored=st.sampled_from([(), ((12, 20),), ((15, 16), (30, 64))]),
    data=st.data(),
)
def test_what_is_said_of_records_before_they_are_done_is_what_holds_after(
    offsets: list[int], restored: tuple[tuple[int, int], ...], data: st.DataObject
) -> None:
    ledger = delivered(*offsets, restored=restored)
    ledger.done(data.draw(st.sets(st.sampled_from(offsets))))
    also = data.draw(st.sets(st.sampled_from(offsets)))
    told = ledger.position_with(also), list(ledger.finished_runs(also))
    ledger.done(also)
    assert told == (ledger.position, runs(ledger))


def test_a_record_restored_as_finished_needs_no_work_and_stays_in_the_runs() -> None:
    ledger = Ledger(start=10, restored=[(11, 12), (14, 16)])
    assert [ledger.enter(offset, SIZE_BYTES) for offset in (10, 11, 12, 14)] == [True, False, True, False]
    assert runs(ledger) == [(11, 12), (13, 16)]


def test_a_restored_run_that_was_only_partly_delivered_stays_whole() -> None:
    assert runs(delivered(10, 11, restored=((11, 20),))) == [(11, 20)]


def test_a_run_that_touches_a_restored_one_becomes_one_with_it() -> None:
    ledger = delivered(10, 11, restored=((12, 20),))
    ledger.done([11])
    assert runs(ledger) == [(11, 20)]


def test_a_restored_run_is_passed_by_the_position_once_all_before_it_is_done() -> None:
    ledger = delivered(10, restored=((11, 20), (25, 30)))
    ledger.done([10])
    assert (ledger.position, runs(ledger)) == (20, [(25, 30)])


def test_the_position_passes_a_restored_run_that_begins_in_a_hole() -> None:
    ledger = delivered(10, 13, restored=((12, 13), (13, 15)))
    ledger.done([10])
    assert (ledger.position, runs(ledger)) == (15, [])


# ------------------------------------------------------------------------------------- repeats and counts


def test_a_record_that_is_delivered_again_needs_no_work_whether_done_or_not() -> None:
    ledger = delivered(10, 11)
    ledger.done([10])
    assert not ledger.enter(10, SIZE_BYTES)
    assert not ledger.enter(11, SIZE_BYTES)
    assert ledger.position == 11


def test_marking_done_twice_counts_once() -> None:
    ledger = delivered(10, 11)
    ledger.done([10, 10])
    ledger.done([10])
    assert (ledger.finished, ledger.size_bytes) == (1, SIZE_BYTES)


@given(st.dictionaries(st.integers(0, 50), st.integers(0, 1_000_000)), st.sets(st.integers(0, 50)))
def test_the_bytes_are_those_of_the_unfinished_records(sizes: dict[int, int], done: set[int]) -> None:
    ledger = Ledger(start=0)
    for offset in sorted(sizes):
        ledger.enter(offset, sizes[offset])
    ledger.done(done)
    assert ledger.size_bytes == sum(size for offset, size in sizes.items() if offset not in done)


# --------------------------------------------------------------------------------------- before their turn


def test_a_record_taken_early_holds_the_position_only_when_the_delivery_has_come_to_it() -> None:
    ledger = delivered(10)
    ledger.take_early(12, SIZE_BYTES, 0.0)
    ledger.done([10])
    assert (ledger.position, ledger.size_bytes) == (11, SIZE_BYTES)
    assert [ledger.enter(offset, SIZE_BYTES) for offset in (11, 12, 13)] == [True, False, True]
    ledger.done([11, 13])
    assert ledger.position == 12


def test_what_was_finished_early_is_a_run_beyond_the_position_and_is_passed_over_in_its_turn() -> None:
    ledger = delivered(10)
    ledger.take_early(12, SIZE_BYTES, 0.0)
    ledger.done([12])
    assert runs(ledger) == [(12, 13)]
    assert not ledger.enter(12, SIZE_BYTES)
    ledger.done([10])
    assert ledger.position == 13


def test_what_was_taken_early_and_is_never_delivered_holds_the_position_from_when_it_was_read_over() -> None:
    ledger = delivered(10)
    ledger.take_early(12, SIZE_BYTES, 0.0)
    ledger.take_early(14, SIZE_BYTES, 0.0)
    ledger.done([10])
    ledger.enter(13, SIZE_BYTES)
    ledger.reach(20)
    assert (ledger.position, list(ledger.unfinished)) == (12, [12, 13, 14])


def test_the_ledger_knows_what_it_must_not_take_again() -> None:
    ledger = delivered(10, restored=((20, 22),))
    ledger.take_early(15, SIZE_BYTES, 0.0)
    ledger.take_early(16, SIZE_BYTES, 0.0)
    ledger.done([16])
    assert [offset for offset in range(10, 24) if ledger.knows(offset)] == [10, 15, 16, 20, 21]


def test_what_was_taken_early_is_kept_in_the_map_until_the_position_has_passed_it() -> None:
    ledger = delivered(10, 11)
    ledger.take_early(12, SIZE_BYTES, 0.0)
    assert list(ledger.runs_to_keep()) == [(12, 13)]
    ledger.enter(12, SIZE_BYTES)
    ledger.done([11, 12])
    assert list(ledger.kept_runs()) == [(12, 13)]
    ledger.done([10])
    assert list(ledger.kept_runs()) == []


# ----------------------------------------------------------------------------------------------- its age


def test_the_oldest_unfinished_record_was_read_with_its_poll() -> None:
    ledger = Ledger(start=10)
    for now, offsets in ((1.0, (10, 11)), (2.0, (12,)), (3.0, ()), (4.0, (20,))):
        ledger.mark(now)
        for offset in offsets:
            ledger.enter(offset, SIZE_BYTES)
    ages = []
    for offset in (10, 11, 12, 20):
        ages.append(ledger.oldest_read_at())
        ledger.done([offset])
    assert ages == [1.0, 1.0, 2.0, 4.0]


def test_where_all_is_done_nothing_is_old() -> None:
    ledger = delivered(10)
    ledger.mark(5.0)
    ledger.done([10])
    assert ledger.oldest_read_at() is None


# ------------------------------------------------------------------------------------------------- bounds


def test_a_storm_behind_one_slow_record_takes_the_memory_of_that_record() -> None:
    ledger = Ledger(start=0)
    for offset in range(20_000):
        ledger.mark(offset / 10)
        ledger.enter(offset, SIZE_BYTES)
        if offset:
            ledger.done([offset])
    assert (len(ledger.unfinished), ledger.size_bytes, runs(ledger)) == (1, SIZE_BYTES, [(1, 20_000)])


@pytest.mark.parametrize("wanted", [1, 5])
def test_whoever_needs_only_the_first_runs_pays_for_no_more(wanted: int) -> None:
    ledger = delivered(*range(10, 30))
    ledger.done(range(11, 30, 2))
    made = ledger.finished_runs()
    assert [next(made) for _ in range(wanted)] == [(11 + 2 * n, 12 + 2 * n) for n in range(wanted)]
