from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.stillness import LoopBeat, Stillness

STALL_S = 60.0


def look(
    stillness: Stillness,
    now: float,
    *,
    position: int = 0,
    finished: int = 0,
    has_work: bool = True,
    excused: bool = False,
    behind: int | None = None,
) -> None:
    stillness.seen(
        0,
        position=position,
        finished=finished,
        has_work=has_work,
        excused=excused,
        now=now,
        behind=behind,
    )


def test_a_partition_with_work_that_does_not_move_is_stuck_after_the_limit_and_not_before() -> None:
    stillness = Stillness(STALL_S)
    for now in range(61):
        look(stillness, now)
    assert stillness.stuck(60) == []
    look(stillness, 61)
    assert stillness.stuck(61) == [(0, 61.0)]


def test_time_since_the_last_look_counts_too() -> None:
    stillness = Stillness(stall_s=10.0)
    look(stillness, 0)
    assert stillness.stuck(10.5) == [(0, 10.5)]


def test_a_finished_record_behind_a_slow_head_is_progress() -> None:
    stillness = Stillness(STALL_S)
    for now in range(1000):
        look(stillness, now, finished=now // 50)
    assert stillness.stuck(999) == []


def test_to_stand_in_a_line_that_moves_is_progress() -> None:
    stillness = Stillness(STALL_S)
    for now in range(1000):
        look(stillness, now, behind=now // 50)
    assert stillness.stuck(999) == []


def test_to_stand_in_a_line_that_does_not_move_is_none_nor_to_have_left_it() -> None:
    stillness = Stillness(STALL_S)
    for now in range(50):
        look(stillness, now, behind=7)
    assert stillness.stuck(61) == [(0, 61.0)]
    for now in range(50, 112):  # its turn has come at 50, and nothing comes of it
        look(stillness, now)
    assert stillness.stuck(111) == [(0, 61.0)]


def test_a_pause_with_a_reason_stops_the_count_and_does_not_clear_it() -> None:
    stillness = Stillness(STALL_S)
    for now in range(41):
        look(stillness, now)
    for now in range(41, 10_000):
        look(stillness, now, excused=True)
    assert stillness.stuck(10_000) == []
    for now in range(10_000, 10_022):
        look(stillness, now)
    assert [partition for partition, _ in stillness.stuck(10_022)] == [0]


def test_a_frozen_process_does_not_blame_its_partitions_for_the_time_it_was_away() -> None:
    stillness = Stillness(STALL_S)
    look(stillness, 0)
    look(stillness, 3600)
    assert stillness.stuck(3600) == []


def test_a_partition_taken_away_is_forgotten() -> None:
    stillness = Stillness(stall_s=10.0)
    look(stillness, 0)
    stillness.keep_only([])
    assert stillness.stuck(11) == []


LOOKS = st.lists(
    st.tuples(st.floats(0.1, 20), st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=80
)


@given(looks=LOOKS)
def test_nobody_is_ever_blamed_for_more_than_the_time_without_work_excuse_or_progress(
    looks: list[tuple[float, bool, bool, bool]],
) -> None:
    stillness = Stillness(stall_s=0.0, longest_step_s=1000.0)
    now, position, blamed_s, counting = 0.0, 0, 0.0, False
    for step_s, moves, has_work, excused in looks:
        now, position = now + step_s, position + moves
        look(stillness, now, position=position, has_work=has_work, excused=excused)
        blamed_s = blamed_s + step_s * counting if has_work and not moves else 0.0
        counting = has_work and not excused
    assert sum(still_s for _, still_s in stillness.stuck(now)) <= blamed_s + 1e-6


@given(looks=LOOKS)
def test_without_work_there_is_never_blame(looks: list[tuple[float, bool, bool, bool]]) -> None:
    stillness, now = Stillness(stall_s=0.0), 0.0
    for step_s, _, _, excused in looks:
        now += step_s
        look(stillness, now, has_work=False, excused=excused)
    assert stillness.stuck(now + 1000) == []


@given(gaps=st.lists(st.floats(0, 1000), max_size=20))
def test_a_beat_tells_the_time_since_the_one_before(gaps: list[float]) -> None:
    now, beat = 0.0, LoopBeat(0.0)
    for gap_s in gaps:
        before, now = now, now + gap_s
        assert beat.gap_s(now) == now - before
        assert beat.beat(now) == now - before


def test_a_clock_that_steps_back_is_no_gap() -> None:
    assert LoopBeat(10.0).beat(9.0) == 0.0
