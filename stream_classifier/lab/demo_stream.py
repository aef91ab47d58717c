"""When the demo's tickets come: steadily, and in bursts, as when a mail queue is let go."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from stream_classifier.lab.made_tickets import MadeRecord, made_tickets

BURSTS_AT = (0.35, 0.7)
"""Shares of the time."""

BURST_SHARE = 0.1
"""Of all tickets, those of one burst: at the demo's own size enough to keep the bulk lane busy for seconds,
while urgent tickets go on as if nothing were."""

ENDLESS = 10_000_000
"""Days at any rate that one process labels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """So many tickets in so many seconds, and again from the beginning for as long as there are more."""

    tickets: int
    seconds: float

    def due_s(self, index: int) -> float:
        """When the ticket with this index (from 0) comes, in seconds after the start."""
        rounds, place = divmod(index, self.tickets)
        return (rounds + _moment(place / self.tickets)) * self.seconds


def _moment(share: float) -> float:
    """The share of the time that has passed when this share of the tickets has come."""
    steady = 1 - BURST_SHARE * len(BURSTS_AT)
    for burst_at in BURSTS_AT:
        before = burst_at * steady
        if share > before:
            share = max(before, share - BURST_SHARE)
    return share / steady


def made_stream(rhythm: Rhythm, seed: int, *, endless: bool) -> AsyncIterator[MadeRecord]:
    """The made tickets of one round, or without end, each when it is due."""
    return on_time(made_tickets(ENDLESS if endless else rhythm.tickets, seed), rhythm)


async def on_time(records: Iterable[MadeRecord], rhythm: Rhythm) -> AsyncIterator[MadeRecord]:
    """The records, each when it is due; what a slow moment delays is caught up."""
    now = asyncio.get_running_loop().time
    start = now()
    for index, record in enumerate(records):
        wait_s = start + rhythm.due_s(index) - now()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        yield record
