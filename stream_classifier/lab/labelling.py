"""Labels the rows of a backlog: rows in, what became of each out, in their order and in bounded memory.

Rules
-----
* A row's place is the line on which it begins, which is its offset in its events, too.
* Rows are read only as fast as they are handed out: what is read and not yet written has a bound, by count
  and by bytes, whatever the reason for which the first of them is late.
* A source that breaks off is told when everything before the break is labelled and written.
* To be told to stop is to read no more, to begin no call, and to wait for the calls that are paid for.
"""

import asyncio
from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple, Protocol

import orjson

from stream_classifier.core.backpressure import Backpressure
from stream_classifier.core.faults import OperatorFault, first_fault
from stream_classifier.core.in_order import InOrder
from stream_classifier.core.tally import Tally
from stream_classifier.lab.rows import BadRow, Row
from stream_classifier.service.offline import Offline, Overseer, Rejection, Settled, open_offline
from stream_classifier.settings import Settings

ROWS_AHEAD = 10_000  # keeps batches full behind a call that is asked again for a minute, in some 100 MiB
BATCHES_AHEAD = 4  # and where more calls go side by side than that serves, so many batches for each
ROW_OVERHEAD_BYTES = 4096  # about what a row in work takes beside its bytes: objects, keys, its event
ROWS_AT_A_TIME = 200  # between two looks at anything else: some milliseconds of work
FINGERPRINT_BYTES = 16
UNREADABLE = "unreadable"  # a rejection's reason where the file is at fault, and not a ticket in it


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRow:
    """A row as it was read. `value` is its JSON, None where it could not be read; equal rows on the same line
    have equal fingerprints."""

    line: int
    value: bytes | None
    fingerprint: bytes
    columns: tuple[str, ...] | None = None  # the file's, where it is CSV
    rejection: Rejection | None = None


class Labelled(NamedTuple):
    """A row and what became of it."""

    row: ReadRow
    settled: Settled


class Sink(Protocol):
    """Where rows go that are done."""

    def recall(self, row: ReadRow) -> Settled | None:
        """What an earlier run had found for it; None where it is to be asked."""

    def settled(self, labelled: Labelled) -> None:
        """A row is done, in whatever order; not told of those that were recalled."""

    async def write(self, ready: Sequence[Labelled]) -> None:
        """The next run of rows, in the order of the input; perhaps none. Raises `OperatorFault` where they
        cannot be written."""


def read_row(row: Row) -> ReadRow:
    """The row's value and fingerprint."""
    if isinstance(row, BadRow):
        return ReadRow(
            line=row.line,
            value=None,
            fingerprint=_fingerprint(row.line, row.sentence.encode()),
            rejection=Rejection(reason=UNREADABLE, sentence=row.sentence),
        )
    value = orjson.dumps(row.ticket)
    fingerprint = _fingerprint(row.line, value)
    return ReadRow(line=row.line, value=value, fingerprint=fingerprint, columns=row.columns)


def _fingerprint(line: int, value: bytes) -> bytes:
    return blake2b(b"%d " % line + value, digest_size=FINGERPRINT_BYTES).digest()


async def label(
    rows: AsyncIterable[ReadRow],
    sink: Sink,
    *,
    name: str,
    settings: Settings,
    environ: Mapping[str, str],
    tally: Tally,
    stopping: asyncio.Event,
    overseer: Overseer | None = None,
) -> None:
    """Label these rows by these settings until there are no more, or until `stopping`. `name` stands for the
    topic in events. Raises `OperatorFault`."""
    labelling = Labelling(sink=sink, bounds=bounds(settings), calls_wait_s=settings.shutdown_s)
    try:
        async with open_offline(
            settings, environ, tally, name, labelling.settle, overseer=overseer
        ) as offline:
            await labelling.run(rows, offline, stopping)
    except* OperatorFault as faults:
        raise first_fault(faults) from None


def bounds(settings: Settings) -> Backpressure:
    """What may be read and not yet written."""
    at_once = settings.llm.concurrency * settings.batch.max_tickets
    return Backpressure(
        max_tickets=max(ROWS_AHEAD, BATCHES_AHEAD * at_once), max_bytes=settings.kafka.max_in_flight_bytes
    )


@dataclass(slots=True, kw_only=True)
class Labelling:
    """One run over some rows. `calls_wait_s` is for calls under way when it is stopped."""

    sink: Sink
    bounds: Backpressure
    calls_wait_s: float
    _line: InOrder[int, ReadRow, Settled] = field(default_factory=InOrder)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _stopped: bool = False
    _fault: OperatorFault | None = None

    def settle(self, settled: Settled) -> None:
        """The pipeline is done with a row."""
        row = self._line.finish(settled.offset, settled)
        if row is not None:
            self.sink.settled(Labelled(row, settled))
            self._news.set()

    async def run(self, rows: AsyncIterable[ReadRow], offline: Offline, stopping: asyncio.Event) -> None:
        """Until all rows are handed out, or until `stopping`."""
        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(self._read(rows, offline))
            reading.add_done_callback(lambda _: self._news.set())
            stop = tasks.create_task(self._stop(stopping, reading, offline))
            while not (self._stopped or (reading.done() and not len(self._line))):
                await self._news.wait()
                await self._hand_out()
            await self._hand_out()
            stop.cancel()
        if self._fault is not None:
            raise self._fault

    async def _hand_out(self) -> None:
        self._news.clear()
        await self.sink.write([Labelled(row, result) for row, result in self._line.hand_out()])
        if not self._full():
            self._room.set()

    async def _read(self, rows: AsyncIterable[ReadRow], offline: Offline) -> None:
        read = 0
        try:
            async for row in rows:
                self._enter(row, offline)
                read += 1
                if read % ROWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)
                while self._full():
                    self._room.clear()
                    await self._room.wait()
        except OperatorFault as fault:
            self._fault = fault

    def _full(self) -> bool:
        return self.bounds.update(len(self._line), self._line.size_bytes)

    def _enter(self, row: ReadRow, offline: Offline) -> None:
        self._line.enter(row.line, row, ROW_OVERHEAD_BYTES + len(row.value or b""))
        if row.value is None:
            self.settle(Settled(offset=row.line, rejection=row.rejection))
        elif (before := self.sink.recall(row)) is not None:
            self._line.finish(row.line, before)
            self._news.set()
        else:
            offline.take(row.line, row.value)

    async def _stop(self, stopping: asyncio.Event, reading: asyncio.Task[None], offline: Offline) -> None:
        await stopping.wait()
        reading.cancel()
        await asyncio.wait([reading])
        await offline.finish(self.calls_wait_s)
        self._stopped = True
        self._news.set()
