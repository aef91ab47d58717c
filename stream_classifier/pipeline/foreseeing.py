"""A poll's texts are looked up in the cache's backend before its records are taken in.

What the backend knows is in memory then, and its tickets leave at once. `core/foresight.py` says when
that pays.

Rules
-----
* Nothing is decided here. What cannot be read, or holds nothing to classify, is left to `arrivals`, where
  its fate is decided once.
* Whatever fails or is late costs its time and nothing else: those tickets are looked up as ever.
* What the backend does not know is not looked up again. Where replicas share what they know it is all the
  same, because that look-up leases the text.
* The texts are prepared in slices, between which all else has its turn. The look-up is one for all of them,
  made while the loop rests or does something else: the backend's thread gets the interpreter from a loop at
  work only after a while, and each look-up asks for it anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from stream_classifier.core.journey import Partition
from stream_classifier.core.known import Known
from stream_classifier.core.ticket import NotATicket, PassedOver, Ticket
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.subjects import Record

SLICE_RECORDS = 100
"""Prepared in 3 ms where each is new: what an urgent ticket's other steps may wait for it."""
MAX_KEYS = 500
"""Of one look-up: a poll's. Where records are arrays there may be more, and those are looked up as ever."""


@dataclass(slots=True, kw_only=True)
class Foreseeing:
    """Looks up what `arrivals` is about to take. `fetch` asks the backend for some keys: what it found is in
    memory, too; None where it does not answer in time. `leased`: what is absent must be claimed."""

    arrivals: Arrivals
    fetch: Callable[[Sequence[bytes]], Awaitable[Mapping[bytes, Known] | None]]
    leased: bool

    async def look(self, polled: Mapping[Partition, Sequence[Record]]) -> None:
        """Look up the texts of a poll, where that pays."""
        self._forget()
        if not self.arrivals.foresight.pays(sum(map(len, polled.values()))):
            return
        unknown: dict[bytes, None] = {}  # each once, in the order in which they come
        for partition, records in polled.items():
            read = self.arrivals.foreseen.tickets[partition] = {}
            for first in range(0, len(records), SLICE_RECORDS):
                self._read(records[first : first + SLICE_RECORDS], read, unknown)
                await asyncio.sleep(0)
        if unknown:
            await self._look_up(list(unknown)[:MAX_KEYS])

    def taken_in(self, records: int) -> None:
        """A poll of so many records was taken in, or thrown away."""
        self.arrivals.foresight.end_of_poll(records)
        self._forget()

    def _forget(self) -> None:
        if self.arrivals.foreseen.tickets:
            self.arrivals.foreseen.forget()
            self.arrivals.departures.telling.fetched = 0

    def _read(
        self, records: Sequence[Record], read: dict[int, Sequence[Ticket]], unknown: dict[bytes, None]
    ) -> None:
        peek = self.arrivals.knowledge.peek
        for record in records:
            if record.value is not None:
                try:
                    tickets = self.arrivals.reader.read(record.value, record.headers)
                except (NotATicket, PassedOver):
                    continue
                read[record.offset] = tickets
                for ticket in tickets:
                    for key in self._keys(ticket):
                        if peek(key) is None:
                            unknown[key] = None

    def _keys(self, ticket: Ticket) -> Sequence[bytes]:
        """Those whose answer serves; a fallback's, which seldom do, are looked up in their time."""
        prepared, triage = self.arrivals.preparer(ticket), self.arrivals.triage
        if not prepared.tokens:
            return ()
        bulk, urgent = prepared.bulk_key, prepared.urgent_key
        if bulk == urgent or triage.rule(ticket, prepared.keyword) is None:
            return (bulk,)
        return (bulk, urgent)

    async def _look_up(self, keys: Sequence[bytes]) -> None:
        found = await self.fetch(keys)
        if found is None:
            self.arrivals.foresight.looked_up(absent=len(keys))
            return
        self.arrivals.foresight.looked_up(found=len(found), absent=len(keys) - len(found))
        self.arrivals.departures.telling.fetched += len(found)
        if not self.leased:
            self.arrivals.foreseen.absent.update(key for key in keys if key not in found)
