"""The service's life: start, run, drain, stop.

Stopping (promise 10): reading ends; calls under way are waited for until `LAST_STEPS_S` before
`shutdown_s`, and what they answer is published and committed as it comes; texts that no call was begun
for are left to Kafka. Then everything answered is flushed, the last commit is made, and the group is left.
Each of these steps has a moment by which it is given up, so that a broker that is away cannot take the
time of the next: what is not committed comes again.
"""

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import structlog

from stream_classifier import __version__
from stream_classifier.core import measures
from stream_classifier.core.faults import OperatorFault, first_fault
from stream_classifier.core.stillness import LoopBeat
from stream_classifier.core.tally import Tally
from stream_classifier.kafka.access import require_access
from stream_classifier.kafka.consumer import new_consumer
from stream_classifier.kafka.corrections import CorrectionsReader
from stream_classifier.kafka.credentials import Credentials
from stream_classifier.kafka.delivery import Delivery, Outbox, new_delivery
from stream_classifier.kafka.overrides_topic import find_overrides_topic
from stream_classifier.kafka.rights import Operation
from stream_classifier.kafka.session import BEAT_S, ConsumerFailed, Session
from stream_classifier.kafka.waiting import wait_for_broker
from stream_classifier.lanes.gate import Gate
from stream_classifier.observe.http import build_app, serve
from stream_classifier.observe.live.feed import Feed
from stream_classifier.observe.live.history import History
from stream_classifier.observe.live.recent import Recent
from stream_classifier.observe.metrics import new_registry
from stream_classifier.observe.process import declare_process
from stream_classifier.observe.summary import Summary
from stream_classifier.observe.tracing import tracing
from stream_classifier.registry.schemas import Schemas
from stream_classifier.service.building import Builder
from stream_classifier.service.contact import Contact
from stream_classifier.service.parts import Pipeline
from stream_classifier.service.schemas import open_schemas
from stream_classifier.service.showing import LimitsTold, Showing
from stream_classifier.service.watching import Watch
from stream_classifier.settings import Settings, kafka_now

log = structlog.get_logger(__name__)

LAST_STEPS_S = 5.0  # contract: for the flush, the last commit and leaving the group
PUBLISHED_BY_S = 4.0  # before the end of `shutdown_s`, as those that follow
COMMITTED_BY_S = 3.0
LEFT_BY_S = 1.5  # and the rest is for closing connections and files
SUMMARY_S = 30.0
LOOK_S = 1.0
REJOIN_S = 1.0  # between two consumers, where the first could not join


