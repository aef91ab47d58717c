"""How many tokens a call takes, before it is made.

Rate limits are kept by it, and `explain` tells a ticket's cost by it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_classifier.core.charging import Size
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.tokens import CALL_TOKENS, ReplyBudget, TokenEstimator

WRAPPING_TOKENS = 5  # a record's key, check and quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSizes:
    """Estimates calls with one prompt to one model."""

    prompt: Prompt
    tokens: TokenEstimator
    replies: ReplyBudget

    def constant(self, records: int) -> int:
        """Tokens of what is the same in every call of so many records: the beginning of its input, which a
        provider's prefix cache may hold."""
        return self.tokens.estimate(self.prompt.system) + self.tokens.estimate(
            self.prompt.schema_text(records)
        )

    def of(self, text_tokens: Sequence[int]) -> Size:
        """The size of a call for texts with so many tokens each."""
        n = len(text_tokens)
        records = sum(text_tokens) + n * WRAPPING_TOKENS
        return Size(
            prompt=self.constant(n) + records + CALL_TOKENS,
            budget=self.replies.budget(n),
            reply=self.replies.usual(n),
        )
