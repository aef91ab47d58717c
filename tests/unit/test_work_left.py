"""How long the work left would take: properties of the arithmetic, and what it says in each state."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.work_left import KNOWN_AFTER_S, LONGEST_STEP_S, WINDOW_S, Look, Pace, WorkLeft

FULL = 80


@dataclass(slots=True)
class Life:
    """A replica that is looked at every second."""

    work: WorkLeft = field(default_factory=lambda: WorkLeft(FULL))
    at: float = 0.0
    finished: int = 0

    def __post_init__(self) -> None:
        self.look(left=0)

    def look(self, left: int, finished: int = 0, *, held: bool = False, after_s: float = 1.0) -> float | None:
        self.at += after_s
        self.finished += finished
        self.work.look(Look(at=self.at, left=left, finished=self.finished, held=held))
        return self.work.seconds

    def for_s(self, seconds: float, left: int, per_s: int, *, held: bool = False) -> float | None:
        for _ in range(round(seconds)):
            self.look(left, per_s, held=held)
        return self.work.seconds


def known(per_s: int = 10) -> Life:
    """One that has worked at this pace for a window."""
    life = Life()
    life.for_s(WINDOW_S + 1, 1000, per_s)
    return life


def test_it_is_what_is_left_by_the_pace() -> None:
    assert known(per_s=10).look(500, 10) == pytest.approx(50)


def test_with_nothing_left_it_is_zero_also_before_any_pace_is_known() -> None:
    assert Life().work.seconds == 0
    assert known().look(0) == 0


def test_before_a_pace_is_known_it_is_unknown() -> None:
    life = Life()
    assert life.for_s(KNOWN_AFTER_S, 1000, 10) is None
    assert life.for_s(1, 1000, 10) == pytest.approx(100)


def test_a_start_in_which_nothing_gets_finished_stays_unknown() -> None:
    assert Life().for_s(WINDOW_S, 1000, 0) is None


@given(left=st.integers(0, 10**6), held_s=st.integers(1, 1000))
def test_while_held_it_keeps_its_last_value_whatever_comes(left: int, held_s: int) -> None:
    life = known(per_s=10)
    assert life.for_s(held_s, left, 0, held=True) == pytest.approx(100)


def test_an_outage_does_not_slow_the_pace_down() -> None:
    life = known(per_s=10)
    life.for_s(3600, 2000, 0, held=True)
    assert life.look(2000, 10) == pytest.approx(200)


def test_held_from_the_start_it_is_unknown() -> None:
    life = Life(work=WorkLeft(FULL))
    assert life.work.seconds == 0
    fresh = WorkLeft(FULL)
    fresh.look(Look(at=1, left=10, finished=0, held=True))
    assert fresh.seconds is None


def test_an_idle_hour_does_not_slow_the_pace_down() -> None:
    life = known(per_s=10)
    life.for_s(3600, 0, 0)
    assert life.look(1000) == pytest.approx(100)


def test_a_burst_after_a_quiet_night_is_reckoned_by_the_pace_of_full_work() -> None:
    life = known(per_s=100)
    for _ in range(600):  # a ticket now and then
        life.look(1, 0)
        life.look(0, 1)
    assert life.look(10_000) == pytest.approx(100)


def test_without_full_work_ever_the_pace_of_all_work_serves() -> None:
    life = Life()
    life.for_s(WINDOW_S, FULL - 1, 2)
    assert life.look(100, 2) == pytest.approx(50)


def test_a_slower_model_is_known_after_a_window() -> None:
    life = known(per_s=100)
    assert life.for_s(WINDOW_S + 1, 1000, 10) == pytest.approx(100)


def test_where_the_pace_has_come_down_to_nothing_the_last_value_stays() -> None:
    life = known(per_s=10)
    at_last = life.for_s(WINDOW_S - 1, 1000, 0)
    assert life.for_s(3600, 1000, 0) == at_last


def test_partitions_that_are_taken_away_are_left_to_others_at_once() -> None:
    life = known(per_s=10)
    assert life.look(250, 10) == pytest.approx(25)


def test_a_process_that_stood_still_is_not_taken_for_slow() -> None:
    life = known(per_s=10)
    assert life.look(1000, 0, after_s=10 * LONGEST_STEP_S) == pytest.approx(100)


LOOKS = st.lists(
    st.tuples(st.floats(0.0, 20.0), st.integers(0, 10**6), st.integers(0, 10**5), st.booleans()), max_size=400
)


@given(looks=LOOKS)
def test_it_is_never_negative_and_always_finite(looks: list[tuple[float, int, int, bool]]) -> None:
    life = Life()
    for after_s, left, finished, held in looks:
        seconds = life.look(left, finished, held=held, after_s=after_s)
        assert seconds is None or 0 <= seconds < float("inf")


@given(steps=st.lists(st.tuples(st.floats(0.1, LONGEST_STEP_S), st.integers(0, 1000)), min_size=1))
def test_a_pace_lies_between_its_slowest_and_its_fastest_step(steps: list[tuple[float, int]]) -> None:
    pace = Pace()
    for step_s, finished in steps:
        pace.count(step_s, finished)
    if pace.per_s is not None:
        each = [finished / step_s for step_s, finished in steps]
        assert min(each) * (1 - 1e-9) <= pace.per_s <= max(each) * (1 + 1e-9)


@given(counts=st.lists(st.integers(0, 1000), min_size=1, max_size=1000))
def test_a_pace_is_that_of_the_last_window(counts: list[int]) -> None:
    pace = Pace()
    for finished in counts:
        pace.count(1.0, finished)
    last = counts[-round(WINDOW_S) :]
    assert pace.per_s == (pytest.approx(sum(last) / len(last)) if len(counts) >= KNOWN_AFTER_S else None)
