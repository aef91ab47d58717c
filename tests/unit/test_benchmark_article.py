"""The arithmetic of the article's case."""

import pytest

from benchmarks.article import REPEATS, TICKETS, Tried, figures_of, losses_of, the_case, ways


def test_the_case_has_a_thousand_tickets_of_which_a_fifth_are_repeats_and_some_are_urgent() -> None:
    case = the_case(0)
    assert len(case.rows) == len(case.texts) == TICKETS
    assert len(set(case.texts)) / TICKETS == pytest.approx(1 - REPEATS, abs=0.05)
    assert 10 <= len(case.urgent) <= 60


def _tried(seconds: float, tokens_in: int, lost: int = 0) -> Tried:
    call = {"tokens_in": tokens_in, "tokens_out": 0, "tokens_cached": 0}
    return Tried(seconds=seconds, lost=lost, urgent_waits_s=[1.0, 3.0, 2.0], calls=[call])


def test_every_way_is_told_as_a_multiple_of_the_service_round_by_round() -> None:
    done = {
        "article's code": [_tried(8, 1000), _tried(12, 3000)],
        "service": [_tried(2, 1000), _tried(2, 1000)],
    }
    figures = {figure.name: figure.values for figure in figures_of(done)}
    assert figures["article's code: time to the service's"] == [4, 6]
    assert [round(ratio, 6) for ratio in figures["article's code: cost to the service's"]] == [1, 3]
    assert figures["service: an urgent ticket's wait, max"] == [3, 3]


def test_only_of_the_service_is_it_required_that_nothing_is_lost() -> None:
    done = {way: [_tried(1, 1, lost=10)] for way in (*ways(8), "service")}
    assert [figure.holds for figure in losses_of(done)] == [None, None, None, False]
