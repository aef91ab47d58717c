"""A test stand in this process: the real service between an embedded broker and a simulated provider.

Many stands may share one broker: each has topics and a group of its own. The provider can be taken away and
brought back at the same address, and what it was asked is at hand.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.fault_rows import KEY
from benchmarks.fault_tickets import Sent
from benchmarks.grades import Event
from benchmarks.stand_config import PARTITIONS, Groups, write_config
from stream_classifier.core import measures
from stream_classifier.core.tally import Tally
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.demo_config import HOST
from stream_classifier.lab.demo_reader import committed_offsets
from stream_classifier.lab.simulator import Simulator
from stream_classifier.service import Service
from stream_classifier.settings import Settings
from stream_classifier.settings.environment import SECRETS_DIR
from stream_classifier.settings.secrets_dir import API_KEY_FILE

READY_WITHIN_S = 20.0
OPEN_WITHIN_S = 30.0  # a provider that hangs is known to be down only after a few time limits
QUIET_S = 45.0  # no event for so long, longer than between two probes: what is missing will not come
POLL_S = 0.02
IDLE_POLLS = 20  # a call that was let go before the breaker opened may still be on its way to the provider
POLL_MS = 100


@dataclass(slots=True)
class Provider:
    """The simulated provider, which can go away and come back at the same address."""

    simulator: Simulator
    port: int = 0  # 0 until it has been there once
    _serving: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def base_url(self) -> str:
        """What the service is told."""
        return f"http://{HOST}:{self.port}/v1"

    async def come(self) -> None:
        """Listen."""
        address = await self._serving.enter_async_context(self.simulator.serve(port=self.port))
        self.port = address.port

    async def go(self) -> None:
        """Break off all connections; new ones are refused."""
        await self._serving.aclose()


@dataclass(slots=True, kw_only=True)
class Stand:
    """One service with its neighbours, running. `events` are all that came out so far."""

    settings: Settings
    secrets: Path
    provider: Provider
    producer: AIOKafkaProducer
    consumer: AIOKafkaConsumer
    tally: Tally = field(default_factory=Tally)  # the service's own counts
    events: list[Event] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    ending: bool = False

    async def send(self, tickets: Sequence[Sent]) -> None:
        """Put the tickets on the input topic, in turn on its partitions."""
        topic = self.settings.kafka.input_topic
        for number, ticket in enumerate(tickets):
            value = {"ticket_id": ticket.ticket_id, "body": ticket.text}
            value |= {"priority": "urgent"} if ticket.urgent else {}
            key = ticket.ticket_id.encode()
            await self.producer.send(topic, orjson.dumps(value), key, partition=number % PARTITIONS)
        await self.producer.flush()

    async def all_out(self, tickets: int) -> None:
        """Return when every ticket has an event, or when none has come for `QUIET_S`."""
        with suppress(TimeoutError):
            while len({event["event_id"] for event in self.events}) < tickets:
                self.arrived.clear()
                async with asyncio.timeout(QUIET_S):
                    await self.arrived.wait()

    async def paused(self) -> bool:
        """Wait until the service has opened a breaker, and what it called before has ended; False where it
        does not within `OPEN_WITHIN_S`."""
        until_s, idle = time.monotonic() + OPEN_WITHIN_S, 0
        while time.monotonic() < until_s:
            is_open = self.tally.gauges[measures.BREAKER_OPEN]()
            idle = idle + 1 if is_open and not self.provider.simulator.stats.concurrent else 0
            if idle >= IDLE_POLLS:
                return True
            await asyncio.sleep(POLL_S)
        return False

    def calls(self) -> int:
        """How many calls the service has made, by its own count: refused connections are seen by nobody
        else."""
        return round(self.tally.count(measures.CALLS))

    async def unpublished(self) -> int:
        """How many records below the committed offsets have no event: a kill now would lose them."""
        committed = await committed_offsets(self.settings.kafka, PARTITIONS)
        published = {(e["source"]["partition"], e["source"]["offset"]) for e in self.events}
        below = {(number, offset) for number, end in committed.items() for offset in range(end)}
        return len(below - published)

    def mount_key(self, key: str) -> None:
        """Change the secret that the service reads its key from."""
        (self.secrets / API_KEY_FILE).write_text(key)

    async def follow(self) -> None:
        """Take note of every event, until nobody writes any more and all are read."""
        while (polled := await self.consumer.getmany(timeout_ms=POLL_MS)) or not self.ending:
            for records in polled.values():
                self.events += [orjson.loads(record.value) for record in records]
            if polled:
                self.arrived.set()


@asynccontextmanager
async def a_stand(
    broker: EmbeddedBroker, directory: Path, simulator: Simulator, settings: Groups
) -> AsyncIterator[Stand]:
    """A stand whose service is ready; its topics and its group have the directory's name. At the end of the
    block the service stops as it would anywhere, and what it has published by then is in `events`. Raises
    TimeoutError where it does not get ready."""
    async with _provider(simulator) as provider:
        servers = broker.bootstrap_servers
        ours = write_config(
            directory, bootstrap_servers=servers, base_url=provider.base_url, settings=settings
        )
        async with _clients(broker, ours) as (producer, consumer), asyncio.TaskGroup() as tasks:
            stand = Stand(
                settings=ours, secrets=directory, provider=provider, producer=producer, consumer=consumer
            )
            stand.mount_key(KEY)
            service = Service(ours, {SECRETS_DIR: str(directory)}, stand.tally)
            serving = tasks.create_task(service.run())
            following = tasks.create_task(stand.follow())
            await _ready(f"http://{HOST}:{ours.http.port}/readyz")
            yield stand
            service.stop()
            await serving
            stand.ending = True
            await following


@asynccontextmanager
async def _provider(simulator: Simulator) -> AsyncIterator[Provider]:
    provider = Provider(simulator)
    await provider.come()
    try:
        yield provider
    finally:
        await provider.go()


@asynccontextmanager
async def _clients(
    broker: EmbeddedBroker, settings: Settings
) -> AsyncIterator[tuple[AIOKafkaProducer, AIOKafkaConsumer]]:
    """Who sends the tickets and who reads their events, on topics that are made here."""
    servers, kafka = broker.bootstrap_servers, settings.kafka
    for topic in (kafka.input_topic, kafka.output_topic, kafka.dead_letter_topic):
        broker.create_topic(topic, PARTITIONS)
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(kafka.output_topic, number) for number in range(PARTITIONS)])
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer, consumer:
        yield producer, consumer


async def _ready(probe: str) -> None:
    async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(trust_env=False) as client:
        while True:
            if await _is_ready(client, probe):
                return
            await asyncio.sleep(POLL_S)


async def _is_ready(client: httpx.AsyncClient, probe: str) -> bool:
    try:
        return (await client.get(probe)).is_success
    except httpx.TransportError:
        return False
