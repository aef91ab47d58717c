"""The bulk lane: texts gather until a batch is due and a call can be made for it.

A batch is formed as late as possible, when a slot is free and the gate is open: while calls are slow
or the provider is away, batches fill up instead of queueing half empty.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.batch import Gathering
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.answering import Answering
from stream_classifier.lanes.batch import Batch
from stream_classifier.lanes.gate import Stopped


@dataclass(slots=True, kw_only=True)
class BulkLane:
    """Gathers asks and hands batches to `answering`. `now` is the loop's clock."""

    answering: Answering
    gathering: Gathering[Ask]
    now: Callable[[], float]
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answering.ask_again = self._ask_again

    def offer(self, ask: Ask) -> None:
        """A new text to ask."""
        self.gathering.add(ask, ask.tokens, ask.asked_at)
        self._more.set()

    def withdraw(self, ask: Ask) -> bool:
        """The text was answered elsewhere. False where it is past gathering."""
        return self.gathering.discard(ask)

    def stop(self) -> None:
        """Call for nothing new; what is called goes on."""
        self.answering.gate.stop()
        self._more.set()

    async def run(self) -> None:
        """Form batches and ask them, until the gate is stopped and the last call has ended."""
        async with asyncio.TaskGroup() as calls:
            with suppress(Stopped):
                while True:
                    self.answering.start(await self._next(), calls)

    async def _next(self) -> Batch:
        """A batch that is due, with a slot to call it. Raises `Stopped`."""
        batch = Batch([])
        try:
            while not batch.asks:
                self.answering.release(batch)
                await self._due()
                await self.answering.admitted(batch)
                batch.asks = self._take()  # not before: while there was no slot, more texts have come
        except BaseException:
            self.answering.release(batch)
            raise
        return batch

    async def _due(self) -> None:
        """Wait until a batch is due. Raises `Stopped`."""
        while self.gathering.ready(self.now()) is None:
            self.answering.gate.unless_stopping()
            self._more.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self.gathering.due_at()):
                    await self._more.wait()

    def _take(self) -> list[Ask]:
        """The texts of a batch that is due, without those that nobody waits for any more; empty where none
        is due (they were answered elsewhere meanwhile)."""
        closed_by = self.gathering.ready(self.now())
        if closed_by is None:
            return []
        wanted = []
        for ask in self.gathering.take():
            if ask.wanted:
                wanted.append(ask)
            else:
                self.answering.sink.dropped(ask)
        if wanted:
            self.answering.caller.tally.add(measures.BATCHES, closed_by)
        return wanted

    def _ask_again(self, ask: Ask) -> None:
        """A text that a reply left out is asked with others once more, before those that came later."""
        self.gathering.add(ask, ask.tokens, ask.asked_at, first=True)
        self._more.set()
