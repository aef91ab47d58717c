"""One call for some texts: composed, made, read, counted, and its cost shared out.

Both lanes call through here, so that a text is asked, checked and paid for in one way only. What is
done about a call that fell short is not decided here (`core/failure.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Protocol

import structlog

from stream_classifier.core import measures
from stream_classifier.core.answer import Answer, Lane, Reason
from stream_classifier.core.call import Order, Outcome, Signal, Usage
from stream_classifier.core.call_size import CallSizes
from stream_classifier.core.charging import Size
from stream_classifier.core.journey import Ask
from stream_classifier.core.prices import Prices
from stream_classifier.core.prompt import CHECKS, CONSTANT_RECORD, Prompt, draw_checks
from stream_classifier.core.reply import Flaw, Reading, read_reply
from stream_classifier.core.shares import split
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import Taxonomy
from stream_classifier.core.tokens import CALL_TOKENS, ReplyBudget, TokenEstimator

log = structlog.get_logger(__name__)

LINE_END_TOKENS = 1
SURELY = 4  # times the estimate: beyond all tokenizers seen, and within most contexts
READABLE = frozenset({Signal.ANSWERED, Signal.LENGTH, Signal.MALFORMED})
OUT_OF_FORM = "The reply answers none of the records in the form that was asked for."


class Provider(Protocol):
    """Whoever answers an order. It never raises for what a network or a provider does."""

    async def ask(self, order: Order) -> Outcome:
        """Make the call. Raises `Stopped` where none may be made any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What came of one call: the outcome, and for each text what the reply says of it.

    `verdicts` are in the order of `asks`, and empty where there was no reply to read; `partial` has, by
    place, the labels of those questions that a flawed verdict did answer. `halved`: the model saw the
    head and the tail of its one text.
    """

    batch_id: str
    model: str
    outcome: Outcome
    asks: Sequence[Ask]
    verdicts: Sequence[Answer | Flaw] = ()
    partial: Mapping[int, Answer] = field(default_factory=dict)
    halved: bool = False

    def reason_for(self, ask: Ask) -> Reason:
        """Why a text that this reply did not answer needs review."""
        verdict = self.verdicts[self.asks.index(ask)]
        return Reason.NOT_IN_TAXONOMY if verdict is Flaw.NOT_IN_TAXONOMY else Reason.UNANSWERED

    def labels_for(self, ask: Ask) -> tuple[str | None, ...] | None:
        """The labels of the questions that this reply did answer, if it answered any."""
        answer = self.partial.get(self.asks.index(ask))
        return None if answer is None else answer.labels


class CallSpan(Protocol):
    """A call's place in traces. `headers` tell the provider of it; empty where it is not told."""

    @property
    def headers(self) -> Mapping[str, str]: ...

    def came(self, outcome: Outcome) -> None:
        """What came of the call."""


class CallTracing(Protocol):
    """Ties calls to the traces of the tickets that wait for them."""

    def call(
        self, order: Order, lane: str, batch_id: str | None, asks: Sequence[Ask]
    ) -> AbstractContextManager[CallSpan]:
        """One call, under way for the length of the block; a probe has neither batch nor texts."""


def nobody_hears(_called: Called) -> None:
    """For calls that nobody follows."""


