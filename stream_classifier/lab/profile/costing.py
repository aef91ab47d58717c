"""What simulated calls take in tokens and cost, by the service's own estimates and prices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Usage
from stream_classifier.core.call_size import CallSizes
from stream_classifier.core.prices import PREFIX_CACHE_FROM_TOKENS
from stream_classifier.lab.profile.simulation import Played
from stream_classifier.service.building import Builder

STAND_IN_OUTPUT_PRICE = 4.0
"""Of an output token over an input token: what choices are made by where a model has no price."""


ENTRY_TOKENS = 5.3
"""Of one answer in a reply beside its labels, as measured with a current tokenizer: what is to be expected.
The service reserves more (`core/tokens.py`), because a reply that is cut costs the call."""

FIRST_TOKEN_S, TOKENS_PER_S = 0.8, 80.0
"""A small hosted model on a usual day; whoever has measured their own says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTimes:
    """How long a call takes: until its first token, then its output at that speed."""

    first_token_s: float = FIRST_TOKEN_S
    tokens_per_s: float = TOKENS_PER_S


@dataclass(slots=True, kw_only=True)
class Costing:
    """Calls of one configuration's models and prompt."""

    builder: Builder
    times: CallTimes
    answer_tokens: float = field(init=False)  # of one text's answer, on average over the labels
    _prompts: dict[tuple[Lane, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        questions, estimate = self.builder.taxonomy.questions, self.builder.estimate
        labels = (estimate("".join(question.names)) / len(question.names) for question in questions)
        self.answer_tokens = ENTRY_TOKENS + sum(labels) + len(questions) - 1  # with the bars between them

    @property
    def prefix_tokens(self) -> int:
        """What every call for one ticket begins with."""
        return self._call_sizes(Lane.BULK).constant(1)

    def call_s(self, texts: int) -> float:
        """How long a call for so many texts takes."""
        return self.times.first_token_s + texts * self.answer_tokens / self.times.tokens_per_s

    def usage(self, played: Played, lane: Lane, factor: float) -> Usage:
        """The tokens of a lane's calls, `factor` times; `cached_in` is what a prefix cache would hold."""
        calls, sizes = played.calls[lane], self._call_sizes(lane)
        constant = {texts: sizes.constant(texts) for texts in calls}
        kept = {n: tokens if tokens >= PREFIX_CACHE_FROM_TOKENS else 0 for n, tokens in constant.items()}
        prompts = sum(self._prompt(lane, n) * times for n, times in calls.items())
        return Usage(
            tokens_in=round((prompts + played.text_tokens[lane]) * factor),
            tokens_out=round(played.texts[lane] * self.answer_tokens * factor),
            cached_in=round(sum(kept[n] * times for n, times in calls.items()) * factor),
        )

    def usd(self, usage: Mapping[Lane, Usage], *, prefix_cache: bool) -> float | None:
        """What it costs; None where a model that is used has no price."""
        costs = []
        for lane, use in usage.items():
            paid = use if prefix_cache else Usage(use.tokens_in, use.tokens_out)
            costs.append(self.builder.prices.cost_usd(self.builder.models[lane], paid))
        return total(costs)

    def _prompt(self, lane: Lane, texts: int) -> int:
        """Tokens of a call for so many texts that are empty: a real one's come on top as they are."""
        tokens = self._prompts.get((lane, texts))
        if tokens is None:
            tokens = self._prompts[lane, texts] = self._call_sizes(lane).of([0] * texts).prompt
        return tokens

    def _call_sizes(self, lane: Lane) -> CallSizes:
        builder = self.builder
        tokens = builder.estimators[builder.models[lane]]
        return CallSizes(prompt=builder.prompt, tokens=tokens, replies=builder.replies())


def weight(usage: Iterable[Usage]) -> float:
    """What to choose by where there is no price."""
    return sum(use.tokens_in + STAND_IN_OUTPUT_PRICE * use.tokens_out for use in usage)


def total(amounts: Iterable[float | None]) -> float | None:
    """The sum; None where one is not known."""
    known = 0.0
    for amount in amounts:
        if amount is None:
            return None
        known += amount
    return known
