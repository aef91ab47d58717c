import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.call import Usage
from stream_classifier.core.prices import Price, Prices, SingleCalls
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.taxonomy import read_taxonomy

PRICE = Price(input=2.0, cached_input=0.5, output=8.0)
PRICES = Prices({"known": PRICE})
PROMPT = Prompt(read_taxonomy({"labels": ["bug", "feature request"]}))

usages = st.builds(
    lambda fresh, cached, out: Usage(tokens_in=fresh + cached, tokens_out=out, cached_in=cached),
    *[st.integers(0, 10**7)] * 3,
)


def words(text: str) -> int:
    return len(text.split())


# ------------------------------------------------------------------------------------------------- prices


@pytest.mark.parametrize(
    ("usage", "cost_usd"),
    [
        (Usage(), 0.0),
        (Usage(tokens_in=1_000_000), 2.0),
        (Usage(tokens_in=1_000_000, cached_in=1_000_000), 0.5),
        (Usage(tokens_out=1_000_000), 8.0),
        (Usage(tokens_in=1_500, cached_in=500, tokens_out=100), 0.00305),
    ],
)
def test_prices_are_usd_per_million_tokens(usage: Usage, cost_usd: float) -> None:
    assert PRICE.cost_usd(usage) == pytest.approx(cost_usd)


@given(usages, usages)
def test_two_calls_cost_what_one_with_all_their_tokens_does(one: Usage, other: Usage) -> None:
    both = Usage(
        tokens_in=one.tokens_in + other.tokens_in,
        tokens_out=one.tokens_out + other.tokens_out,
        cached_in=one.cached_in + other.cached_in,
    )
    assert PRICE.cost_usd(one) + PRICE.cost_usd(other) == pytest.approx(PRICE.cost_usd(both))


def test_a_model_without_a_price_has_no_cost_rather_than_none_to_pay() -> None:
    assert PRICES.cost_usd("unknown", Usage(tokens_in=1)) is None
    assert PRICES.cost_usd("known", Usage()) == 0.0


# ------------------------------------------------------------------------------------- one call a ticket


def test_one_call_a_ticket_pays_for_the_fixed_part_each_time() -> None:
    single = SingleCalls.of(PRICES, "known", PROMPT, words)
    fixed = words(PROMPT.system) + words(PROMPT.schema_text(1)) + words('t01 10 ""')
    assert single.cost_usd(100) == pytest.approx(
        PRICE.cost_usd(Usage(tokens_in=fixed + 100, tokens_out=words('{"t01":"10 feature request"}')))
    )


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_longer_text_costs_its_own_tokens_more(tokens: int, more: int) -> None:
    single = calls_with_a_prefix_of(600)
    short, long = single.cost_usd(tokens), single.cost_usd(tokens + more)
    assert short is not None
    assert long is not None
    assert long - short == pytest.approx(more * 2.0 / 1_000_000)


def calls_with_a_prefix_of(tokens: int) -> SingleCalls:
    return SingleCalls(price=PRICE, prefix_tokens=tokens, wrapping_tokens=5, answer_tokens=12)


@pytest.mark.parametrize("prefix_tokens", [1024, 5000])
def test_a_prefix_cache_makes_the_constant_part_cheap_and_nothing_else(prefix_tokens: int) -> None:
    single = calls_with_a_prefix_of(prefix_tokens)
    usage = Usage(tokens_in=prefix_tokens + 5 + 100, cached_in=prefix_tokens, tokens_out=12)
    assert single.cached_cost_usd(100) == pytest.approx(PRICE.cost_usd(usage))


@given(st.integers(0, 1023), st.integers(0, 5000))
def test_a_prefix_too_short_for_providers_to_keep_saves_nothing(prefix: int, text: int) -> None:
    single = calls_with_a_prefix_of(prefix)
    assert single.cached_cost_usd(text) == single.cost_usd(text)


@given(st.integers(0, 3000), st.lists(st.integers(0, 5000), min_size=1, max_size=20))
def test_many_tickets_cost_what_each_by_itself_does(prefix: int, texts: list[int]) -> None:
    single = calls_with_a_prefix_of(prefix)
    for cost_usd in (single.cost_usd, single.cached_cost_usd):
        assert cost_usd(sum(texts), len(texts)) == pytest.approx(sum(cost_usd(text) or 0 for text in texts))


def test_what_one_call_a_ticket_would_cost_is_not_known_without_a_price() -> None:
    single = SingleCalls.of(PRICES, "unknown", PROMPT, words)
    assert (single.cost_usd(100), single.cached_cost_usd(100)) == (None, None)