@dataclass(slots=True, kw_only=True)
class Caller:
    """Makes calls of one lane. `batch_prefix` sets this process's batch ids apart from others'; `heard` is
    told of each call that has ended."""

    provider: Provider
    lane: Lane
    prompt: Prompt
    taxonomy: Taxonomy
    prices: Prices
    tally: Tally
    tokens: TokenEstimator
    replies: ReplyBudget
    rng: Random
    batch_prefix: str
    context_tokens: int
    heard: Callable[[Called], None] = nobody_hears
    tracing: CallTracing | None = None
    sizes: CallSizes = field(init=False)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.sizes = CallSizes(prompt=self.prompt, tokens=self.tokens, replies=self.replies)

    def size(self, asks: Sequence[Ask]) -> Size:
        """The tokens of a call for these texts, estimated."""
        return self.sizes.of([ask.tokens for ask in asks])

    def fitting(self, asks: Sequence[Ask]) -> Sequence[Ask]:
        """The first of these texts, as many as the context holds beside their answers; one at least."""
        whole = self.size(asks)
        if SURELY * whole.prompt + whole.budget <= self.context_tokens:
            return asks
        system = self.tokens.at_most(self.prompt.system) + CALL_TOKENS
        records = 0
        for n, ask in enumerate(asks, start=1):
            # Anew, and as it is sent: the text's own estimate is as old as the ticket.
            records += self.tokens.at_most(self.prompt.user([(CHECKS[0], ask.text)])) + LINE_END_TOKENS
            fixed = system + self.tokens.at_most(self.prompt.schema_text(n))
            if n > 1 and fixed + records + self.replies.budget(n) > self.context_tokens:
                return asks[: n - 1]
        return asks

    def probe_size(self) -> Size:
        """The tokens of a call for the constant record, estimated."""
        return self.sizes.of([self.tokens.estimate(CONSTANT_RECORD)])

    async def ask(self, asks: Sequence[Ask], model: str, *, halved: bool = False) -> Called:
        """One call for these texts, in an order drawn anew, and another than that of `asks`: no text keeps
        a good or a bad place. `halved`: the context cannot hold more than half of the text."""
        shuffled = self.rng.sample(asks, len(asks))
        if shuffled == list(asks):
            shuffled = [*shuffled[1:], shuffled[0]]
        batch_id = f"{self.batch_prefix}-{self.lane[0]}{next(self._numbers)}"
        self._say_whose(batch_id, model, asks)
        checks = draw_checks(len(shuffled), self.rng)
        texts = [_halved(ask.text) if halved else ask.text for ask in shuffled]
        order = self._order(model, list(zip(checks, texts, strict=True)))
        outcome, reading = await self._call(order, checks, batch_id, asks)
        called = Called(
            batch_id=batch_id,
            model=model,
            outcome=outcome,
            asks=shuffled,
            verdicts=reading.results if reading else (),
            partial=reading.partial if reading else {},
            halved=halved,
        )
        self._account(called, order)
        self.heard(called)
        return called

    async def probe(self, model: str) -> Outcome:
        """Ask the constant record: a harmless text that any working model answers in form, be it with `?`
        or with a label of its own."""
        checks = draw_checks(1, self.rng)
        order = self._order(model, [(checks[0], CONSTANT_RECORD)])
        outcome, _ = await self._call(order, checks)
        self.tally.add(measures.CALLS, "probe", model, outcome.signal)
        self._pay(model, outcome.usage)
        if outcome.usage is not None:  # no event will carry them
            self.tally.add(measures.OVERHEAD_TOKENS, model, "in", n=outcome.usage.tokens_in)
            self.tally.add(measures.OVERHEAD_TOKENS, model, "out", n=outcome.usage.tokens_out)
        return outcome

    def _order(self, model: str, records: Sequence[tuple[int, str]]) -> Order:
        return Order(
            model=model,
            system=self.prompt.system,
            user=self.prompt.user(records),
            schema=self.prompt.schema(len(records)),
            records=len(records),
            reply_tokens=self.replies.budget(len(records)),
        )

    async def _call(
        self, order: Order, checks: Sequence[int], batch_id: str | None = None, asks: Sequence[Ask] = ()
    ) -> tuple[Outcome, Reading | None]:
        if self.tracing is None:
            return self._read(await self.provider.ask(order), checks)
        with self.tracing.call(order, self.lane, batch_id, asks) as span:
            told = replace(order, headers=span.headers) if span.headers else order
            outcome, reading = self._read(await self.provider.ask(told), checks)
            span.came(outcome)
        return outcome, reading

    def _read(self, outcome: Outcome, checks: Sequence[int]) -> tuple[Outcome, Reading | None]:
        """What the reply says, and the outcome that it makes of a call that was answered."""
        if outcome.signal not in READABLE:
            return outcome, None
        cut = outcome.signal is Signal.LENGTH
        reading = read_reply(outcome.content or "", checks, self.taxonomy, cut=cut)
        if outcome.signal is Signal.ANSWERED and not any(map(_in_form, reading.results)):
            outcome = replace(outcome, signal=Signal.MALFORMED, detail=OUT_OF_FORM)
        return outcome, reading

    def _account(self, called: Called, order: Order) -> None:
        """Count the call, learn from its usage, and share its tokens among its texts."""
        outcome = called.outcome
        self.tally.add(measures.CALLS, self.lane, called.model, outcome.signal)
        self.tally.observe(measures.CALL_SECONDS, outcome.latency_s, self.lane, called.model)
        self.tally.observe(measures.BATCH_TICKETS, len(called.asks), self.lane)
        cost_usd = self._pay(called.model, outcome.usage)
        if outcome.usage is not None:
            self._share(called, outcome.usage)
            self._learn(called, outcome.usage, order)
        self._say(called, cost_usd)

    def _learn(self, called: Called, usage: Usage, order: Order) -> None:
        """Correct the estimates of tokens by what the provider counted."""
        self.tokens.learn([order.system, order.user, self.prompt.schema_text(order.records)], usage.tokens_in)
        if called.outcome.signal is Signal.LENGTH:
            self.replies.cut(order.reply_tokens, sum(isinstance(v, Answer) for v in called.verdicts))
        elif called.outcome.signal is Signal.ANSWERED:
            self.replies.learn(order.records, usage.tokens_out)

    def _pay(self, model: str, usage: Usage | None) -> float | None:
        if usage is None:
            return None
        self.tally.add(measures.TOKENS, model, "in", n=usage.tokens_in)
        self.tally.add(measures.TOKENS, model, "cached_in", n=usage.cached_in)
        self.tally.add(measures.TOKENS, model, "out", n=usage.tokens_out)
        cost_usd = self.prices.cost_usd(model, usage)
        if cost_usd is not None:
            self.tally.add(measures.COST, model, n=cost_usd)
        return cost_usd

    def _share(self, called: Called, usage: Usage) -> None:
        """Each text pays for its own length and an equal part of what all needed. The shares add up to
        the provider's usage to the token."""
        asks = called.asks
        texts = sum(ask.tokens for ask in asks)
        common = max(usage.tokens_in - texts, 0) // len(asks)
        tokens_in = split(usage.tokens_in, [ask.tokens + common for ask in asks])
        cached_in = split(usage.cached_in, tokens_in)
        tokens_out = split(usage.tokens_out, [1] * len(asks))
        for ask, *share in zip(asks, tokens_in, tokens_out, cached_in, strict=True):
            self._charge(ask, called.model, Usage(*share))

    def _charge(self, ask: Ask, model: str, share: Usage) -> None:
        spent = ask.spent
        spent.tokens_in += share.tokens_in
        spent.cached_in += share.cached_in
        spent.tokens_out += share.tokens_out
        cost_usd = self.prices.cost_usd(model, share)
        if spent.cost_usd is None or cost_usd is None:
            spent.cost_usd = None
        else:
            spent.cost_usd += cost_usd

    def _say_whose(self, batch_id: str, model: str, asks: Sequence[Ask]) -> None:
        """Before the call: whose texts it holds, so that a ticket's way through its calls can be read."""
        event_ids = [waiting.event_id for ask in asks for waiting in ask.waiters]
        log.debug("call_begun", batch_id=batch_id, model=model, lane=self.lane, event_ids=event_ids)

    def _say(self, called: Called, cost_usd: float | None) -> None:
        outcome, usage = called.outcome, called.outcome.usage
        log.info(
            "model_call",
            batch_id=called.batch_id,
            model=called.model,
            lane=self.lane,
            tickets=len(called.asks),
            answered=sum(isinstance(v, Answer) for v in called.verdicts),
            tokens_in=usage.tokens_in if usage else None,
            tokens_out=usage.tokens_out if usage else None,
            latency_ms=round(outcome.latency_s * 1000),
            cost_usd=cost_usd,
            outcome=outcome.signal,
            status=outcome.status,
            detail=outcome.detail or None,
            attempt=1 + max(ask.attempts for ask in called.asks),
        )


def _in_form(verdict: Answer | Flaw) -> bool:
    """A label that the taxonomy does not have is wrong, but said in form."""
    return isinstance(verdict, Answer) or verdict is Flaw.NOT_IN_TAXONOMY


def _halved(text: str) -> str:
    """The head and the tail of a text, half of it together."""
    quarter = len(text) // 4
    return f"{text[:quarter]}\n…\n{text[-quarter:]}"
