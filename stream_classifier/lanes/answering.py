"""From the first call to an answer or a reason: how texts are carried through a provider's bad days.

One batch has one life here: it waits for the gate, is called, and what fell short gets the remedy that
`core/failure.py` names. A split begins several such lives side by side.

Rules
-----
* A call holds a slot; a wait holds none, so that nobody who may call stands behind somebody who may not.
* No text is given up for what may be the provider's fault: its attempts must be used up, and the constant
  record must pass after the last of them. An outage gives back the attempts that it took, when the text is
  called next.
* When the process stops, what waits is left to Kafka; what is called is waited for.
* However a life ends, its slot is free and none of its texts stays in flight.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import Answer, Reason
from stream_classifier.core.breaker import PROBE_FAILURES, SUCCESSES
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.core.charging import Size
from stream_classifier.core.doubts import Doubts
from stream_classifier.core.failure import TABLE, Case, Remedy, for_one, remedy
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.batch import Batch
from stream_classifier.lanes.calls import Called, Caller
from stream_classifier.lanes.gate import LIMIT_BACKOFF_S, Gate, Permit, Stopped, limited_s
from stream_classifier.lanes.prober import Prober
from stream_classifier.lanes.under_way import UnderWay

BACKOFF_MAX_S = 20.0  # the breaker opens long before; this bounds a single batch's patience


class Sink(Protocol):
    """Where answers go."""

    def answered(self, ask: Ask, answer: Answer, called: Called) -> None:
        """The model gave this answer for this very text."""

    def unanswerable(self, ask: Ask, reason: Reason, called: Called) -> None:
        """No answer is to be had for this text: a person must look."""

    def dropped(self, ask: Ask) -> None:
        """This text is not called (again): nobody waits for it, or the process stops."""


Action = Callable[[Batch, Called], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Answering:
    """One lane's way of asking. `models` in the order in which they are tried. `ask_again`, where given,
    takes back a text that may be asked once more together with others."""

    caller: Caller
    gate: Gate
    prober: Prober
    slots: asyncio.Semaphore
    sink: Sink
    models: Sequence[str]
    max_attempts: int
    backoff_s: float
    ask_again: Callable[[Ask], None] | None = None
    under_way: UnderWay = field(default_factory=UnderWay)
    _actions: Mapping[Remedy, Action] = field(init=False)

    def __post_init__(self) -> None:
        self._actions = {
            Remedy.AGAIN: self._again,
            Remedy.WAIT: self._wait,
            Remedy.RUNG: self._rung,
            Remedy.FALLBACK: self._fall_back,
            Remedy.PROBE: self._probe,
            Remedy.OUTAGE: self._outage,
            Remedy.SPLIT: self._split,
            Remedy.ALONE: self._alone,
            Remedy.KEEP: self._ask_again,
            Remedy.TRUNCATE: self._truncate,
            Remedy.REVIEW: self._give_up,
        }

    def start(self, batch: Batch, group: asyncio.TaskGroup) -> None:
        """Begin a batch's life as a task of `group`: ask until each text is answered, given up, or wanted
        by nobody, or the process stops."""
        batch.life = group.create_task(self._run(batch))
        # A task that is cancelled before its first step runs none of its code: so the end is a callback.
        batch.life.add_done_callback(lambda _: self._let_go(batch))

    async def admit(self, batch: Batch, size: Size) -> Permit:
        """Wait for the gate, then for a slot. The batch holds both, and the permit to call, from now on
        until `release`. Raises `Stopped`."""
        # The models that were tried in vain come last: they are better than one whose breaker is open.
        models = [*self.models[batch.fallbacks :], *self.models[: batch.fallbacks]]
        lane = self.caller.lane
        batch.waits = True
        while True:
            await self.gate.passed(lane, models, size)
            await self.slots.acquire()
            batch.holds_slot = True
            batch.permit = self.gate.admit(lane, models, size)
            if batch.permit is not None:
                batch.waits = False
                return batch.permit
            self.release(batch)

    def release(self, batch: Batch) -> None:
        """Give back the batch's slot and permit, if it holds any."""
        if batch.permit is not None:
            batch.permit.give_back()
            batch.permit = None
        if batch.holds_slot:
            batch.holds_slot = False
            self.slots.release()

    async def _run(self, batch: Batch) -> None:
        with suppress(Stopped):
            while batch.asks:
                called = await self._call(batch)
                if called is not None:
                    await self._remedy(batch, called)

    def _let_go(self, batch: Batch) -> None:
        self.release(batch)
        for ask in [*batch.asks, *batch.guests]:
            self.sink.dropped(ask)
        batch.asks, batch.guests = [], []

    async def _call(self, batch: Batch) -> Called | None:
        try:
            permit = batch.permit or await self.admit(batch, self.caller.size(batch.asks))
            self._drop_unwanted(batch)
            if not batch.asks:
                return None
            self._give_back(batch)
            permit.sent = True
            asks = [*batch.asks, *batch.guests]
            with self.under_way.call(len(asks)):
                called = await self.caller.ask(asks, permit.model, halved=batch.halved)
            permit.settle(called.outcome)
            return called
        finally:
            self.release(batch)

    def _drop_unwanted(self, batch: Batch) -> None:
        for ask in [ask for ask in batch.asks if not ask.wanted]:
            batch.asks.remove(ask)
            self.sink.dropped(ask)

    def _drop_guests(self, batch: Batch) -> None:
        """What went along and got no answer is not asked again."""
        for ask in [ask for ask in batch.asks if ask.renews is not None]:
            batch.asks.remove(ask)
            self.sink.dropped(ask)

    def _give_back(self, batch: Batch) -> None:
        """What an outage took from these texts since they were asked. One that only a number of failures
        showed, while the constant record passed, leaves the batch where it was on its way to that record:
        else many poison batches would open the breaker for one another for ever."""
        for model in batch.doubted:
            breaker = self.gate.breaker(model)
            suffered = [ask for ask in batch.asks if ask.doubts and ask.doubts.suffered(model, breaker)]
            if breaker.confirmed or not batch.poison:
                for ask in suffered:
                    ask.give_back(model)
            if breaker.confirmed and suffered:
                batch.begin_anew()

    async def _remedy(self, batch: Batch, called: Called) -> None:
        """Keep what is verified, then do what is to be done with the rest."""
        signal = called.outcome.signal
        batch.asks, batch.guests = list(called.asks), []
        self._count_attempt(called)
        self._keep(batch, called)
        self._drop_guests(batch)
        if not (batch.poison and TABLE[signal].poison):  # else it is the text's fault, not the provider's
            self.gate.heard(called.model, called.outcome)
        if not batch.asks:
            return
        chosen = remedy(self._case(batch, called))
        self.caller.tally.add(measures.REMEDIES, called.model, signal, chosen)
        batch.failures[signal] += 1
        await self._actions[chosen](batch, called)

    def _count_attempt(self, called: Called) -> None:
        signal, breaker = called.outcome.signal, self.gate.breaker(called.model)
        took = int(TABLE[signal].counts)
        for ask in called.asks:
            ask.attempts += took
            if signal in SUCCESSES:
                ask.doubts = None
            elif signal in PROBE_FAILURES:
                ask.doubts = ask.doubts or Doubts()
                flaws = int(signal is Signal.MALFORMED)
                ask.doubts.add(called.model, breaker, attempts=took, flaws=flaws)

    def _keep(self, batch: Batch, called: Called) -> None:
        """Hand on what is verified; what is flawed stays in the batch. What a cut left out is no flaw."""
        flaw = 0 if called.outcome.signal is Signal.LENGTH else 1
        for ask, verdict in zip(called.asks, called.verdicts, strict=False):
            if isinstance(verdict, Answer):
                batch.asks.remove(ask)
                self.sink.answered(ask, verdict, called)
            else:
                ask.flaws += flaw

    def _case(self, batch: Batch, called: Called, *, passed: bool = False) -> Case:
        signal = called.outcome.signal
        return Case(
            signal=signal,
            texts=len(batch.asks),
            failures=batch.failures[signal],
            poison=batch.poison,
            passed=passed,
            attempts_left=self.max_attempts - batch.attempts,
            ending=any(self._for_one(ask) is Remedy.REVIEW for ask in batch.asks),
            has_fallback=batch.fallbacks + 1 < len(self.models),
            paused=self.gate.breaker(called.model).open and not passed,
        )

    def _for_one(self, ask: Ask) -> Remedy:
        return for_one(ask.flaws, self.max_attempts - ask.attempts)

    async def _again(self, batch: Batch, called: Called) -> None:
        await self.gate.rest(self._backoff_s(self.backoff_s, batch.failures[called.outcome.signal]))

    async def _wait(self, batch: Batch, called: Called) -> None:
        self._pause(called.outcome, batch.failures[called.outcome.signal])

    async def _rung(self, _batch: Batch, _called: Called) -> None:
        """The client leaves out from now on what was refused: the same texts at once."""

    async def _fall_back(self, batch: Batch, _called: Called) -> None:
        batch.fallbacks += 1

    async def _outage(self, _batch: Batch, _called: Called) -> None:
        """The breaker is open: the gate holds the texts until it is closed."""

    async def _split(self, batch: Batch, _called: Called) -> None:
        await self._side_by_side(batch.parts(2))

    async def _alone(self, batch: Batch, _called: Called) -> None:
        await self._side_by_side(batch.parts(len(batch.asks)))

    async def _truncate(self, batch: Batch, _called: Called) -> None:
        batch.halved = True

    async def _ask_again(self, batch: Batch, called: Called) -> None:
        """Texts that the reply did not answer: once more with others, then alone, then a person."""
        flawed, batch.asks = batch.asks, []
        with_others = None if batch.halved else self.ask_again
        alone = []
        for ask in flawed:
            chosen = self._for_one(ask)
            if chosen is Remedy.REVIEW:
                self.sink.unanswerable(ask, called.reason_for(ask), called)
            elif chosen is Remedy.AGAIN and with_others is not None:
                with_others(ask)
            else:
                alone.append(Batch([ask], batch.fallbacks, halved=batch.halved))
        await self._side_by_side(alone)

    async def _side_by_side(self, parts: Sequence[Batch]) -> None:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                self.start(part, group)

    async def _probe(self, batch: Batch, called: Called) -> None:
        """Does the model answer a text that cannot be the cause? Then the cause is in the batch."""
        if not await self.prober.passes(called.model, self.caller.lane):
            batch.forgive()
            return
        for ask in batch.asks:
            ask.doubts = None
        batch.poison |= TABLE[called.outcome.signal].poison
        await self._actions[remedy(self._case(batch, called, passed=True))](batch, called)

    async def _give_up(self, batch: Batch, called: Called) -> None:
        reason = TABLE[called.outcome.signal].reason
        given_up, batch.asks = batch.asks, []
        for ask in given_up:
            self.sink.unanswerable(ask, reason, called)

    def _pause(self, outcome: Outcome, failures: int) -> None:
        wait_s = limited_s(outcome.rate) or self._backoff_s(LIMIT_BACKOFF_S, failures)
        self.gate.pause(self.caller.lane, wait_s)

    def _backoff_s(self, first_s: float, failures: int) -> float:
        """Doubled each time, and spread, so that what failed together does not return together."""
        longest_s = min(first_s * 2.0 ** (failures - 1), BACKOFF_MAX_S)
        return longest_s * self.caller.rng.uniform(0.5, 1.0)
