"""The constant record: when it is asked, and what its answer decides.

Rules
-----
* A new model is introduced before tickets are risked on it: the record is asked until the endpoint refuses
  nothing of the request any more. That costs a call for each thing that it refuses and one more. A lane's
  first model is introduced when the lanes begin to run, a fallback model when it is first needed.
* A model whose breaker is open is probed with it, when the breaker says so.
* A batch that keeps failing asks with it whose fault that is. A probe that began after the batch asked
  serves all that ask the same of the model; while its breaker is open, the breaker's own next probe does.
* No model is asked it twice at a time, and none waits for another's.
* It is asked at once, whatever bulk or a budget has used up, and goes into debt with the model's limits: it
  is one short call, and everything may wait for it.
* It passes where the model answers in form, or looked at it and would not say (`SUCCESSES`). A reply in no
  form fails it like an error does, since no text of a ticket's can have brought it about.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.lanes.calls import Caller
from stream_classifier.lanes.gate import LIMIT_BACKOFF_S, Gate, Stopped, limited_s

log = structlog.get_logger(__name__)

TASK = "constant record of"  # the name of a model's task begins so


class Verdict(NamedTuple):
    """What a model's `number`th asking of the record showed."""

    number: int
    passed: bool


@dataclass(slots=True, kw_only=True)
class Prober:
    """Asks the constant record through the lanes' `callers`; `models` are those that each lane may call."""

    gate: Gate
    callers: Mapping[Lane, Caller]
    models: Mapping[Lane, Sequence[str]]
    _begun: Counter[str] = field(default_factory=Counter)
    _verdicts: dict[str, Verdict] = field(default_factory=dict)
    _turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    _cared_for: set[str] = field(default_factory=set)

    async def run(self) -> None:
        """Introduce models, and probe those whose breaker is open, until the gate is stopped."""
        for models in self.models.values():
            self.gate.breaker(models[0])
        async with asyncio.TaskGroup() as tasks:
            while not self.gate.stopping:
                for model in self.gate.not_taking_calls() - self._cared_for:
                    self._cared_for.add(model)
                    tasks.create_task(self._care_for(model), name=f"{TASK} {model}")
                await self.gate.change(None)

    async def passes(self, model: str, lane: Lane) -> bool:
        """Whether the record passes, asked from now on; where a limit leaves that open it does not. Raises
        `Stopped`."""
        asked = self._begun[model]

        def unknown() -> bool:
            self.gate.unless_stopping()
            return asked >= self._verdict(model).number

        while unknown():
            if self.gate.breaker(model).open:
                await self.gate.change(None)
            else:
                await self._ask(model, lane, lambda: unknown() and not self.gate.breaker(model).open)
        return self._verdict(model).passed

    async def _care_for(self, model: str) -> None:
        breaker = self.gate.breaker(model)
        try:
            while not breaker.takes_calls and not self.gate.stopping:
                if (wait_s := breaker.probe_at - self.gate.now()) > 0:
                    await self.gate.change(wait_s)
                else:
                    await self._ask(model, self._lane(model), lambda: not breaker.takes_calls)
        except Stopped:
            return  # whoever makes the calls makes none any more
        finally:
            self._cared_for.discard(model)

    def _lane(self, model: str) -> Lane:
        """Whose caller is used. A new model has no more time than urgent tickets have; where that is not
        enough for it, the breaker's probes show whether it can be used at all."""
        first = self.gate.breaker(model).untried and model in self.models[Lane.URGENT]
        return Lane.URGENT if first else Lane.BULK

    def _verdict(self, model: str) -> Verdict:
        return self._verdicts.get(model, Verdict(0, passed=False))

    async def _ask(self, model: str, lane: Lane, wanted: Callable[[], bool]) -> None:
        """Ask the record, if that is still wanted when the model is free for it."""
        async with self._turns[model]:
            if not wanted():
                return
            self._begun[model] += 1
            number, introduced = self._begun[model], self.gate.breaker(model).introduced
            calls, outcome = await self._settled(model, self.callers[lane])
            if outcome.signal is Signal.RATE_LIMITED:
                self.gate.pause(lane, limited_s(outcome.rate) or LIMIT_BACKOFF_S)
            self._verdicts[model] = Verdict(number, passed=self.gate.judge_probe(model, outcome))
            if not introduced and self.gate.breaker(model).introduced:
                log.info("model_introduced", model=model, calls=calls)
            self.gate.wake()

    async def _settled(self, model: str, caller: Caller) -> tuple[int, Outcome]:
        """The first outcome that is no refusal of the request's form, and the calls that it took. There are
        only so many things to refuse (`core/ladder.py`)."""
        calls = 0
        while True:
            calls += 1
            outcome = await self._once(model, caller)
            if outcome.signal is not Signal.FORMAT_REFUSED or self.gate.stopping:
                return calls, outcome

    async def _once(self, model: str, caller: Caller) -> Outcome:
        permit = self.gate.permit_probe(model, caller.probe_size())
        try:
            outcome = await caller.probe(model)
            permit.settle(outcome)
            return outcome
        finally:
            permit.give_back()
