"""What the benchmark of a rolling restart makes of the moments at which events came."""

from typing import Any, cast

import pytest

from benchmarks.rolling_restart import Desk


def a_desk(**came_s: list[float]) -> Desk:
    desk = Desk(stream=cast(Any, None), producer=cast(Any, None))
    for name, moments in came_s.items():
        desk.came_s[int(name.removeprefix("p"))] = moments
    return desk


def test_a_standstill_is_the_longest_time_without_an_event() -> None:
    assert a_desk(p0=[1, 2, 5, 6]).standstill_s(1, 6) == 3


def test_the_worst_partition_counts() -> None:
    assert a_desk(p0=[1, 2, 3, 4], p1=[1, 4]).standstill_s(1, 4) == 3


def test_a_partition_that_stands_still_to_the_end_counts_up_to_it() -> None:
    assert a_desk(p0=[1, 2]).standstill_s(0, 10) == 8


def test_what_came_before_and_after_does_not_count() -> None:
    assert a_desk(p0=[0, 50, 51, 52, 100]).standstill_s(50, 52) == 1


def test_an_urgent_ticket_belongs_to_the_time_in_which_it_was_sent() -> None:
    desk = a_desk()
    desk.urgent_sent_s = {"early": 1, "within": 5, "late": 9}
    desk.urgent_ms = {"early": 100, "within": 700, "late": 100}
    assert desk.urgent_sent_between(4, 6) == pytest.approx([700])
