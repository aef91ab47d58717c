"""A world for lanes and pipeline: the real parts, wired as the service wires them, between two fakes.

What lies between `ScriptedProvider` and `RecordingOutbox` is what runs in production, the cache in memory
included. The topic has one partition; a record's offset is its place in `topic`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from stream_classifier.cache import Cache, MemoryFront
from stream_classifier.cache.backend import Backend
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Usage
from stream_classifier.core.journey import Delivery, Partition, Waiting
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.observe.tracing import Tracing
from stream_classifier.service.building import Builder
from stream_classifier.service.parts import Pipeline
from stream_classifier.settings import Settings
from tests.unit.lane_fakes import LABELS, MODEL, Record, RecordingOutbox, ScriptedProvider, together

TTL_S = 3600.0
TEN: dict[str, Any] = {"batch": {"max_tickets": 10}}
TEXTS = [f"text {i}" for i in range(10)]
LOOK_UP_MAX_S = 1 / 16  # a power of two: sums of times stay exact


@dataclass(slots=True, kw_only=True)
class World:
    """The parts under test, and the partition that is read."""

    pipeline: Pipeline
    cache: Cache
    tally: Tally
    bulk: ScriptedProvider
    urgent: ScriptedProvider
    outbox: RecordingOutbox
    began: float
    topic: list[Record] = field(default_factory=list)
    partition: Partition = field(default_factory=lambda: assignment(Ledger(start=0)))
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def read(self, *records: Record) -> None:
        """These come to the partition, and are polled at once."""
        start = len(self.topic)
        self.topic += [replace(record, offset=start + i) for i, record in enumerate(records)]
        self.poll()

    def poll(self) -> None:
        """What was not delivered yet is delivered."""
        self.pipeline.arrivals.take(self.partition, self.topic[self.partition.ledger.next_offset :])

    def rebalance(self) -> None:
        """The partition is taken away, and given back as it was committed."""
        self.partition.open = False
        done = self.partition.ledger
        self.partition = assignment(Ledger(start=done.position, restored=list(done.finished_runs())))

    def start(self) -> None:
        """Run all that runs for as long as the process lives."""
        lanes = self.pipeline.lanes
        work = {
            "bulk": lanes.bulk.run(),
            "urgent": lanes.urgent.run(),
            "deadlines": self.pipeline.deadlines.run(),
            "probes": self.pipeline.prober.run(),
            **{f"{lane} look-ups": ups.run() for lane, ups in self.pipeline.look_ups.items()},
            **{f"{lane} recalls": ups.run() for lane, ups in self.pipeline.arrivals.recalls.items()},
            **({"leases": self.pipeline.leases.run()} if self.pipeline.leases else {}),
        }
        self.running = {name: asyncio.create_task(run, name=name) for name, run in work.items()}

    def introduce(self) -> None:
        """Let every model pass for introduced."""
        for models in self.pipeline.prober.models.values():
            for model in models:
                self.pipeline.gate.breaker(model).success()

    async def end(self) -> None:
        """Cancel all of it, and raise what went wrong in it."""
        for task in self.running.values():
            task.cancel()
        outcomes = await asyncio.gather(*self.running.values(), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome

    async def events(self, number: int) -> list[dict[str, Any]]:
        """The events, when there are (at least) so many, in the order in which they left."""
        await self.outbox.until(number)
        return [sent.event for sent in self.outbox.sent]

    @property
    def order(self) -> list[int]:
        """The offsets of the events, in the order in which they left."""
        return [sent.event["source"]["offset"] for sent in self.outbox.sent]

    @property
    def left_at(self) -> dict[int, float]:
        """When each offset's last event left, in seconds since the world began."""
        return {sent.event["source"]["offset"]: sent.at - self.began for sent in self.outbox.sent}

    @property
    def free_slots(self) -> dict[Lane, int]:
        lanes = self.pipeline.lanes
        answering = {Lane.BULK: lanes.bulk.answering, Lane.URGENT: lanes.urgent.answering}
        return {lane: asking.slots._value for lane, asking in answering.items()}

    def accounted(self) -> Usage:
        """The tokens of all events, and those that are counted as overhead."""
        events = [sent.event for sent in self.outbox.sent]
        overhead = {kind: self.tally.count(measures.OVERHEAD_TOKENS, None, kind) for kind in ("in", "out")}
        return Usage(
            tokens_in=sum(event["tokens_in"] for event in events) + int(overhead["in"]),
            tokens_out=sum(event["tokens_out"] for event in events) + int(overhead["out"]),
        )

    def counted(self) -> Usage:
        """The tokens that the providers have counted."""
        return replace(together(self.bulk.usage, self.urgent.usage), cached_in=0)


