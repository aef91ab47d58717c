"""From the first call to an answer or a reason: how texts are carried through a provider's bad days.

One batch has one life here: it waits for the gate, is called, and what fell short gets the remedy that
`core/failure.py` names. A split begins several such lives side by side. A call holds a slot; a wait
holds none. When the process stops, what waits is left to Kafka; what is called is waited for.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core import measures
from stream_classifier.core.answer import Answer, Reason
from stream_classifier.core.failure import TABLE, Case, Remedy, remedy
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.calls import Called, Caller
from stream_classifier.lanes.gate import Gate, Stopped

FLAWS_MAX = 3  # asked with others, once more with others, then alone; then a person must look
BACKOFF_MAX_S = 20.0  # the breaker opens long before; this bounds a single batch's patience
RATE_WAIT_S = 1.0  # where a 429 does not say how long


class Sink(Protocol):
    """Where answers go."""

    def answered(self, ask: Ask, answer: Answer, called: Called) -> None:
        """The model gave this answer for this very text."""

    def unanswerable(self, ask: Ask, reason: Reason, called: Called) -> None:
        """No answer is to be had for this text: a person must look."""

    def dropped(self, ask: Ask) -> None:
        """Nobody waits for this text any more: it is not called again."""


@dataclass(slots=True, eq=False)
class Batch:
    """Texts that are asked together, of the first of `models` whose breaker is closed. `failures` are
    counted in a row, `taken` are the attempts that those took."""

    asks: list[Ask]
    models: Sequence[str]
    failures: int = 0
    taken: int = 0
    poison: bool = False

    def forgive(self) -> None:
        """It was an outage: the failures said nothing about these texts."""
        for ask in self.asks:
            ask.attempts -= self.taken
        self.failures = self.taken = 0

    def parts(self, sizes: int) -> "list[Batch]":
        """As many batches, about equally heavy in tokens."""
        parts = [Batch([], self.models, poison=self.poison) for _ in range(sizes)]
        for ask in sorted(self.asks, key=lambda a: a.tokens, reverse=True):
            min(parts, key=lambda p: sum(a.tokens for a in p.asks)).asks.append(ask)
        self.asks = []
        return parts


Action = Callable[[Batch, Called], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Answering:
    """One lane's way of asking. `ask_again`, where given, takes back a text that may be asked once more
    together with others."""

    caller: Caller
    gate: Gate
    slots: asyncio.Semaphore
    sink: Sink
    models: Sequence[str]
    max_attempts: int
    backoff_s: float
    ask_again: Callable[[Ask], None] | None = None
    _probing: asyncio.Lock = field(default_factory=asyncio.Lock)
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

    async def run(self, batch: Batch, *, holds_slot: bool = False) -> None:
        """Ask until each text is answered, given up, or wanted by nobody, or the process stops.

        `holds_slot`: the caller has acquired a slot for the first call; it is released here.
        """
        try:
            while batch.asks:
                called = await self._call(batch, holds_slot=holds_slot)
                holds_slot = False
                if called is not None:
                    await self._remedy(batch, called)
        except Stopped:
            return

    async def _call(self, batch: Batch, *, holds_slot: bool) -> Called | None:
        lane = self.caller.lane
        if not holds_slot:
            await self.gate.passed(lane, batch.models)
            await self.slots.acquire()
        try:
            model = await self.gate.passed(lane, batch.models)
            self._drop_unwanted(batch)
            return await self.caller.ask(batch.asks, model) if batch.asks else None
        finally:
            self.slots.release()

    def _drop_unwanted(self, batch: Batch) -> None:
        for ask in [ask for ask in batch.asks if not ask.wanted]:
            batch.asks.remove(ask)
            self.sink.dropped(ask)

    async def _remedy(self, batch: Batch, called: Called) -> None:
        """Keep what is verified, then do what the table says with the rest."""
        self._count_attempt(batch, called)
        self._keep(batch, called)
        self._tell_gate(called)
        if not batch.asks:
            return
        chosen = self._choose(batch, called)
        self.caller.tally.add(measures.REMEDIES, called.outcome.signal, chosen)
        batch.failures += 1
        await self._actions[chosen](batch, called)

    def _count_attempt(self, batch: Batch, called: Called) -> None:
        if TABLE[called.outcome.signal].counts:
            batch.taken += 1
            for ask in called.asks:
                ask.attempts += 1

    def _keep(self, batch: Batch, called: Called) -> None:
        """Hand on what is verified; what is flawed stays in the batch."""
        for ask, verdict in zip(called.asks, called.verdicts, strict=False):
            if isinstance(verdict, Answer):
                batch.asks.remove(ask)
                self.sink.answered(ask, verdict, called)
            else:
                ask.flaws += 1

    def _tell_gate(self, called: Called) -> None:
        if called.outcome.status == 200:
            self.gate.succeeded(called.model)
        else:
            self.gate.failed(called.model, called.outcome)

    def _choose(self, batch: Batch, called: Called) -> Remedy:
        if self.gate.breaker(called.model).open:
            return Remedy.OUTAGE
        case = Case(
            signal=called.outcome.signal,
            texts=len(batch.asks),
            failures=batch.failures,
            poison=batch.poison,
            attempts_left=min(self._left(ask) for ask in batch.asks),
            has_fallback=len(batch.models) > 1,
        )
        return remedy(case)

    async def _again(self, batch: Batch, _called: Called) -> None:
        await self.gate.rest(self._backoff_s(batch.failures))

    async def _wait(self, _batch: Batch, called: Called) -> None:
        wait_s = called.outcome.rate.retry_after_s
        self.gate.pause(self.caller.lane, RATE_WAIT_S if wait_s is None else wait_s)

    async def _rung(self, _batch: Batch, _called: Called) -> None:
        """The client leaves out from now on what was refused: the same texts at once."""

    async def _fall_back(self, batch: Batch, _called: Called) -> None:
        batch.models = batch.models[1:]

    async def _outage(self, batch: Batch, called: Called) -> None:
        self.gate.failed(called.model, called.outcome, outage=True)
        batch.forgive()

    async def _split(self, batch: Batch, _called: Called) -> None:
        await self._side_by_side(batch.parts(2))

    async def _alone(self, batch: Batch, _called: Called) -> None:
        await self._side_by_side(batch.parts(len(batch.asks)))

    async def _truncate(self, batch: Batch, _called: Called) -> None:
        _halve(batch.asks[0])

    async def _ask_again(self, batch: Batch, called: Called) -> None:
        """Texts that the reply did not answer: once more with others, then alone, then a person."""
        flawed, batch.asks = batch.asks, []
        batch.failures = batch.taken = 0
        alone = []
        for ask in flawed:
            if ask.flaws >= FLAWS_MAX or self._left(ask) <= 0:
                self.sink.unanswerable(ask, called.reason_for(ask), called)
            elif ask.flaws == 1 and self._left(ask) > 1 and self.ask_again is not None:
                self.ask_again(ask)
            else:
                alone.append(Batch([ask], batch.models))
        await self._side_by_side(alone)

    async def _side_by_side(self, parts: Sequence[Batch]) -> None:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(self.run(part))

    async def _probe(self, batch: Batch, called: Called) -> None:
        """Does the model answer a text that cannot be the cause? Then the cause is in the batch."""
        async with self._probing:
            if not self.gate.breaker(called.model).open:
                outcome = await self.caller.probe(called.model)
                batch.poison = self.gate.judge_probe(called.model, outcome)
        if not batch.poison:
            batch.forgive()

    async def _give_up(self, batch: Batch, called: Called) -> None:
        reason = TABLE[called.outcome.signal].reason
        for ask in batch.asks:
            self.sink.unanswerable(ask, reason, called)
        batch.asks = []

    def _left(self, ask: Ask) -> int:
        return self.max_attempts - ask.attempts

    def _backoff_s(self, failures: int) -> float:
        """Doubled each time, and spread, so that what failed together does not return together."""
        longest_s = min(self.backoff_s * 2.0 ** (failures - 1), BACKOFF_MAX_S)
        return longest_s * self.caller.rng.uniform(0.5, 1.0)


def _halve(ask: Ask) -> None:
    """Keep the head and the tail of a text that the model's context cannot hold."""
    quarter = len(ask.text) // 4
    ask.text = f"{ask.text[:quarter]}\n…\n{ask.text[-quarter:]}"
    ask.tokens //= 2
    for waiting in ask.waiters:
        waiting.truncated = True
