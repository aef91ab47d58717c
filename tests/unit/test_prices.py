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
    assert single.fixed_tokens == fixed
    assert single.cost_usd(100) == pytest.approx(
        PRICE.cost_usd(Usage(tokens_in=fixed + 100, tokens_out=words('{"t01":"10 feature request"}')))
    )


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_longer_text_costs_its_own_tokens_more(tokens: int, more: int) -> None:
    single = SingleCalls(price=PRICE, fixed_tokens=600, answer_tokens=12)
    short, long = single.cost_usd(tokens), single.cost_usd(tokens + more)
    assert short is not None
    assert long is not None
    assert long - short == pytest.approx(more * 2.0 / 1_000_000)


def test_what_one_call_a_ticket_would_cost_is_not_known_without_a_price() -> None:
    assert SingleCalls.of(PRICES, "unknown", PROMPT, words).cost_usd(100) is None
