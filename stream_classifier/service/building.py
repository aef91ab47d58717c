"""The composition root: every part is made here from the settings, and handed what it needs.

Nothing else knows all rooms. Parts that need one another meet here, through the Protocols that stand
with whoever needs them.
"""

import asyncio
import time
from collections.abc import Mapping
from random import Random
from uuid import uuid4

from pydantic import SecretStr

from stream_classifier.cache import Cache, MemoryFront, SQLiteCache
from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy, Gathering
from stream_classifier.core.cache_key import KeyMaker
from stream_classifier.core.event import EventWriter
from stream_classifier.core.journey import Ask
from stream_classifier.core.known import Known, expiry
from stream_classifier.core.ladder import Ladder
from stream_classifier.core.limits import Bucket, Limiter
from stream_classifier.core.prices import Price, Prices, SingleCalls
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.tally import Tally
from stream_classifier.core.ticket import TicketReader
from stream_classifier.core.tokens import ReplyBudget, TokenEstimator
from stream_classifier.core.triage import Triage
from stream_classifier.lanes.answering import Answering
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.calls import Caller, Provider
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.urgent import UrgentLane
from stream_classifier.llm.client import OpenAIClient
from stream_classifier.pipeline.answers import Answers
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.deadlines import Deadlines
from stream_classifier.pipeline.departures import Departures, Outbox
from stream_classifier.pipeline.look_ups import LookUps
from stream_classifier.pipeline.preparing import Preparer
from stream_classifier.pipeline.telling import Telling
from stream_classifier.service.parts import Knowledge, Lanes, Pipeline
from stream_classifier.settings import Settings, api_key_now

BACKOFF_S = {Lane.BULK: 0.5, Lane.URGENT: 0.1}  # for an urgent ticket a person waits
PROBE_CONNECTIONS = 1  # beside the calls': a probe must not wait for calls that hang
BATCH_PREFIX_CHARS = 6  # sets the batch ids of two processes apart


