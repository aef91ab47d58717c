"""What tokens cost, and what the same work would have cost with one call a ticket.

Prices are USD per million tokens. A model without a price has no cost, rather than a guessed one: its
events say null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_classifier.core.call import Usage
from stream_classifier.core.prompt import Prompt

MILLION = 1_000_000
PREFIX_CACHE_FROM_TOKENS = 1024  # providers keep no shorter beginning of a prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """USD per million tokens; `cached_input` is for the part of the input that the provider's prefix
    cache held."""

    input: float
    cached_input: float
    output: float

    def cost_usd(self, usage: Usage) -> float:
        """What this usage costs."""
        fresh = usage.tokens_in - usage.cached_in
        total = fresh * self.input + usage.cached_in * self.cached_input + usage.tokens_out * self.output
        return total / MILLION


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by model."""

    by_model: Mapping[str, Price]

    def cost_usd(self, model: str, usage: Usage) -> float | None:
        """The cost of a call, or None where the model's price is not known."""
        price = self.by_model.get(model)
        return None if price is None else price.cost_usd(usage)


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleCalls:
    """What one call a ticket would cost: the honest measure of what batches and the cache save.

    Every ticket would carry the fixed part (`prefix_tokens` of system message and schema, and the record's
    wrapping) and get an answer of its own. Tokens are estimated with the same estimator that batches are
    cut by. There are two such costs: where the provider keeps no prefixes, and where its prefix cache holds
    the beginning of every call, the first one's too: it is never cheaper than that.
    """

    price: Price | None
    prefix_tokens: int
    wrapping_tokens: int
    answer_tokens: int

    @classmethod
    def of(cls, prices: Prices, model: str, prompt: Prompt, estimate: Callable[[str], int]) -> "SingleCalls":
        """For this model and prompt; `estimate` gives a text's tokens."""
        return cls(
            price=prices.by_model.get(model),
            prefix_tokens=estimate(prompt.system) + estimate(prompt.schema_text(1)),
            wrapping_tokens=estimate(prompt.user([(10, "")])),
            answer_tokens=estimate(f'{{"t01":"10 {prompt.longest_answer}"}}'),
        )

    def cost_usd(self, text_tokens: int, tickets: int = 1) -> float | None:
        """One call each for so many tickets, whose texts have so many tokens together; None where the
        price is not known."""
        return self._cost_usd(text_tokens, tickets, cached_in=0)

    def cached_cost_usd(self, text_tokens: int, tickets: int = 1) -> float | None:
        """The same with a prefix cache; no less where the prefix is too short for one."""
        kept = self.prefix_tokens if self.prefix_tokens >= PREFIX_CACHE_FROM_TOKENS else 0
        return self._cost_usd(text_tokens, tickets, cached_in=kept * tickets)

    def _cost_usd(self, text_tokens: int, tickets: int, cached_in: int) -> float | None:
        if self.price is None:
            return None
        fixed = (self.prefix_tokens + self.wrapping_tokens) * tickets
        return self.price.cost_usd(
            Usage(
                tokens_in=fixed + text_tokens,
                tokens_out=self.answer_tokens * tickets,
                cached_in=cached_in,
            )
        )
