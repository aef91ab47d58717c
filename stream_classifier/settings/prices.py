"""Known prices: OpenAI's public list for the standard tier, in USD per million tokens, as of 2025-12.

For models that this table does not hold, and for prices that were agreed on or have changed since, there
is `llm.prices`. A model without a price has no cost rather than a guessed one.
"""

from pydantic import Field

from stream_classifier.settings.kinds import Group, Usd


class ModelPrice(Group):
    """A model's prices in USD per million tokens."""

    input: Usd = Field(ge=0)
    """Input that the provider's prefix cache did not hold."""
    cached_input: Usd = Field(default_factory=lambda given: given["input"], ge=0)
    """Input from the prefix cache; unset: as `input`."""
    output: Usd = Field(ge=0)
    """Output."""


def _price(input_: float, cached_input: float, output: float) -> ModelPrice:
    return ModelPrice(input=input_, cached_input=cached_input, output=output)


KNOWN_PRICES = {
    "gpt-4o-mini": _price(0.15, 0.075, 0.60),
    "gpt-4o": _price(2.50, 1.25, 10.00),
    "gpt-4.1": _price(2.00, 0.50, 8.00),
    "gpt-4.1-mini": _price(0.40, 0.10, 1.60),
    "gpt-4.1-nano": _price(0.10, 0.025, 0.40),
    "gpt-5": _price(1.25, 0.125, 10.00),
    "gpt-5-mini": _price(0.25, 0.025, 2.00),
    "gpt-5-nano": _price(0.05, 0.005, 0.40),
    "o3": _price(2.00, 0.50, 8.00),
    "o3-mini": _price(1.10, 0.55, 4.40),
    "o4-mini": _price(1.10, 0.275, 4.40),
    "gpt-3.5-turbo": _price(0.50, 0.50, 1.50),
}
