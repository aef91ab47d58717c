"""The demo: the real service between an embedded broker, a simulated provider and a made stream of tickets.

Everything runs in this process and this loop, so that nothing is left behind however it ends. The service
is the one that `run` starts, made from a configuration file; only its neighbours are others.

A run: the neighbours start, then the service, and when that is ready the tickets come. When all of them have
come out, or at `stop`, the service stops as it would anywhere. Then the topics are read to their ends, and
what has not come out is held against the offsets that the service has committed.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from stream_classifier.core.faults import OperatorFault, first_fault
from stream_classifier.lab.broker import EmbeddedBroker, EmbeddedBrokerError, EmbeddedBrokerMissingError
from stream_classifier.lab.demo_config import PARTITIONS, TOPICS, provider_options, write_config
from stream_classifier.lab.demo_figures import Sources
from stream_classifier.lab.demo_reader import Reader, committed_offsets, open_reader
from stream_classifier.lab.demo_stream import Rhythm, made_stream
from stream_classifier.lab.figures import DemoFigures
from stream_classifier.lab.load import Pace, Played, open_sender, play
from stream_classifier.lab.simulator import Simulator
from stream_classifier.observe.live.recent import Recent
from stream_classifier.service import Service
from stream_classifier.settings import Settings

PROBE_S = 0.1
READY_WITHIN_S = 30.0  # it takes about one; longer means that something is wrong
STILL_S = 30.0  # nothing has come out for so long: what is missing will not come any more
CONFIG_FILE, LOG_FILE = "stream-classifier.yaml", "service.log"

Show = Callable[[DemoFigures], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many tickets in so many seconds; `endless`: again and again, until it is stopped."""

    tickets: int
    seconds: float
    seed: int
    endless: bool = False


@dataclass(slots=True)
class Demo:
    """One run. `folder` gets its configuration and its cache, and is where its log belongs."""

    plan: Plan
    folder: Path
    page: str | None = None  # the service's live page
    provider: str | None = None  # the simulated provider's address
    stopped: bool = False  # by a person, before all had come out
    recent: Recent = field(default_factory=Recent)  # what the page shows of the log
    sources: Sources = field(init=False)
    _simulator: Simulator = field(init=False)
    _played: Played = field(default_factory=Played)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _began_at: float | None = None
    _ended_at: float | None = None

    def __post_init__(self) -> None:
        self._simulator = Simulator(provider_options(self.plan.seed))
        planned = None if self.plan.endless else self.plan.tickets
        self.sources = Sources(planned=planned, provider=self._simulator.stats)

    def stop(self) -> None:
        """End the run in good order; safe to call from a signal handler of the loop, and again."""
        self.stopped = True
        self._stopping.set()

    def figures(self) -> DemoFigures:
        """What is to be shown now."""
        return self.sources.figures(self._elapsed_s())

    async def run(self, show: Show, every_s: float) -> None:
        """Run to the end, and hand the figures to `show` meanwhile. Raises `OperatorFault`."""
        try:
            await self._among_neighbours(show, every_s)
        except* OperatorFault as faults:
            raise first_fault(faults) from None

    async def _among_neighbours(self, show: Show, every_s: float) -> None:
        with _embedded_broker() as broker:
            async with self._simulator.serve() as provider, asyncio.TaskGroup() as tasks:
                self.provider = provider.url
                showing = tasks.create_task(self._keep_showing(show, every_s))
                settings = write_config(
                    self.folder / CONFIG_FILE,
                    bootstrap_servers=broker.bootstrap_servers,
                    base_url=provider.base_url,
                )
                self.page = f"http://{settings.http.host}:{settings.http.port}"
                await self._serve(settings)
                showing.cancel()

    async def _serve(self, settings: Settings) -> None:
        """The service's life, and the tickets' meanwhile."""
        kafka, sources = settings.kafka, self.sources
        service = Service(settings, {}, sources.tally, self.recent)
        async with (
            open_reader(kafka, PARTITIONS, sources.account, sources.results) as reader,
            asyncio.TaskGroup() as tasks,
        ):
            tasks.create_task(reader.run())
            serving = tasks.create_task(service.run())
            await self._until_out_or_stopped(settings, reader)
            service.stop()
            await serving
            reader.finish()
        await self._close_the_account(settings)

    async def _until_out_or_stopped(self, settings: Settings, reader: Reader) -> None:
        async with asyncio.TaskGroup() as tasks:
            streaming = tasks.create_task(self._stream(settings, reader))
            told = tasks.create_task(self._stopping.wait())
            await asyncio.wait({streaming, told}, return_when=asyncio.FIRST_COMPLETED)
            streaming.cancel()
            told.cancel()
        self._ended_at = asyncio.get_running_loop().time()

    async def _stream(self, settings: Settings, reader: Reader) -> None:
        """Play the tickets and wait until all have come out."""
        await _ready(f"{self.page}/readyz")
        self._began_at = asyncio.get_running_loop().time()
        topic = settings.kafka.input_topic
        rhythm = Rhythm(tickets=self.plan.tickets, seconds=self.plan.seconds)
        stream = made_stream(rhythm, self.plan.seed, endless=self.plan.endless)
        async with open_sender(settings.kafka, topic) as sender:
            await play(stream, sender, topic, pace=Pace(), played=self._played)
        await self._all_out(reader)

    async def _all_out(self, reader: Reader) -> None:
        account = self.sources.account
        try:
            while account.records < self._played.acknowledged or self.sources.unaccounted > 0:
                async with asyncio.timeout(STILL_S):
                    await reader.news.wait()
        except TimeoutError:
            return  # the account will say so

    async def _close_the_account(self, settings: Settings) -> None:
        """What the service has not committed is still Kafka's to deliver; what it has must have come out."""
        committed = await committed_offsets(settings.kafka, PARTITIONS)
        lost = self.sources.account.missing_before(committed) - self.sources.passed_over
        self.sources.left = self.sources.unaccounted - max(lost, 0)

    async def _keep_showing(self, show: Show, every_s: float) -> None:
        while True:
            show(self.figures())
            await asyncio.sleep(every_s)

    def _elapsed_s(self) -> float:
        if self._began_at is None:
            return 0.0
        return (self._ended_at or asyncio.get_running_loop().time()) - self._began_at


def _embedded_broker() -> EmbeddedBroker:
    try:
        return EmbeddedBroker(dict.fromkeys(TOPICS, PARTITIONS))
    except (EmbeddedBrokerMissingError, EmbeddedBrokerError) as error:
        raise OperatorFault(str(error)) from error


async def _ready(probe: str) -> None:
    """Wait for what Kubernetes would wait for, too: a 200 of the readiness probe."""
    try:
        async with asyncio.timeout(READY_WITHIN_S), httpx.AsyncClient(trust_env=False) as client:
            while True:
                if await _is_ready(client, probe):
                    return
                await asyncio.sleep(PROBE_S)
    except TimeoutError:
        sentence = f"The service was not ready within {READY_WITHIN_S:.0f} s: see its log."
        raise OperatorFault(sentence) from None


async def _is_ready(client: httpx.AsyncClient, probe: str) -> bool:
    try:
        return (await client.get(probe)).is_success
    except httpx.TransportError:
        return False  # it does not listen yet
