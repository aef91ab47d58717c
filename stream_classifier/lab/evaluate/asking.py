"""Asks one configuration's questions through the service's own lanes, and keeps what is paid for at once.

A call's cost and the answers that it brought are written in one transaction, before the loop can send another
call: so a kill takes an answer only together with the knowledge of its call's end.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.prices import Price, Prices
from stream_classifier.core.tally import Tally
from stream_classifier.lab.evaluate.grid import Configuration
from stream_classifier.lab.evaluate.questions import Question
from stream_classifier.lab.evaluate.spending import PaidProvider, Purse
from stream_classifier.lab.evaluate.store import Ended, PaidAnswer, Store
from stream_classifier.lab.labelling import Labelled, ReadRow, label
from stream_classifier.lanes.calls import Called, Provider
from stream_classifier.service.offline import Settled

NAME = "evaluate"  # stands for the topic in events, which nobody sees


class Place(NamedTuple):
    """Where in a call a text stood, from 0, among how many, and how long the call took."""

    position: int
    size: int
    latency_ms: float


NOWHERE = (None, None, None)


@dataclass(slots=True, kw_only=True)
class Asking:
    """One configuration's run; a `Sink` and an `Overseer`. `answered` is told of each question that is
    done."""

    configuration: Configuration
    questions: Sequence[Question]
    store: Store
    purse: Purse
    stopping: asyncio.Event
    answered: Callable[[Question, PaidAnswer], None]
    _places: dict[bytes, Place] = field(default_factory=dict)
    _ended: list[Ended] = field(default_factory=list)
    _answers: list[tuple[bytes, PaidAnswer]] = field(default_factory=list)
    _fault: OperatorFault | None = None

    async def run(self, environ: Mapping[str, str]) -> None:
        """Ask, until all are answered, the purse is empty, or `stopping`. Raises `OperatorFault`."""
        began = time.monotonic()
        try:
            await label(
                self._rows(),
                self,
                name=NAME,
                settings=self.configuration.settings,
                environ=environ,
                tally=Tally(),
                stopping=self.stopping,
                overseer=self,
            )
        finally:
            self._keep()
            self.store.add_time(self.configuration.digest, time.monotonic() - began)
        self._raise_fault()

    def provider(self, provider: Provider) -> PaidProvider:
        """The provider, paid from the purse."""
        prices = self.configuration.settings.llm.prices
        return PaidProvider(
            provider=provider,
            configuration=self.configuration.digest,
            prices=Prices({model: Price(**price.model_dump()) for model, price in prices.items()}),
            purse=self.purse,
            store=self.store,
            ended=self._call_ended,
            stopped=self.stopping.is_set,
        )

    def heard(self, called: Called) -> None:
        """Note where each text stood. Of several calls the last one counts: it is the one that decides."""
        size, latency_ms = len(called.asks), called.outcome.latency_s * 1000
        for position, ask in enumerate(called.asks):
            self._places[ask.key] = Place(position, size, latency_ms)

    def recall(self, row: ReadRow) -> None:
        """Only what is not known yet is asked."""

    def settled(self, labelled: Labelled) -> None:
        """A question is done: its answer is kept at the loop's next turn, with all that comes in this one."""
        question = self.questions[labelled.row.line]
        answer = _answer(labelled.settled, question, self._places.pop(question.ask_key, None))
        self._soon()
        self._answers.append((question.key, answer))
        self.answered(question, answer)

    async def write(self, ready: Sequence[Labelled]) -> None:
        """Raises `OperatorFault` where something could not be kept."""
        self._keep()
        self._raise_fault()

    async def _rows(self) -> AsyncIterator[ReadRow]:
        for number, question in enumerate(self.questions):
            yield ReadRow(line=number, value=question.rows[0].value, fingerprint=question.key)

    def _call_ended(self, ended: Ended) -> None:
        self._soon()
        self._ended.append(ended)

    def _soon(self) -> None:
        if not self._ended and not self._answers:
            asyncio.get_running_loop().call_soon(self._keep)

    def _keep(self) -> None:
        """Write what is not written yet. A fault is told by the next `write`, which is near."""
        ended, self._ended = self._ended, []
        answers, self._answers = self._answers, []
        if not ended and not answers:
            return
        try:
            self.store.keep(ended, answers)
        except OperatorFault as fault:
            self._fault = fault

    def _raise_fault(self) -> None:
        if self._fault is not None:
            raise self._fault


def _answer(settled: Settled, question: Question, place: Place | None) -> PaidAnswer:
    assert len(settled.events) == 1, "a row that is no ticket, or several, is not judged"
    event = orjson.loads(settled.events[0])
    position, size, latency_ms = place or NOWHERE
    return PaidAnswer(
        labels=tuple(event["labels"].values()),
        reason=event["reason"],
        lane=question.lane,
        model=event["model"],
        decided_by=event["decided_by"],
        tokens_in=event["tokens_in"],
        tokens_out=event["tokens_out"],
        cost_usd=event["cost_usd"],
        batch_id=event["batch_id"],
        batch_size=size,
        position=position,
        latency_ms=latency_ms,
    )