class Service:
    """`run` returns when `stop` has been called and all is handed over, or raises `OperatorFault`."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        tally: Tally | None = None,
        recent: Recent | None = None,
    ) -> None:
        self.settings = settings
        self.tally = tally or Tally()
        self.recent = recent or Recent()
        self.http_address: str | None = None
        self.session: Session | None = None
        self._schemas: Schemas | None = None
        self._environ = environ
        self._credentials = Credentials(lambda: kafka_now(settings, environ))
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Begin to stop; safe to call from a signal handler of the loop, and again."""
        self._stopping.set()

    async def run(self) -> None:
        """Run until stopped."""
        try:
            async with AsyncExitStack() as stack:
                bound = structlog.contextvars.bound_contextvars(group_id=self.settings.kafka.group_id)
                stack.enter_context(bound)
                await self._run(stack)
        except* OperatorFault as faults:
            raise first_fault(faults) from None

    async def _run(self, stack: AsyncExitStack) -> None:
        settings, now = self.settings, asyncio.get_running_loop().time
        self._say_what_starts()
        declare_process(self.tally, settings.digest)
        traces = await stack.enter_async_context(tracing(settings, self._environ, now))
        builder = Builder(settings, self.tally, traces)
        cache = await stack.enter_async_context(builder.cache())
        clients = builder.clients(self._environ)
        for client in clients.values():
            await stack.enter_async_context(client)
        acknowledged = traces.tickets.acknowledged if traces else None
        delivery = new_delivery(self._credentials, self.tally, lambda: self.session, acknowledged)
        told = LimitsTold(now)
        builder.heard = told.heard
        schemas = open_schemas(settings, self._environ, self.tally)
        self._schemas = await stack.enter_async_context(schemas)
        builder.decoder = self._schemas.decode if self._schemas else None
        pipeline = builder.pipeline(cache, clients, delivery.outbox)
        watch = Watch(
            tally=self.tally,
            pipeline=pipeline,
            outbox=delivery.outbox,
            session=lambda: self.session,
            now=now,
            stall_s=settings.health.stall_s,
        )
        showing = self._showing(pipeline, delivery, watch, told)
        feed = Feed(showing.view, now)
        app = build_app(watch.health(), new_registry(self.tally), feed)
        http = serve(app, settings.http.host, settings.http.port)
        self.http_address = await stack.enter_async_context(http)
        await stack.enter_async_context(feed.open())
        stack.push_async_callback(delivery.stop)
        if await self._kafka_is_ready(delivery):
            contact = Contact(self._credentials, delivery, lambda: self.session)
            await self._work(pipeline, delivery, watch, contact, showing.history)
        log.info("service_stopped")

    def _say_what_starts(self) -> None:
        settings = self.settings
        log.info(
            "service_starting",
            version=__version__,
            settings_digest=settings.digest,
            delivery=settings.kafka.delivery,
            model=settings.llm.model,
            urgent_model=settings.llm.urgent_model,
            cache=settings.cache.backend,
        )

    async def _kafka_is_ready(self, delivery: Delivery) -> bool:
        """Wait for Kafka; False where we were stopped meanwhile."""

        async def begin() -> None:
            await require_access(self._credentials.settings)
            await find_overrides_topic(self._credentials.settings, Operation.READ)
            await delivery.begin()

        return await _unless(self._stopping, wait_for_broker(self._credentials.now, begin))

    def _showing(self, pipeline: Pipeline, delivery: Delivery, watch: Watch, told: LimitsTold) -> Showing:
        return Showing(
            settings=self.settings,
            tally=self.tally,
            pipeline=pipeline,
            outbox=delivery.outbox,
            watch=watch,
            limits=told,
            recent=self.recent,
            session=lambda: self.session,
            now=asyncio.get_running_loop().time,
            clock=time.time,
            registry_away_s=lambda: self._schemas.away_s if self._schemas else 0.0,
            stopping=self._stopping.is_set,
            calls_wait_s=self.settings.shutdown_s - LAST_STEPS_S,
        )

    async def _work(
        self, pipeline: Pipeline, delivery: Delivery, watch: Watch, contact: Contact, history: History
    ) -> None:
        beat = LoopBeat(asyncio.get_running_loop().time())
        lanes, corrections = pipeline.lanes, self._corrections_reader(pipeline)
        summary = Summary(self.tally, time.monotonic)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(run, name=name)
                for name, run in {
                    "beat": self._beat(beat, watch, pipeline, delivery.outbox),
                    "contact": contact.run(),
                    "corrections": corrections.run(),
                    "outbox": delivery.outbox.run(),
                    "deadlines": pipeline.deadlines.run(),
                    "history": history.run(),
                    "summary": summary.report_every(SUMMARY_S),
                    **pipeline.upkeep(),
                    **({"schemas": self._schemas.run()} if self._schemas else {}),
                }.items()
            ]
            asking = [tasks.create_task(lanes.bulk.run()), tasks.create_task(lanes.urgent.run())]
            sessions = tasks.create_task(self._sessions(pipeline, delivery, beat, corrections))
            await self._stopping.wait()
            await self._hand_over(pipeline, asking, sessions)
            summary.report()  # the last seconds: the lines of a log add up to all that was done
            for task in running:
                task.cancel()

    async def _beat(self, beat: LoopBeat, watch: Watch, pipeline: Pipeline, outbox: Outbox) -> None:
        """Notice when this process stood still, before anything else acts on what it believes."""
        looked_at = 0.0
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(BEAT_S)
            if self.session is not None:
                self.session.alive()
            self.tally.observe(measures.LOOP_DELAY, max(beat.beat(now()) - BEAT_S, 0.0))
            if now() - looked_at >= LOOK_S:
                looked_at = now()
                watch.look()
                pipeline.arrivals.let_go()
                self._share_limits(pipeline.gate, outbox)

    def _share_limits(self, gate: Gate, outbox: Outbox) -> None:
        """The account's limits are shared among the replicas by their partitions."""
        if self.session is not None and (owned := len(self.session.assignment.partitions)):
            gate.set_share(owned / outbox.items.partitions(self.settings.kafka.input_topic))

    def _corrections_reader(self, pipeline: Pipeline) -> CorrectionsReader:
        return CorrectionsReader(
            credentials=self._credentials,
            corrections=pipeline.corrections,
            changed=pipeline.corrected.serve_waiting,
            tally=self.tally,
            now=asyncio.get_running_loop().time,
        )

    async def _sessions(
        self, pipeline: Pipeline, delivery: Delivery, beat: LoopBeat, corrections: CorrectionsReader
    ) -> None:
        """One consumer after another: a new one where the last was lost. None before people's corrections
        were read."""
        kafka = self.settings.kafka
        await _unless(self._stopping, corrections.until_read())
        while not self._stopping.is_set():
            client = self._credentials.client
            self.session = Session(
                settings=kafka,
                client=client,
                consumer=new_consumer(kafka, client),
                take=pipeline.arrivals.take,
                outgoing=delivery.outbox,
                committing=delivery.committing,
                known=delivery.outbox.items.partitions(kafka.input_topic),
                reader=self._schemas,
                early=pipeline.early_arrivals,
                foresee=pipeline.foreseeing,
                tally=self.tally,
                now=asyncio.get_running_loop().time,
                beat=beat,
            )
            try:
                await self.session.run()
            except* ConsumerFailed as failures:
                error = str(failures.exceptions[0])
                log.warning("consumer_failed", error=error, retry_after_s=REJOIN_S)
            finally:
                await self.session.close()
            await _unless(self._stopping, self._pause_between())

    async def _pause_between(self) -> None:
        await asyncio.sleep(REJOIN_S)
        await wait_for_broker(self._credentials.now, passing=OperatorFault)

    async def _hand_over(
        self, pipeline: Pipeline, asking: Sequence[asyncio.Task[None]], sessions: asyncio.Task[None]
    ) -> None:
        """Promise 10: wait for calls, flush, commit, leave."""
        now, shutdown_s = asyncio.get_running_loop().time, self.settings.shutdown_s
        ends_at = now() + shutdown_s
        log.info("service_stopping", calls_wait_s=shutdown_s - LAST_STEPS_S)
        if self.session is not None:
            self.session.stop()
        pipeline.lanes.stop()
        _, unfinished = await asyncio.wait(asking, timeout=shutdown_s - LAST_STEPS_S)
        for task in unfinished:
            task.cancel()
        if self.session is not None:
            left_s = ends_at - now()
            await self.session.hand_over(publish_s=left_s - PUBLISHED_BY_S, within_s=left_s - COMMITTED_BY_S)
            self.session.end()
        if not (await asyncio.wait([sessions], timeout=ends_at - LEFT_BY_S - now()))[0]:
            log.warning("stop_incomplete", waited_s=round(shutdown_s - LEFT_BY_S, 1))
            sessions.cancel()


async def _unless(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Do the work, but no longer than until we are to stop; False where that came first."""
    async with asyncio.TaskGroup() as tasks:
        doing = tasks.create_task(work)
        stop = tasks.create_task(stopping.wait())
        await asyncio.wait([doing, stop], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not doing.done():
            doing.cancel()
            return False
    return True
