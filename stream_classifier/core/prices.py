"""What tokens cost, and what the same work would have cost with one call a ticket.

Prices are USD per million tokens. A model without a price has no cost, rather than a guessed one: its
events say null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stream_classifier.core.call import Usage
from stream_classifier.core.prompt import Prompt

MILLION = 1_000_000


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

    Every ticket would carry the fixed part (system message, schema, wrapping) and get an answer of its
    own. Tokens are estimated with the same estimator that batches are cut by.
    """

    price: Price | None
    fixed_tokens: int
    answer_tokens: int

    @classmethod
    def of(cls, prices: Prices, model: str, prompt: Prompt, estimate: Callable[[str], int]) -> "SingleCalls":
        """For this model and prompt; `estimate` gives a text's tokens."""
        fixed = (prompt.system, prompt.schema_text(1), prompt.user([(10, "")]))
        return cls(
            price=prices.by_model.get(model),
            fixed_tokens=sum(map(estimate, fixed)),
            answer_tokens=estimate(f'{{"t01":"10 {prompt.longest_answer}"}}'),
        )

    def cost_usd(self, text_tokens: int) -> float | None:
        """One call for a text of so many tokens; None where the price is not known."""
        if self.price is None:
            return None
        tokens_in = self.fixed_tokens + text_tokens
        return self.price.cost_usd(Usage(tokens_in=tokens_in, tokens_out=self.answer_tokens))
