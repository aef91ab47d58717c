"""What the tests of updates share: a store of notes that outlives a process, and a broker that takes time."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream_classifier.cache import CacheFault
from stream_classifier.cache.spend import DayAndLane, Spends
from stream_classifier.core.finished_map import Mark, encode
from stream_classifier.core.journey import OwnHeaders, Partition
from stream_classifier.core.known import Known
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.updates import Note
from tests.unit.lane_fakes import RecordingOutbox, Sent
from tests.unit.lane_world import World

SKIP: dict[str, Any] = {"ticket": {"on_update": "skip_unchanged"}, "batch": {"max_tickets": 1}}
LABEL: dict[str, Any] = {"ticket": {"on_update": "label"}, "batch": {"max_tickets": 1}}


@dataclass(slots=True)
class Notebook:
    """A `NoteStore` in memory. `away`: it fails; `full`: it can be read, and not written to."""

    name: str = "notebook"
    known: dict[bytes, Known] = field(default_factory=dict)
    notes: dict[bytes, Note] = field(default_factory=dict)
    away: bool = False
    full: bool = False
    reads: list[int] = field(default_factory=list)
    hold: asyncio.Event | None = None  # what a look-up waits for once it was read
    hold_writes: asyncio.Event | None = None  # and a write before it is done

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        self._try()
        return {key: self.known[key] for key in keys if key in self.known}

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        self._try(writing=True)
        self.known.update(entries)

    async def read_notes(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        self._try()
        self.reads.append(len(keys))
        found = {key: self.notes[key].value for key in keys if key in self.notes}
        if self.hold is not None:
            await self.hold.wait()
        return found

    async def write_notes(self, notes: Mapping[bytes, Note]) -> None:
        self._try(writing=True)
        if self.hold_writes is not None:
            await self.hold_writes.wait()
        for key, note in notes.items():
            if key not in self.notes or self.notes[key].at_ms <= note.at_ms:
                self.notes[key] = note

    async def spent(self) -> Spends:
        return {}

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None: ...

    def _try(self, writing: bool = False) -> None:
        if self.away or (writing and self.full):
            raise CacheFault("disk I/O error")


@dataclass(slots=True)
class SlowBroker(RecordingOutbox):
    """Takes events, and acknowledges them when it is told to."""

    waiting: list[tuple[Partition, int | None]] = field(default_factory=list)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        now = asyncio.get_running_loop().time()
        sent = Sent(partition=partition, offset=offset, key=key, value=value, headers=headers, at=now)
        self.sent.append(sent)
        self.waiting.append((partition, offset))
        self._more.set()

    @property
    def order(self) -> list[int]:
        """The offsets of the events, in the order in which they left."""
        return [sent.event["source"]["offset"] for sent in self.sent]

    def acknowledge(self, number: int | None = None) -> None:
        """The oldest so many, or all, are on the topic now."""
        number = len(self.waiting) if number is None else number
        taken, self.waiting = self.waiting[:number], self.waiting[number:]
        for partition, offset in taken:
            if offset is not None:
                partition.ledger.done((offset,))
                assert partition.follower is not None, "updates are followed"
                partition.follower.acknowledged((offset,))


def slow_broker(w: World) -> SlowBroker:
    """Put one behind this world, in place of the one that acknowledges at once."""
    w.outbox = broker = SlowBroker()
    w.pipeline.arrivals.departures.outbox = broker
    return broker


def commit(w: World) -> Mark:
    """Commit what is done, and tell who follows the partition."""
    ledger = w.partition.ledger
    mark = (ledger.position, encode("tickets", 0, ledger.position, ledger.finished_runs())[0])
    if w.partition.follower is not None:
        w.partition.follower.committed(mark)
    return mark


def assigned(mark: Mark) -> Partition:
    """The partition as another owner has it, after that commit."""
    return Partition(topic="tickets", number=0, ledger=Ledger(start=max(mark[0], 0)), committed=mark)
