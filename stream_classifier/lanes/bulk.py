"""The bulk lane: texts gather until a batch is due and a call can be made for it.

A batch is formed as late as possible, when a slot is free and the gate is open: while calls are slow
or the provider is away, batches fill up instead of queueing half empty. A text that speaks to the model
is asked alone: no other ticket may stand where its orders are read. Where tenants are isolated, a batch
holds one tenant's texts only. What room a batch has left is given to answers that are to be renewed
(`core/refresh.py`).
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from stream_classifier.core import measures
from stream_classifier.core.batch import ClosedBy
from stream_classifier.core.gatherings import Gatherings
from stream_classifier.core.journey import Ask
from stream_classifier.core.orders import gives_orders
from stream_classifier.core.refresh import Refreshes
from stream_classifier.lanes.answering import Answering
from stream_classifier.lanes.batch import Batch
from stream_classifier.lanes.gate import Stopped


@dataclass(slots=True, kw_only=True)
class BulkLane:
    """Gathers asks and hands batches to `answering`. `now` is the loop's clock, `clock` gives unix
    seconds."""

    answering: Answering
    gathering: Gatherings[Ask]
    now: Callable[[], float]
    isolate_tenants: bool = False
    refreshes: Refreshes = field(default_factory=Refreshes)
    clock: Callable[[], float] = time.time
    taken: int = 0  # texts that have left the line
    _alone: dict[Ask, None] = field(default_factory=dict)  # texts that get a call each, in order
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answering.ask_again = self._ask_again

    def offer(self, ask: Ask) -> None:
        """A new text to ask."""
        self._queue(ask, first=False)

    def withdraw(self, ask: Ask) -> bool:
        """The text was answered elsewhere. False where it is past gathering."""
        if ask.alone:
            waited = ask in self._alone
            self._alone.pop(ask, None)
            return waited
        return self.gathering.discard(ask)

    def next_read_at(self) -> float | None:
        """When the ticket that is next in line was read, by the loop's clock; None where none waits."""
        first = [*islice(self._alone, 1), *self.gathering.upcoming(self.now())[:1]]
        return min((ask.waiters[0].delivery.read_at for ask in first), default=None)

    def stop(self) -> None:
        """Call for nothing new; what is called goes on, and what waits is left to others."""
        self.answering.gate.stop()
        for ask in [*self._alone, *self.gathering]:
            self.withdraw(ask)
            self.answering.sink.dropped(ask)
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
                await self.answering.admit(batch, self.answering.caller.size(self._upcoming()))
                batch.asks = self._take()  # not before: while there was no slot, more texts have come
            if self.refreshes:
                self._fill_up(batch)
        except BaseException:
            self.answering.release(batch)
            raise
        return batch

    async def _due(self) -> None:
        """Wait until a batch is due. Raises `Stopped`."""
        while not self._alone and self.gathering.ready(self.now()) is None:
            self.answering.gate.unless_stopping()
            self._more.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self.gathering.due_at()):
                    await self._more.wait()

    def _upcoming(self) -> list[Ask]:
        """The texts that the next batch would have. They are looked at here and not when they come, so
        that a burst is read without it."""
        batch = self.gathering.upcoming(self.now())
        while speaking := [ask for ask in batch if _speaks_to_the_model(ask)]:
            for ask in speaking:
                self.gathering.discard(ask)
                self._alone[ask] = None
            batch = self.gathering.upcoming(self.now())
        return [next(iter(self._alone))] if self._alone else list(self.answering.caller.fitting(batch))

    def _take(self) -> list[Ask]:
        """The texts of a batch that is due, without those that nobody waits for any more; empty where none
        is due (they were answered elsewhere meanwhile)."""
        taken = self._upcoming()
        closed_by = ClosedBy.ALONE if self._alone else self.gathering.ready(self.now())
        if closed_by is None:
            return []
        self.taken += len(taken)
        for ask in taken:
            self.withdraw(ask)
        wanted = [ask for ask in taken if ask.wanted]
        for ask in taken:
            if ask not in wanted:
                self.answering.sink.dropped(ask)
        if wanted:
            self.answering.caller.tally.add(measures.BATCHES, closed_by)
        return wanted

    def _fill_up(self, batch: Batch) -> None:
        """Let texts that are to be asked again go along. A batch with room leaves none of its tenants' texts
        behind, so nobody waits for what the larger call takes of the limits."""
        if any(ask.alone for ask in batch.asks):
            return
        policy, tenant = self.gathering.policy, batch.asks[0].tenant

        def fits(ask: Ask) -> bool:
            return not (self.isolate_tenants and ask.tenant != tenant) and not _speaks_to_the_model(ask)

        tickets = policy.max_tickets - len(batch.asks)
        tokens = policy.max_tokens - sum(ask.tokens for ask in batch.asks)
        guests = self.refreshes.upcoming(tickets, tokens, self.clock(), fits)
        if guests and self._allowed(batch, guests):
            batch.guests = guests
            self.refreshes.discard(guests)

    def _allowed(self, batch: Batch, guests: list[Ask]) -> bool:
        """Let the batch's permit be for the larger call, if that may go out at this moment, too."""
        caller, permit, together = self.answering.caller, batch.permit, [*batch.asks, *guests]
        if permit is None or permit.model != self.answering.models[0]:  # a fallback's answers renew nothing
            return False
        return len(caller.fitting(together)) == len(together) and permit.enlarge(caller.size(together))

    def _ask_again(self, ask: Ask) -> None:
        """A text that a reply left out is asked once more, before those that came later."""
        if self.answering.gate.stopping:
            self.answering.sink.dropped(ask)
        else:
            self._queue(ask, first=True)

    def _queue(self, ask: Ask, *, first: bool) -> None:
        if ask.alone:
            self._alone[ask] = None
        else:
            group = ask.tenant if self.isolate_tenants else None
            self.gathering.add(ask, ask.tokens, ask.asked_at, first=first, group=group)
        self._more.set()


def _speaks_to_the_model(ask: Ask) -> bool:
    if ask.alone is None:
        ask.alone = gives_orders(ask.text)
    return ask.alone
