"""What is remembered of the keys that a look ahead has passed."""

from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.passed_keys import BLOCK_KEYS, MAX_BLOCKS, PassedKeys


def passed(*keys: bytes, start: int = 0) -> PassedKeys:
    made = PassedKeys()
    for offset, key in enumerate(keys, start=start):
        made.note(offset, key)
    return made


@given(st.lists(st.binary(max_size=8), max_size=50))
def test_no_key_that_was_passed_is_forgotten_while_it_is_unread(keys: list[bytes]) -> None:
    made = passed(*keys)
    assert all(made.may_stand(key, offset) for offset, key in enumerate(keys))


def test_of_thousands_of_keys_hardly_one_is_taken_for_another() -> None:
    made = passed(*(b"passed %d" % n for n in range(20_000)))
    mistaken = sum(made.may_stand(b"other %d" % n, 0) for n in range(20_000))
    assert mistaken < 20


def test_keys_are_forgotten_once_the_reading_has_passed_them() -> None:
    made = passed(b"k", start=5)
    assert not made.may_stand(b"k", 6)


def test_memory_is_bounded_and_what_is_beyond_is_still_not_forgotten() -> None:
    made = passed(*(b"%d" % n for n in range(BLOCK_KEYS * (MAX_BLOCKS + 1))))
    assert len(made._blocks) == MAX_BLOCKS
    assert made.may_stand(b"%d" % (BLOCK_KEYS * MAX_BLOCKS + 7), BLOCK_KEYS * MAX_BLOCKS)
