"""What the lanes bring back: a verified answer or a reason, handed to every ticket that waits for it.

Rules
-----
* The first ticket that waits carries the tokens of every attempt; those that joined cost nothing.
* Only a complete answer to the whole text enters the cache, under the key of the model that gave it: a
  fallback's is found only while the first model is out.
* Where urgent and bulk ask the same text of the same model, the first answer serves both.
* A ticket that waits on two asks is given up only when both have failed.
* What is decided is kept for the ticket's return (`returns`), also where its partition was taken away
  before the answer came.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import Answer, DecidedBy, Lane, Reason
from stream_classifier.core.journey import Ask, Decision, Spent, Waiting
from stream_classifier.core.known import Known
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.calls import Called
from stream_classifier.lanes.flights import Flights
from stream_classifier.pipeline.departures import Departures


class Memory(Protocol):
    """Where answers are remembered."""

    def peek(self, key: bytes) -> Known | None:
        """What this process knows at once."""

    def store(self, entries: Mapping[bytes, Known]) -> None:
        """Remember these, without waiting."""


@dataclass(slots=True, kw_only=True)
class Answers:
    """Hands answers on. `models` names the model of each lane's cache keys, `fallbacks` those that are asked
    where it fails; `known` makes a cache entry of labels and model."""

    flights: Flights
    departures: Departures
    memory: Memory
    tally: Tally
    questions: int
    taxonomy_digest: str
    prompt_digest: str
    models: Mapping[Lane, str]
    fallbacks: Sequence[str]
    known: Callable[[tuple[str, ...], str], Known]
    withdraw: Callable[[Ask], bool]

    def answered(self, ask: Ask, answer: Answer, called: Called) -> None:
        """The model gave this answer for this very text."""
        known = answer.complete and not called.halved
        self.flights.land(ask, in_vain=not known or called.model != self.models[ask.lane])
        if known:
            labels = tuple(label for label in answer.labels if label is not None)
            if ask.renews is not None:
                self._refreshed("same" if labels == ask.renews.labels else "changed")
            self.memory.store({self._key(ask, called.model): self.known(labels, called.model)})
        elif ask.renews is not None:
            self._refreshed("failed")
        twin = self.flights.twin(ask) if answer.complete else None
        waiters = ask.waiters if twin is None else [*ask.waiters, *twin.waiters]
        waiting = [waiting for waiting in dict.fromkeys(waiters) if waiting.asks]
        self._serve(ask, waiting, answer.labels, answer.reason, called)

    def _key(self, ask: Ask, model: str) -> bytes:
        """The key of this text's answer by this model."""
        if model == self.models[ask.lane]:
            return ask.key
        return ask.waiters[0].fallback_keys[self.fallbacks.index(model)]

    def unanswerable(self, ask: Ask, reason: Reason, called: Called) -> None:
        """No answer is to be had: a person must look, unless another ask is still out for the ticket."""
        self.flights.land(ask, in_vain=True)
        labels = called.labels_for(ask) or (None,) * self.questions
        waiters = [waiting for waiting in ask.waiters if ask in waiting.asks]
        for waiting in waiters:
            waiting.asks.remove(ask)
        self._serve(ask, [w for w in waiters if not w.asks], labels, reason, called)

    def _serve(
        self,
        ask: Ask,
        waiters: Sequence[Waiting],
        labels: tuple[str | None, ...],
        reason: Reason | None,
        called: Called,
    ) -> None:
        """Decide every ticket that waits: the first that is still here pays, the others share."""
        unpaid: Spent | None = ask.spent
        undecided = [waiting for waiting in waiters if waiting.decision is None]
        for waiting in undecided:
            waiting.truncated |= called.halved
            decision = self._decision(ask, labels, reason, called, unpaid if waiting.live else None)
            self.departures.returns.keep(waiting, decision)
            if waiting.live:
                self.departures.decide(waiting, decision)
                unpaid = None
        if unpaid is not None:
            self._write_off(called.model, unpaid)
        self._leave(undecided)

    def _decision(
        self,
        ask: Ask,
        labels: tuple[str | None, ...],
        reason: Reason | None,
        called: Called,
        spent: Spent | None,
    ) -> Decision:
        by = None
        if reason is None:
            by = DecidedBy.LLM if spent is not None else DecidedBy.SHARED
        return Decision(
            labels=labels,
            reason=reason,
            decided_by=by,
            model=called.model,
            prompt_digest=self.prompt_digest,
            taxonomy_digest=self.taxonomy_digest,
            batch_id=called.batch_id,
            batch_size=len(called.asks),
            attempts=ask.attempts,
            tokens_in=spent.tokens_in if spent else 0,
            tokens_out=spent.tokens_out if spent else 0,
            cost_usd=spent.cost_usd if spent else 0.0,
        )

    def leave(self, waiting: Waiting) -> None:
        """The ticket was decided without an answer, and waits no longer."""
        self._leave([waiting])

    def _leave(self, decided: Sequence[Waiting]) -> None:
        """Where nobody else wants what these tickets asked for, it need not be called."""
        for ask in dict.fromkeys(ask for waiting in decided for ask in waiting.asks):
            if not ask.wanted and self.withdraw(ask):
                self.dropped(ask)
        for waiting in decided:
            _let_go(waiting)

    def dropped(self, ask: Ask) -> None:
        """This text is not called (again): nobody waits for it, or the process stops."""
        if ask.renews is not None:
            self._refreshed("failed")
        self.flights.land(ask)
        self._write_off(self.models[ask.lane], ask.spent)
        for waiting in ask.waiters:
            if not waiting.live:
                _let_go(waiting)

    def _refreshed(self, result: str) -> None:
        self.tally.add(measures.CACHE_REFRESHES, result)

    def _write_off(self, model: str, spent: Spent) -> None:
        """Tokens that no event carries are counted as overhead, so that the sum stays right."""
        self.tally.add(measures.OVERHEAD_TOKENS, model, "in", n=spent.tokens_in)
        self.tally.add(measures.OVERHEAD_TOKENS, model, "out", n=spent.tokens_out)


def _let_go(waiting: Waiting) -> None:
    """It waits for nothing any more; nor does its record for it, where its partition was taken away."""
    waiting.asks = []
    if not waiting.delivery.partition.open:
        waiting.delivery.let_go()
