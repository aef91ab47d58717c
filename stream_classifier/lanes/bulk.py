"""The bulk lane: texts gather until a batch is due and a call can be made for it.

A batch is formed as late as possible, when a slot is free and the gate is open: while calls are slow
or the provider is away, batches fill up instead of queueing half empty.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from stream_classifier.core import measures
from stream_classifier.core.batch import Gathering
from stream_classifier.core.journey import Ask
from stream_classifier.lanes.answering import Answering, Batch
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
            try:
                while True:
                    batch = await self._next()
                    calls.create_task(self.answering.run(batch, holds_slot=True))
            except Stopped:
                return

    async def _next(self) -> Batch:
        """The next batch, with a slot acquired for it. Raises `Stopped`."""
        answering = self.answering
        await answering.slots.acquire()
        try:
            while True:
                await answering.gate.passed(answering.caller.lane, answering.models)
                if asks := self._take():
                    return Batch(asks, answering.models)
                await self._fill()
        except BaseException:
            answering.slots.release()
            raise

    def _take(self) -> list[Ask]:
        """The texts of a batch that is due, those left out that nobody waits for any more."""
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

    async def _fill(self) -> None:
        """Wait for more texts, or for the oldest one's deadline."""
        if self.gathering.ready(self.now()) is not None:
            return
        self._more.clear()
        due_at = self.gathering.due_at()
        try:
            async with asyncio.timeout(None if due_at is None else max(due_at - self.now(), 0)):
                await self._more.wait()
        except TimeoutError:
            return

    def _ask_again(self, ask: Ask) -> None:
        """A text that a reply left out is asked with others once more, before those that came later."""
        self.gathering.add(ask, ask.tokens, ask.asked_at, first=True)
        self._more.set()
