"""Whether a poll's texts are looked up before they are taken in."""

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.foresight import LEAST_RECORDS, Foresight

POLL = 500


def after(*polls: tuple[int, int]) -> Foresight:
    """What was found and what was absent in each poll."""
    foresight = Foresight()
    for found, absent in polls:
        foresight.looked_up(found=found, absent=absent)
        foresight.end_of_poll(POLL)
    return foresight


def test_it_pays_where_the_backend_knows_what_memory_does_not() -> None:
    assert after((400, 20)).pays(POLL)


@given(st.lists(st.tuples(st.just(0), st.integers(0, POLL)), max_size=20))
def test_it_never_pays_where_nothing_was_found(polls: list[tuple[int, int]]) -> None:
    assert not after(*polls).pays(POLL)


@given(st.integers(0, POLL // 2))
def test_it_does_not_pay_for_a_stream_of_texts_that_are_mostly_new(found: int) -> None:
    assert not after(*[(found, POLL - found)] * 5).pays(POLL)


def test_it_does_not_pay_for_a_small_poll() -> None:
    assert not after((400, 20)).pays(LEAST_RECORDS - 1)


def test_it_ends_soon_where_texts_come_again_that_memory_knows_now() -> None:
    foresight, polls = after(*[(POLL, 0)] * 50), 0
    while foresight.pays(POLL):
        foresight.end_of_poll(POLL)
        polls += 1
    assert polls <= 10


def test_a_single_poll_of_new_texts_does_not_end_it() -> None:
    assert after(*[(POLL, 0)] * 5, (0, POLL)).pays(POLL)