class Builder:
    """Makes the parts of one service. The loop must be running."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self.settings = settings
        self.tally = tally
        self.now = asyncio.get_running_loop().time
        self.rng = Random()
        self.taxonomy = settings.taxonomy
        self.questions = len(settings.taxonomy.questions)
        self.prompt = Prompt(settings.taxonomy)
        self.models = {Lane.BULK: settings.llm.model, Lane.URGENT: settings.llm.urgent_model}
        self.estimators = {model: TokenEstimator() for model in self.models.values()}
        self.estimate = self.estimators[settings.llm.model].estimate
        self.prices = Prices({m: Price(**p.model_dump()) for m, p in settings.llm.prices.items()})
        self.ladders: dict[str, Ladder] = {}  # one endpoint: what one lane learns of it serves both
        self.batch_prefix = uuid4().hex[:BATCH_PREFIX_CHARS]

    def cache(self) -> Cache:
        """The cache that the settings name."""
        cache = self.settings.cache
        limits = {"max_entries": cache.max_entries, "max_bytes": cache.max_bytes}
        backend = None
        if cache.backend == "sqlite":
            backend = SQLiteCache(cache.path, **limits, clock=time.time)
        return Cache(
            MemoryFront(**limits, clock=time.time),
            backend,
            ttl_s=cache.ttl_s,
            timeout_s=cache.timeout_s,
            tally=self.tally,
            clock=time.time,
        )

    def clients(self, environ: Mapping[str, str]) -> dict[Lane, OpenAIClient]:
        """A client a lane: connections that one lane has used up are not the other's concern."""
        settings = self.settings
        return {
            Lane.BULK: self._client(environ, settings.llm.timeout_s, self._calls(Lane.BULK)),
            Lane.URGENT: self._client(environ, settings.urgent.timeout_s, self._calls(Lane.URGENT)),
        }

    def pipeline(self, cache: Cache, providers: Mapping[Lane, Provider], outbox: Outbox) -> Pipeline:
        """The journey from a polled record to the outbox."""
        gate = Gate(tally=self.tally, now=self.now, new_limiter=self._limiter)
        flights, lanes, knowledge = Flights(), Lanes(), Knowledge(cache)
        departures = self._departures(outbox, cache)
        answers = self._answers(flights, departures, cache, lanes)
        asking = {lane: self._answering(lane, providers[lane], gate, answers) for lane in Lane}
        gathering: Gathering[Ask] = Gathering(self._policy())
        lanes.bulk = BulkLane(answering=asking[Lane.BULK], gathering=gathering, now=self.now)
        lanes.urgent = UrgentLane(answering=asking[Lane.URGENT])
        deadlines = Deadlines(
            departures=departures,
            deadline_s=self.settings.urgent.deadline_s,
            questions=self.questions,
            now=self.now,
            expired=answers.leave,
        )
        arrivals = self._arrivals(knowledge, flights, lanes, departures, deadlines)
        for lane in Lane:
            knowledge.look_ups[lane] = LookUps(fetch=cache.fetch, looked_up=arrivals.looked_up)
        return Pipeline(
            gate=gate,
            flights=flights,
            lanes=lanes,
            arrivals=arrivals,
            deadlines=deadlines,
            look_ups=knowledge.look_ups,
        )

    def _client(self, environ: Mapping[str, str], timeout_s: float, calls: int) -> OpenAIClient:
        llm = self.settings.llm
        return OpenAIClient(
            llm.base_url,
            api_key=lambda: _revealed(api_key_now(self.settings, environ)),
            timeout_s=timeout_s,
            connections=calls + PROBE_CONNECTIONS,
            headers={name: value.get_secret_value() for name, value in llm.headers.items()},
            params=llm.params,
            ca_file=llm.ca_file,
            ladders=self.ladders,
        )

    def _departures(self, outbox: Outbox, cache: Cache) -> Departures:
        single = SingleCalls.of(self.prices, self.models[Lane.BULK], self.prompt, self.estimate)
        return Departures(
            outbox=outbox,
            writer=EventWriter([question.name for question in self.taxonomy.questions]),
            tally=self.tally,
            wall_ms=lambda: time.time_ns() // 1_000_000,
            key_order=self.settings.kafka.key_order,
            telling=Telling(
                tally=self.tally,
                cache_name=cache.backend,
                single_cost_usd=single.cost_usd,
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
            known=self._known,
            withdraw=lanes.withdraw,
        )

    def _answering(self, lane: Lane, provider: Provider, gate: Gate, sink: Answers) -> Answering:
        return Answering(
            caller=Caller(
                provider=provider,
                lane=lane,
                prompt=self.prompt,
                taxonomy=self.taxonomy,
                prices=self.prices,
                tally=self.tally,
                tokens=self.estimators[self.models[lane]],
                replies=ReplyBudget(self.estimate(self.prompt.longest_answer)),
                rng=self.rng,
                batch_prefix=self.batch_prefix,
            ),
            gate=gate,
            slots=asyncio.Semaphore(self._calls(lane)),
            sink=sink,
            models=[self.models[lane], *self.settings.llm.fallback_models],
            max_attempts=self.settings.llm.max_attempts,
            backoff_s=BACKOFF_S[lane],
        )

    def _arrivals(
        self,
        knowledge: Knowledge,
        flights: Flights,
        lanes: Lanes,
        departures: Departures,
        deadlines: Deadlines,
    ) -> Arrivals:
        triage = Triage(**self.settings.triage.model_dump())
        return Arrivals(
            reader=self._reader(),
            preparer=self._preparer(triage),
            triage=triage,
            knowledge=knowledge,
            flights=flights,
            lanes=lanes,
            departures=departures,
            deadlines=deadlines,
            tally=self.tally,
            now=self.now,
            questions=self.questions,
            cache_name=knowledge.cache.backend,
            max_promoted=self.settings.urgent.max_promoted,
        )

    def _reader(self) -> TicketReader:
        ticket = self.settings.ticket
        return TicketReader(
            format=ticket.format,
            max_bytes=ticket.max_bytes,
            context_fields=ticket.context_fields,
            fields=ticket.fields,
        )

    def _preparer(self, triage: Triage) -> Preparer:
        return Preparer(
            triage=triage,
            bulk_keys=self._keys(Lane.BULK),
            urgent_keys=self._keys(Lane.URGENT),
            estimate=self.estimate,
            max_chars=self.settings.ticket.max_chars,
            left_out=self.settings.ticket.strip,
            isolate_tenants=self.settings.batch.isolate_tenants,
        )

    def _calls(self, lane: Lane) -> int:
        """How many calls a lane may have under way."""
        urgent = lane is Lane.URGENT
        return self.settings.urgent.concurrency if urgent else self.settings.llm.concurrency

    def _limiter(self) -> Limiter:
        llm = self.settings.llm
        return Limiter(
            requests=Bucket(llm.requests_per_minute),
            tokens=Bucket(llm.tokens_per_minute),
            stock=self.settings.urgent.reserve_calls,
        )

    def _policy(self) -> BatchPolicy:
        batch = self.settings.batch
        return BatchPolicy(
            max_tickets=batch.max_tickets, max_tokens=batch.max_tokens, max_wait_s=batch.max_wait_s
        )

    def _keys(self, lane: Lane) -> KeyMaker:
        settings = self.settings
        return KeyMaker(
            self.prompt.digest,
            self.models[lane],
            settings.llm.params,
            settings.ticket.redact,
            settings.batch.isolate_tenants,
        )

    def _known(self, labels: tuple[str, ...], model: str) -> Known:
        now = time.time()
        return Known(
            labels=labels,
            model=model,
            prompt_digest=self.prompt.digest,
            taxonomy_digest=self.taxonomy.digest,
            written_at=now,
            expires_at=expiry(now, self.settings.cache.ttl_s, self.rng),
        )


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
