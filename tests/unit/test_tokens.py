"""Token estimates are cheap, bounded, and go where the provider's counts lead them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.tokens import (
    CALL_TOKENS,
    CLASSES,
    DOUBT,
    LEAST_DOUBT,
    MAX_REPLY_TOKENS,
    TRUSTED_CALLS,
    ReplyBudget,
    TokenEstimator,
)

PROSE = "The export button does nothing since the last update, please have a look at it soon. "
TEXTS = {
    "prose": PROSE * 8,
    "code": 'for(i=0;i<n;++i){a[i]=b[i]*0x1F+42;} // #1234 => {"k": [1,2,3]}\n' * 8,
    "japanese": "昨日のアップデート以降、ログインできなくなりました。" * 8,
    "russian": "После обновления не открывается раздел отчётов. " * 8,
    "mixed": (PROSE + "ログインできません 😭 #500") * 8,
}


# ---------------------------------------------------------------------------------------- the estimator


def test_the_classes_cover_every_first_byte_of_utf8_once() -> None:
    leads = [lead for script in CLASSES for lead in script.leads]
    assert sorted(leads) == [*range(0x80), *range(0xC2, 0xF5)]


def test_only_the_empty_text_has_no_tokens() -> None:
    assert TokenEstimator().estimate("") == 0


@given(st.text(st.characters(), min_size=1))
def test_an_estimate_is_at_least_one_and_at_most_the_utf8_bytes(text: str) -> None:
    size_bytes = len(text.encode(errors="surrogatepass"))
    assert 1 <= TokenEstimator().estimate(text) <= size_bytes


@given(st.text(), st.text())
def test_a_longer_text_never_has_fewer_tokens(text: str, more: str) -> None:
    estimator = TokenEstimator()
    assert estimator.estimate(text + more) >= estimator.estimate(text)


@pytest.mark.parametrize(
    ("text", "counted"),  # with o200k ranks
    [
        ("The export button does nothing.", 6),
        ("昨日のアップデート以降ログインできなくなりました", 13),
    ],
)
def test_an_estimate_starts_near_the_count_and_rather_above_it(text: str, counted: int) -> None:
    assert counted <= TokenEstimator().estimate(text) <= counted * 1.6


@pytest.mark.parametrize("true_ratio", [0.6, 0.8, 1.3])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_sixty_calls_bring_the_estimate_within_a_twentieth(text: str, true_ratio: float) -> None:
    estimator = TokenEstimator()
    actual = round(estimator.estimate(text) * true_ratio)
    for _ in range(60):
        estimator.learn([text], actual + CALL_TOKENS)
    assert estimator.estimate(text) == pytest.approx(actual, rel=0.05)


def test_one_absurd_count_moves_the_estimate_by_less_than_a_tenth() -> None:
    estimator = TokenEstimator()
    before = estimator.estimate(TEXTS["mixed"])
    estimator.learn([TEXTS["mixed"]], 10**9)
    assert before < estimator.estimate(TEXTS["mixed"]) < before * 1.1


def test_what_one_script_teaches_leaves_another_alone() -> None:
    estimator = TokenEstimator()
    before = estimator.estimate(TEXTS["russian"].replace(" ", ""))
    for _ in range(50):
        estimator.learn([TEXTS["japanese"]], 9_000)
    assert estimator.estimate(TEXTS["russian"].replace(" ", "")) == before


@given(st.lists(st.tuples(st.lists(st.text(), max_size=3), st.integers(-10, 10**6)), max_size=30))
def test_whatever_a_provider_counts_the_estimate_stays_in_bounds(calls: list[tuple[list[str], int]]) -> None:
    estimator = TokenEstimator()
    for texts, tokens_in in calls:
        estimator.learn(texts, tokens_in)
    for text in TEXTS.values():
        assert len(text) * 0.1 <= estimator.estimate(text) <= len(text.encode())


# ----------------------------------------------------------------------------------------------- doubt


@given(st.text(), st.lists(st.tuples(st.text(), st.integers(0, 10**5)), max_size=20))
def test_what_is_not_exceeded_is_never_below_the_estimate_nor_above_the_bytes(
    text: str, calls: list[tuple[str, int]]
) -> None:
    estimator = TokenEstimator()
    for sent, tokens_in in calls:
        estimator.learn([sent], tokens_in)
    size_bytes = len(text.encode(errors="surrogatepass"))
    assert estimator.estimate(text) <= estimator.at_most(text) <= size_bytes


@pytest.mark.parametrize("true_ratio", [0.6, 1.0, 1.3, 1 + DOUBT])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_no_call_has_more_tokens_than_expected_at_most_from_the_first_to_the_last(
    text: str, true_ratio: float
) -> None:
    estimator = TokenEstimator()
    actual = int(estimator.estimate(text) * true_ratio)
    for _ in range(60):
        assert actual <= estimator.at_most(text)
        estimator.learn([text], actual + CALL_TOKENS)


def test_what_is_learned_of_one_script_takes_no_doubt_from_another() -> None:
    estimator = TokenEstimator()
    before = estimator.at_most(TEXTS["japanese"])
    for _ in range(50):
        estimator.learn(["word " * 100], estimator.estimate("word " * 100) + CALL_TOKENS)
    assert estimator.at_most(TEXTS["japanese"]) == before
    assert estimator.at_most("word " * 100) <= estimator.estimate("word " * 100) * (1 + LEAST_DOUBT) + 1


# -------------------------------------------------------------------------------------- the reply budget


def learned(tokens_per_record: int, *, calls: int = TRUSTED_CALLS, n: int = 10) -> ReplyBudget:
    """A budget that has seen replies which took so many tokens a record."""
    budget = ReplyBudget(longest_answer_tokens=12)
    for _ in range(calls):
        budget.learn(n, tokens_per_record * n)
    return budget


@given(st.integers(1, 40), st.integers(1, 89))
def test_a_budget_starts_with_room_for_the_longest_answer_to_every_record(longest: int, n: int) -> None:
    assert ReplyBudget(longest).budget(n) >= n * (longest + 7)


@given(st.integers(1, 100), st.integers(1, 89))
def test_another_record_never_lowers_the_budget(tokens_per_record: int, n: int) -> None:
    budget = learned(tokens_per_record)
    assert budget.budget(n + 1) >= budget.budget(n)


def test_short_answers_bring_the_budget_down_to_what_they_take_and_a_margin() -> None:
    assert 80 < learned(8).budget(10) < ReplyBudget(12).budget(10) * 0.7


def test_a_few_short_answers_prove_nothing() -> None:
    assert learned(8, calls=TRUSTED_CALLS - 1).budget(10) == ReplyBudget(12).budget(10)


def test_a_single_record_always_has_room_for_the_longest_answer() -> None:
    assert learned(8).budget(1) >= 12 + 7 + 8


def test_a_model_that_reasons_is_given_room_for_it() -> None:
    assert learned(400, calls=1).budget(10) > 4000


def test_one_talkative_reply_in_two_hundred_does_not_set_the_budget() -> None:
    budget = learned(8, calls=100)
    budget.learn(10, 5000)
    for _ in range(99):
        budget.learn(10, 80)
    assert budget.budget(10) == learned(8).budget(10)


def test_a_cut_reply_doubles_the_budget_at_least() -> None:
    budget = learned(8)
    given_tokens = budget.budget(10)
    budget.cut(given_tokens, kept=6)
    assert budget.budget(10) >= 2 * given_tokens


def test_a_cut_that_left_nothing_reaches_a_reasoning_models_need_within_three_calls() -> None:
    budget = learned(8)
    for _ in range(3):
        budget.cut(budget.budget(10), kept=0)
    assert budget.budget(10) > 5000


def test_a_raise_fades_when_calls_go_well_again() -> None:
    budget = learned(8)
    before = budget.budget(10)
    budget.cut(before, kept=6)
    for _ in range(200):
        budget.learn(10, 80)
    assert budget.budget(10) <= before + 1


@given(st.lists(st.tuples(st.integers(1, 90), st.integers(0, 10**7), st.booleans()), max_size=30))
def test_a_budget_never_passes_what_models_accept(replies: list[tuple[int, int, bool]]) -> None:
    budget = ReplyBudget(12)
    for n, tokens_out, cut in replies:
        if cut:
            budget.cut(budget.budget(n), kept=0)
        else:
            budget.learn(n, tokens_out)
        assert 0 < budget.budget(n) <= MAX_REPLY_TOKENS
