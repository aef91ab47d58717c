"""The memory front: entries with their own expiry, within two limits."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.cache.front import MemoryFront, size_bytes
from stream_classifier.core.known import Known


@dataclass(slots=True)
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def known(label: str = "bug", expires_at: float = 2000.0) -> Known:
    return Known(
        labels=(label,),
        model="m",
        prompt_digest="p",
        taxonomy_digest="t",
        written_at=1000.0,
        expires_at=expires_at,
    )


def key(number: int) -> bytes:
    return number.to_bytes(32)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def front(clock: Clock) -> MemoryFront:
    return MemoryFront(max_entries=3, max_bytes=1 << 20, clock=clock)


def test_an_entry_is_found_as_the_same_object(front: MemoryFront) -> None:
    front.put(key(1), entry := known())
    assert front.get(key(1)) is entry


def test_an_unknown_key_is_not_found(front: MemoryFront) -> None:
    assert front.get(key(1)) is None


def test_each_entry_has_its_own_expiry(front: MemoryFront, clock: Clock) -> None:
    front.put(key(1), known(expires_at=1001.0))
    front.put(key(2), known(expires_at=1002.0))
    clock.now = 1001.0
    assert front.get(key(1)) is None
    assert front.get(key(2)) is not None


def test_reading_does_not_lengthen_an_entry(front: MemoryFront, clock: Clock) -> None:
    front.put(key(1), known(expires_at=1010.0))
    for clock.now in (1003.0, 1006.0, 1009.0):
        assert front.get(key(1)) is not None
    clock.now = 1010.0
    assert front.get(key(1)) is None


def test_an_entry_that_has_expired_already_removes_the_one_before_it(front: MemoryFront) -> None:
    front.put(key(1), known())
    front.put(key(1), known(expires_at=999.0))
    assert front.get(key(1)) is None


def test_the_least_recently_read_makes_room(front: MemoryFront) -> None:
    for number in (1, 2, 3):
        front.put(key(number), known())
    front.get(key(1))
    front.put(key(4), known())
    assert front.get(key(2)) is None
    assert front.get(key(1)) is not None


def test_an_entry_larger_than_the_whole_front_is_not_kept(clock: Clock) -> None:
    front = MemoryFront(max_entries=10, max_bytes=size_bytes(known()), clock=clock)
    front.put(key(1), known())
    front.put(key(1), known("long" * 1000))
    assert front.get(key(1)) is None
    assert len(front) == 0


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5000)), max_size=80),
    st.integers(1, 20),
    st.integers(1, 40_000),
)
def test_neither_limit_is_ever_passed(puts: list[tuple[int, int]], max_entries: int, max_bytes: int) -> None:
    front, held = MemoryFront(max_entries, max_bytes, Clock()), {}
    for number, length in puts:
        held[number] = known("x" * length)
        front.put(key(number), held[number])
        kept = [entry for n, entry in held.items() if front.get(key(n)) is entry]
        assert len(front) == len(kept) <= max_entries
        assert sum(map(size_bytes, kept)) <= front.size_bytes <= max_bytes


@given(st.integers(1, 50))
def test_small_entries_fill_the_front_to_exactly_its_number(max_entries: int) -> None:
    front = MemoryFront(max_entries, max_bytes=max_entries * 10_000, clock=Clock())
    for number in range(max_entries + 5):
        front.put(key(number), known())
    assert len(front) == max_entries
