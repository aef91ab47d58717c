"""The composition root: every part is made here from the settings, and handed what it needs.

Nothing else knows all rooms. Parts that need one another meet here, through the Protocols that stand
with whoever needs them.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from random import Random
from uuid import uuid4

from stream_classifier.cache import Cache
from stream_classifier.core.answer import Lane
from stream_classifier.core.corrections import Corrections
from stream_classifier.core.event import EventWriter
from stream_classifier.core.known import Known, expiry
from stream_classifier.core.ladder import Ladder, Ladders, Rung
from stream_classifier.core.prices import Price, Prices, SingleCalls
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.tally import Tally
from stream_classifier.core.text import digest_prefix
from stream_classifier.core.ticket import Decoder, TicketReader
from stream_classifier.core.tokens import ReplyBudget, TokenEstimator
from stream_classifier.core.triage import Triage
from stream_classifier.core.updates import scope
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.calls import Called, Caller, Provider, nobody_hears
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.urgent import UrgentLane
from stream_classifier.llm.client import OpenAIClient
from stream_classifier.observe.tracing import Tracing
from stream_classifier.pipeline.answers import Answers
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.asking import Asking
from stream_classifier.pipeline.corrected import Corrected
from stream_classifier.pipeline.deadlines import Deadlines
from stream_classifier.pipeline.departures import Departures, Outbox
from stream_classifier.pipeline.look_ups import LookUps
from stream_classifier.pipeline.preparing import Preparer
from stream_classifier.pipeline.recalls import Recalls
from stream_classifier.pipeline.refreshing import Refreshing
from stream_classifier.pipeline.storm_watch import StormWatch
from stream_classifier.pipeline.telling import Telling
from stream_classifier.pipeline.ticket_memory import TicketMemory
from stream_classifier.pipeline.updates import Updates
from stream_classifier.service.calling import (
    calls_at_once,
    first_models,
    new_answering,
    new_bulk_lane,
    new_clients,
    new_early_arrivals,
    new_gate,
    new_prober,
)
from stream_classifier.service.parts import Knowledge, Lanes, Pipeline
from stream_classifier.service.sharing import new_cache, new_foreseeing, new_leases, new_look_ups
from stream_classifier.service.texts import new_preparer
from stream_classifier.settings import Settings

BATCH_PREFIX_CHARS = 6  # sets the batch ids of two processes apart


class Builder:
    """Makes the parts of one service. The loop must be running."""

    def __init__(self, settings: Settings, tally: Tally, tracing: Tracing | None = None) -> None:
        self.settings = settings
        self.tracing = tracing
        self.tally = tally
        self.now = asyncio.get_running_loop().time
        self.clock = time.time
        self.rng = Random()
        self.taxonomy = settings.taxonomy
        self.questions = len(settings.taxonomy.questions)
        rung = Rung(settings.llm.reply_format)
        self.prompt = Prompt(settings.taxonomy, schema_sent=rung is Rung.JSON_SCHEMA)
        self.models = first_models(settings)
        self.estimators = {model: TokenEstimator() for model in self.models.values()}
        self.estimate = self.estimators[settings.llm.model].estimate
        self.prices = Prices({m: Price(**p.model_dump()) for m, p in settings.llm.prices.items()})
        self.ladders = Ladders(lambda: Ladder(rung=rung))  # one endpoint: what one lane learns serves both
        self.batch_prefix = uuid4().hex[:BATCH_PREFIX_CHARS]
        self.heard: Callable[[Called], None] = nobody_hears  # of each call that has ended
        self.decoder: Decoder | None = None  # reads values that need not be JSON

    def cache(self) -> Cache:
        """The cache that the settings name."""
        return new_cache(self.settings, self.tally)

    def clients(self, environ: Mapping[str, str]) -> dict[Lane, OpenAIClient]:
        """A client a lane."""
        return new_clients(self.settings, environ, self.ladders)

    def pipeline(self, cache: Cache, providers: Mapping[Lane, Provider], outbox: Outbox) -> Pipeline:
        """The journey from a polled record to the outbox."""
        gate = new_gate(
            self.settings, prices=self.prices, tally=self.tally, store=cache, now=self.now, clock=self.clock
        )
        flights, lanes, knowledge = Flights(), Lanes(), Knowledge(cache)
        updates = self._updates(cache)
        departures = self._departures(outbox, cache, updates)
        answers = self._answers(flights, departures, cache, lanes)
        prober = new_prober(self.settings, gate, {lane: self.caller(lane, providers[lane]) for lane in Lane})
        asking = {lane: new_answering(self.settings, lane, prober, answers) for lane in Lane}
        lanes.bulk = new_bulk_lane(self.settings, asking[Lane.BULK], now=self.now, clock=self.clock)
        lanes.urgent = UrgentLane(answering=asking[Lane.URGENT])
        asks = Asking(
            flights=flights,
            lanes=lanes,
            departures=departures,
            tally=self.tally,
            now=self.now,
            max_promoted=self.settings.urgent.max_promoted,
        )
        deadlines = Deadlines(
            departures=departures,
            deadline_s=self.settings.urgent.deadline_s,
            questions=self.questions,
            now=self.now,
            given_up=asks.give_back_those_before,
            expired=answers.leave,
        )
        corrections = self.corrections()
        arrivals = self._arrivals(
            corrections=corrections,
            knowledge=knowledge,
            asking=asks,
            departures=departures,
            deadlines=deadlines,
            gate=gate,
            updates=updates,
            refreshing=self._refreshing(lanes.bulk) if self.settings.cache.refresh else None,
        )
        if updates.memory.store is not None:
            recalls = {lane: Recalls(recall=updates.recall, recalled=arrivals.recalled) for lane in Lane}
            arrivals.recalls = recalls
        for lane in Lane:
            knowledge.look_ups[lane] = LookUps(fetch=cache.fetch, looked_up=arrivals.looked_up)
        leases = new_leases(cache, flights, self.now)
        if leases is not None:
            knowledge.look_ups[Lane.BULK] = new_look_ups(self.settings, cache, leases, arrivals, gate)
        return Pipeline(
            gate=gate,
            prober=prober,
            corrections=corrections,
            corrected=Corrected(
                corrections=corrections, flights=flights, departures=departures, leave=answers.leave
            ),
            flights=flights,
            lanes=lanes,
            arrivals=arrivals,
            early_arrivals=new_early_arrivals(self.settings, arrivals, flights),
            foreseeing=new_foreseeing(cache, arrivals),
            deadlines=deadlines,
            look_ups=knowledge.look_ups,
            leases=leases,
            slots={lane: calls_at_once(self.settings, lane) for lane in Lane},
        )

    def _updates(self, cache: Cache) -> Updates:
        kafka = self.settings.kafka
        return Updates(
            skips=self.settings.ticket.on_update == "skip_unchanged",
            models=self.models,
            memory=TicketMemory(
                store=cache if cache.keeps_notes else None,
                stream=scope(kafka.group_id, kafka.input_topic, kafka.output_topic),
                clock=self.clock,
            ),
            tally=self.tally,
        )

    def _departures(self, outbox: Outbox, cache: Cache, updates: Updates) -> Departures:
        single = SingleCalls.of(self.prices, self.models[Lane.BULK], self.prompt, self.estimate)
        return Departures(
            outbox=outbox,
            writer=EventWriter([question.name for question in self.taxonomy.questions]),
            tally=self.tally,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            key_order=self.settings.kafka.key_order,
            tracing=self.tracing.tickets if self.tracing else None,
            updates=updates,
            telling=Telling(
                tally=self.tally,
                cache_name=cache.backend,
                single_calls=single,
                each=self.settings.log.level == "debug",
            ),
        )

    def _answers(self, flights: Flights, departures: Departures, cache: Cache, lanes: Lanes) -> Answers:
        return Answers(
            flights=flights,
            departures=departures,
            memory=cache,
            tally=self.tally,
            questions=self.questions,
            taxonomy_digest=self.taxonomy.digest,
            prompt_digest=self.prompt.digest,
            models=self.models,
            fallbacks=self.settings.llm.fallback_models,
            known=self._known,
            withdraw=lanes.withdraw,
        )

    def caller(self, lane: Lane, provider: Provider) -> Caller:
        """Makes the lane's calls."""
        return Caller(
            provider=provider,
            lane=lane,
            prompt=self.prompt,
            taxonomy=self.taxonomy,
            prices=self.prices,
            tally=self.tally,
            tokens=self.estimators[self.models[lane]],
            replies=self.replies(),
            rng=self.rng,
            batch_prefix=self.batch_prefix,
            tracing=self.tracing.calls if self.tracing else None,
            context_tokens=self.settings.llm.context_tokens,
            heard=self.heard,
        )

    def replies(self) -> ReplyBudget:
        """A reply budget to begin with."""
        return ReplyBudget(self.estimate(self.prompt.longest_answer))

    def corrections(self) -> Corrections:
        """The table of people's corrections, empty."""
        return Corrections(taxonomy=self.taxonomy, prefix=digest_prefix(self.settings.ticket.redact))

    def _arrivals(
        self,
        *,
        corrections: Corrections,
        knowledge: Knowledge,
        asking: Asking,
        departures: Departures,
        deadlines: Deadlines,
        gate: Gate,
        updates: Updates,
        refreshing: Refreshing | None,
    ) -> Arrivals:
        triage = self.triage()
        return Arrivals(
            reader=self.reader(),
            preparer=self.preparer(triage),
            triage=triage,
            corrections=corrections,
            knowledge=knowledge,
            asking=asking,
            departures=departures,
            deadlines=deadlines,
            storms=StormWatch(tally=self.tally, now=self.now),
            tally=self.tally,
            now=self.now,
            questions=self.questions,
            cache_name=knowledge.cache.backend,
            first_model_out=lambda lane: gate.breaker(self.models[lane]).open,
            updates=updates,
            refreshing=refreshing,
        )

    def _refreshing(self, bulk: BulkLane) -> Refreshing:
        return Refreshing(refreshes=bulk.refreshes, model=self.models[Lane.BULK], clock=self.clock)

    def triage(self) -> Triage:
        """The urgent lane's rules."""
        return Triage(**self.settings.triage.model_dump())

    def reader(self) -> TicketReader:
        """Reads records into tickets."""
        ticket = self.settings.ticket
        return TicketReader(
            format=ticket.format,
            max_bytes=ticket.max_bytes,
            context_fields=ticket.context_fields,
            fields=ticket.fields,
            decoder=self.decoder,
        )

    def preparer(self, triage: Triage) -> Preparer:
        """Prepares tickets' texts."""
        return new_preparer(
            self.settings, self.prompt.digest, self.models, triage=triage, estimate=self.estimate
        )

    def _known(self, labels: tuple[str, ...], model: str) -> Known:
        now = self.clock()
        return Known(
            labels=labels,
            model=model,
            prompt_digest=self.prompt.digest,
            taxonomy_digest=self.taxonomy.digest,
            written_at=now,
            expires_at=expiry(now, self.settings.cache.ttl_s, self.rng),
        )
