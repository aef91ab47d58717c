"""The memo keeps within its bounds and keeps what is used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from stream_classifier.core.memo import Memo

MAX_ENTRIES = 8
MAX_BYTES = 100


class MemoStates(RuleBasedStateMachine):
    """Any order of puts and gets, against a dictionary that never forgets."""

    def __init__(self) -> None:
        super().__init__()
        self.memo: Memo[int, int] = Memo(max_entries=MAX_ENTRIES, max_bytes=MAX_BYTES)
        self.values: dict[int, int] = {}
        self.sizes: dict[int, int] = {}

    @rule(key=st.integers(0, 12), value=st.integers(), size=st.integers(0, 60))
    def put(self, key: int, value: int, size: int) -> None:
        self.memo.put(key, value, size)
        self.values[key] = value
        self.sizes[key] = size
        assert (self.memo.get(key) == value) == (size <= MAX_BYTES // 2)

    @rule(key=st.integers(0, 12))
    def get(self, key: int) -> None:
        assert self.memo.get(key) in (None, self.values.get(key))

    @invariant()
    def within_bounds(self) -> None:
        assert len(self.memo) <= MAX_ENTRIES
        assert self.memo.size_bytes <= MAX_BYTES

    def teardown(self) -> None:
        kept = [key for key in self.values if self.memo.get(key) is not None]
        assert sum(self.sizes[key] for key in kept) <= MAX_BYTES


TestMemoStates = MemoStates.TestCase


def test_an_entry_that_is_used_once_a_generation_stays() -> None:
    memo: Memo[str, int] = Memo(max_entries=8, max_bytes=1000)
    memo.put("hot", 1, 1)
    for n in range(1000):
        memo.put(f"cold {n}", n, 1)
        if n % 3 == 0:
            assert memo.get("hot") == 1


def test_an_entry_that_nobody_uses_is_forgotten_within_two_generations() -> None:
    memo: Memo[int, int] = Memo(max_entries=8, max_bytes=1000)
    for n in range(9):
        memo.put(n, n, 1)
    assert memo.get(0) is None
    assert memo.get(8) == 8


@given(st.lists(st.integers(0, 5), max_size=50))
def test_putting_a_key_again_counts_its_bytes_once(keys: list[int]) -> None:
    memo: Memo[int, int] = Memo(max_entries=100, max_bytes=1000)
    for key in keys:
        memo.put(key, key, 10)
    assert memo.size_bytes == 10 * len(set(keys)) == 10 * len(memo)


@pytest.mark.parametrize(("entries", "size"), [(1, 100), (100, 1)])
def test_bounds_that_cannot_be_halved_are_refused(entries: int, size: int) -> None:
    with pytest.raises(ValueError, match="at least two"):
        Memo[int, int](max_entries=entries, max_bytes=size)
