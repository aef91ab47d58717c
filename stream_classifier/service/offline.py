"""Labels records that come from no topic: the service's own pipeline, without Kafka.

Rules
-----
* Triage, cache, lanes, limits, budgets and what is done about failures are the service's own parts.
* There is no deadline. Nobody watches a backlog for its urgent tickets: in an outage they wait like all
  others, where the service would hand them to a person.
* A look-up in the cache may take long. Nobody waits for it, and a known answer that is not found in time
  would be paid for again.
* People's corrections stand in Kafka, so none is in force.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from stream_classifier.core.answer import Lane
from stream_classifier.core.journey import Headers, OwnHeaders, Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import PassedOver
from stream_classifier.lanes.calls import Called, Provider
from stream_classifier.service.building import Builder
from stream_classifier.service.parts import Pipeline
from stream_classifier.settings import Settings

LOOK_UP_S = 5.0  # a hundred times what the service allows; a disk that is slower has other troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a record is no ticket: a word for programs, and a sentence for people."""

    reason: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of a record: the events of its tickets, or why it has none."""

    offset: int
    events: tuple[bytes, ...] = ()
    rejection: Rejection | None = None


Settle = Callable[[Settled], None]


class Overseer(Protocol):
    """Stands between the lanes and the provider."""

    def provider(self, provider: Provider) -> Provider:
        """Whom the lanes call in place of this provider."""

    def heard(self, called: Called) -> None:
        """A call has ended, and its reply was read; what it answers is settled after this."""


@dataclass(slots=True, kw_only=True)
class OfflineRecord:
    """A record as the pipeline takes it; `timestamp` is in milliseconds since the epoch."""

    offset: int
    value: bytes | None
    timestamp: int
    key: bytes | None = None  # without keys nothing waits for its turn
    headers: Headers = ()


@dataclass(slots=True)
class SettlingOutbox:
    """Hands each record's events on, all of them together."""

    settle: Settle
    _events: list[bytes] = field(default_factory=list)

    def publish(
        self, partition: Partition, offset: int | None, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """An event; the last of its record names the offset."""
        self._events.append(value)
        if offset is not None:
            events, self._events = tuple(self._events), []
            partition.ledger.done((offset,))
            self.settle(Settled(offset=offset, events=events))

    def dead_letter(
        self, partition: Partition, offset: int, key: bytes | None, value: bytes, headers: OwnHeaders
    ) -> None:
        """A record that is no ticket."""
        told = dict(headers)
        rejection = Rejection(reason=told["dlq.reason"].decode(), sentence=told["dlq.error"].decode())
        partition.ledger.done((offset,))
        self.settle(Settled(offset=offset, rejection=rejection))


class Offline:
    """A pipeline that runs. Records go in by `take`; what becomes of them is told to `settle`, in any
    order."""

    def __init__(self, pipeline: Pipeline, name: str, wall_ms: Callable[[], int], settle: Settle) -> None:
        self.pipeline = pipeline
        self.pipeline.arrivals.passed_over = self._passed_over
        self._settle = settle
        self._partition = Partition(topic=name, number=0, ledger=Ledger(start=0))
        self._wall_ms = wall_ms
        self._asking: list[asyncio.Task[None]] = []

    def take(self, offset: int, value: bytes, headers: Headers = ()) -> None:
        """Take a record; offsets must rise."""
        record = OfflineRecord(offset=offset, value=value, timestamp=self._wall_ms(), headers=headers)
        self.pipeline.arrivals.take(self._partition, [record])

    def _passed_over(self, offset: int, passed: PassedOver) -> None:
        """What holds no ticket to classify is told of, too: whoever gave it waits for all of them."""
        rejection = Rejection(reason=passed.rule, sentence=passed.sentence)
        self._settle(Settled(offset=offset, rejection=rejection))

    async def finish(self, within_s: float) -> None:
        """Begin no call any more, and wait so long for those under way."""
        self.pipeline.lanes.stop()
        if self._asking:
            _, unfinished = await asyncio.wait(self._asking, timeout=within_s)
            for task in unfinished:
                task.cancel()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Runs the lanes and what stands beside them, until the block's end."""
        lanes = self.pipeline.lanes
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(run, name=name) for name, run in self.pipeline.upkeep().items()]
            self._asking = [tasks.create_task(lanes.bulk.run()), tasks.create_task(lanes.urgent.run())]
            yield
            await self.finish(within_s=0)
            for task in beside:
                task.cancel()


@asynccontextmanager
async def open_offline(
    settings: Settings,
    environ: Mapping[str, str],
    tally: Tally,
    name: str,
    settle: Settle,
    *,
    overseer: Overseer | None = None,
) -> AsyncIterator[Offline]:
    """A pipeline by these settings; `name` stands for the topic in what it gives. Raises `OperatorFault`."""
    cache_settings = settings.cache.model_copy(update={"timeout_s": LOOK_UP_S})
    ticket_settings = settings.ticket.model_copy(update={"on_update": "label"})  # each row is answered
    updates = {"cache": cache_settings, "ticket": ticket_settings}
    builder = Builder(settings.model_copy(update=updates), tally)
    async with AsyncExitStack() as stack:
        cache = await stack.enter_async_context(builder.cache())
        clients = builder.clients(environ)
        for client in clients.values():
            await stack.enter_async_context(client)
        providers: dict[Lane, Provider] = {lane: clients[lane] for lane in Lane}
        if overseer is not None:
            builder.heard = overseer.heard
            providers = {lane: overseer.provider(client) for lane, client in clients.items()}
        pipeline = builder.pipeline(cache, providers, SettlingOutbox(settle))
        offline = Offline(pipeline, name, lambda: round(builder.clock() * 1000), settle)
        await stack.enter_async_context(offline.running())
        yield offline
