"""The token count, and the cache of a prompt's beginning."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.lab.simulator.tokens import PrefixCache, count_prompt, count_tokens, cut_tokens

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("the export button does nothing", 5),
        ("internationalization", 3),
        ("404 of 12345", 4),
        ('t01 10 ""\n', 5),  # a record's wrapping, as o200k
        ('"t01":"10 bug",', 7),  # an answer; o200k counts 6.3
        ("Größe", 3),
    ],
)
def test_tokens_are_runs_of_letters_digits_and_marks(text: str, tokens: int) -> None:
    assert count_tokens(text) == tokens


@given(ANY_TEXT)
def test_a_count_never_exceeds_the_bytes_that_bound_a_real_tokenizer(text: str) -> None:
    assert count_tokens(text) <= len(text.encode())


@given(ANY_TEXT, st.integers(0, 50))
def test_a_cut_text_is_a_beginning_within_its_budget(text: str, limit: int) -> None:
    cut = cut_tokens(text, limit)
    assert text.startswith(cut)
    assert count_tokens(cut) == min(limit, count_tokens(text))


def test_a_message_costs_more_than_its_text() -> None:
    assert count_prompt(["one two", "three"]) == 3 + 2 * 4 + 3


SYSTEM = "word " * 2000


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def new_cache(clock: Clock | None = None, *, minimum_tokens: int = 1024) -> PrefixCache:
    return PrefixCache(minimum_tokens=minimum_tokens, ttl_s=300, clock=clock or Clock())


def test_a_prompt_is_cached_from_its_second_time_on_in_steps_of_128_tokens() -> None:
    cache = new_cache()
    first = cache.cached_tokens("m", [SYSTEM, "a text"])
    second = cache.cached_tokens("m", [SYSTEM, "another"])
    assert (first, second % 128, 1900 < second <= 2000) == (0, 0, True)


def test_a_short_beginning_is_not_cached() -> None:
    cache = new_cache()
    parts = ["word " * 1000, "a text"]
    assert [cache.cached_tokens("m", parts) for _ in range(2)] == [0, 0]


def test_a_prompt_that_differs_at_its_beginning_finds_nothing() -> None:
    cache = new_cache()
    cache.cached_tokens("m", [SYSTEM, "a text"])
    assert cache.cached_tokens("m", ["X" + SYSTEM, "a text"]) == 0


def test_models_do_not_share_their_caches() -> None:
    cache = new_cache()
    cache.cached_tokens("m", [SYSTEM, "a text"])
    assert cache.cached_tokens("n", [SYSTEM, "a text"]) == 0


def test_an_unused_beginning_is_forgotten_and_a_used_one_is_kept() -> None:
    clock = Clock()
    cache = new_cache(clock)
    found = []
    for clock.now in (0, 200, 400, 701):
        found.append(cache.cached_tokens("m", [SYSTEM, "a text"]) > 0)
    assert found == [False, True, True, False]


def test_a_minimum_of_0_switches_the_cache_off() -> None:
    cache = new_cache(minimum_tokens=0)
    assert [cache.cached_tokens("m", [SYSTEM, "a"]) for _ in range(2)] == [0, 0]