def assignment(ledger: Ledger) -> Partition:
    """The partition, as it is assigned anew."""
    return Partition(topic="tickets", number=0, ledger=ledger)


def waiting(*, offset: int = 0, bulk_key: bytes = b"k", urgent_key: bytes = b"k") -> Waiting:
    """A ticket that waits for its answer."""
    delivery = Delivery(
        partition=assignment(Ledger(start=0)),
        offset=offset,
        key=None,
        headers=(),
        timestamp_ms=0,
        read_at=0.0,
        lane=Lane.BULK,
    )
    return Waiting(
        delivery=delivery,
        part=None,
        ticket_id="1",
        tenant=None,
        revision=None,
        utf8=b"text",
        text_digest="n1:0",
        tokens=7,
        truncated=False,
        urgent_key=urgent_key,
        bulk_key=bulk_key,
    )


def settings(**groups: Any) -> Settings:
    """Settings with these groups; batches of three, two bulk calls and two urgent ones at a time."""
    given: dict[str, dict[str, Any]] = {
        "batch": {"max_tickets": 3, "max_wait_s": 2},
        "llm": {"model": MODEL, "concurrency": 2},
        "urgent": {"concurrency": 2, "deadline_s": 30},
    }
    names = given.keys() | groups.keys()
    merged: dict[str, Any] = {name: given.get(name, {}) | groups.get(name, {}) for name in names}
    return Settings(taxonomy=read_taxonomy({"labels": list(LABELS)}), **merged)


@asynccontextmanager
async def world(
    *,
    backend: Backend | None = None,
    seed: int = 7,
    clock: Callable[[], float] = time.time,
    introduced: bool = True,
    tracing: Tracing | None = None,
    **groups: Any,
) -> AsyncIterator[World]:
    """A world that runs; `groups` are settings, `clock` the time of day. `introduced`: the models are known
    to work already, so that nothing is asked but tickets."""
    tally = Tally()
    front = MemoryFront(10_000, 1 << 26, clock=lambda: 0.0)
    async with Cache(
        front, backend, ttl_s=TTL_S, timeout_s=LOOK_UP_MAX_S, tally=tally, clock=lambda: 0.0
    ) as cache:
        made = _made(Builder(settings(**groups), tally, tracing), cache, seed, clock)
        if introduced:
            made.introduce()
        made.start()
        try:
            yield made
        finally:
            await made.end()


def _made(builder: Builder, cache: Cache, seed: int, clock: Callable[[], float]) -> World:
    bulk, urgent, outbox = ScriptedProvider(), ScriptedProvider(), RecordingOutbox()
    if builder.tracing is not None:
        outbox.acknowledged = builder.tracing.tickets.acknowledged
    builder.rng = Random(seed)
    builder.clock = clock
    return World(
        pipeline=builder.pipeline(cache, {Lane.BULK: bulk, Lane.URGENT: urgent}, outbox),
        cache=cache,
        tally=builder.tally,
        bulk=bulk,
        urgent=urgent,
        outbox=outbox,
        began=asyncio.get_running_loop().time(),
    )
