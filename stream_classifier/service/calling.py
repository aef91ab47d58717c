"""How the lanes call the provider, as the settings say it: the clients, what a call waits for, each lane's
way of asking, and what the bulk lane gathers for a call."""

import asyncio
from collections.abc import Callable, Mapping

from pydantic import SecretStr

from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy
from stream_classifier.core.gatherings import Gatherings
from stream_classifier.core.ladder import Ladders
from stream_classifier.core.prices import Prices
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.answering import Answering, Sink
from stream_classifier.lanes.bulk import BulkLane
from stream_classifier.lanes.calls import Caller
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.lanes.prober import Prober
from stream_classifier.lanes.spending import SpendStore
from stream_classifier.llm.client import OpenAIClient
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.early_arrivals import EarlyArrivals
from stream_classifier.service.account import new_limiter, new_spending
from stream_classifier.settings import Settings, api_key_now

BACKOFF_S = {Lane.BULK: 0.5, Lane.URGENT: 0.1}  # for an urgent ticket a person waits
EARLY_ROUNDS = 3  # of urgent calls: each takes seconds, and the deadline is half a minute away
PROBE_CONNECTIONS = 1  # beside the calls': a probe must not wait for calls that hang


def first_models(settings: Settings) -> dict[Lane, str]:
    """The model that each lane calls first."""
    return {Lane.BULK: settings.llm.model, Lane.URGENT: settings.llm.urgent_model}


def new_clients(settings: Settings, environ: Mapping[str, str], ladders: Ladders) -> dict[Lane, OpenAIClient]:
    """A client a lane: connections that one lane has used up are not the other's concern. What one learns of
    the endpoint serves both, in `ladders`."""
    llm = settings.llm
    timeouts_s = {Lane.BULK: llm.timeout_s, Lane.URGENT: settings.urgent.timeout_s}
    return {
        lane: OpenAIClient(
            llm.base_url,
            api_key=lambda: _revealed(api_key_now(settings, environ)),
            timeout_s=timeout_s,
            connections=calls_at_once(settings, lane) + PROBE_CONNECTIONS,
            headers={name: value.get_secret_value() for name, value in llm.headers.items()},
            params=llm.params,
            ca_file=llm.ca_file,
            ladders=ladders,
        )
        for lane, timeout_s in timeouts_s.items()
    }


def new_gate(
    settings: Settings,
    *,
    prices: Prices,
    tally: Tally,
    store: SpendStore,
    now: Callable[[], float],
    clock: Callable[[], float],
) -> Gate:
    """What the calls of both lanes wait for. `now` is the loop's clock; `clock` gives unix seconds."""
    return Gate(
        tally=tally,
        now=now,
        new_limiter=lambda: new_limiter(settings),
        spending=new_spending(settings, prices, tally, store, clock),
    )


def new_prober(settings: Settings, gate: Gate, callers: Mapping[Lane, Caller]) -> Prober:
    """Asks the constant record of each lane's models: its first one, then the fallback models."""
    fallbacks = settings.llm.fallback_models
    models = {lane: [model, *fallbacks] for lane, model in first_models(settings).items()}
    return Prober(gate=gate, callers=callers, models=models)


def new_answering(settings: Settings, lane: Lane, prober: Prober, sink: Sink) -> Answering:
    """One lane's way of asking; the answers go to `sink`."""
    return Answering(
        caller=prober.callers[lane],
        gate=prober.gate,
        prober=prober,
        slots=asyncio.Semaphore(calls_at_once(settings, lane)),
        sink=sink,
        models=prober.models[lane],
        max_attempts=settings.llm.max_attempts,
        backoff_s=BACKOFF_S[lane],
    )


def new_bulk_lane(
    settings: Settings, answering: Answering, *, now: Callable[[], float], clock: Callable[[], float]
) -> BulkLane:
    """The bulk lane. `now` is the loop's clock; `clock` gives unix seconds."""
    batch = settings.batch
    policy = BatchPolicy(
        max_tickets=batch.max_tickets, max_tokens=batch.max_tokens, max_wait_s=batch.max_wait_s
    )
    return BulkLane(
        answering=answering,
        gathering=Gatherings(policy),
        now=now,
        isolate_tenants=batch.isolate_tenants,
        clock=clock,
    )


def new_early_arrivals(settings: Settings, arrivals: Arrivals, flights: Flights) -> EarlyArrivals:
    """Takes urgent records before their turn, as many as the urgent lane can ask in time."""
    return EarlyArrivals(
        arrivals=arrivals,
        key_order=settings.kafka.key_order,
        waiting=lambda: flights.waiting(Lane.URGENT),
        most_waiting=EARLY_ROUNDS * calls_at_once(settings, Lane.URGENT),
    )


def calls_at_once(settings: Settings, lane: Lane) -> int:
    """How many calls a lane may have under way."""
    return settings.urgent.concurrency if lane is Lane.URGENT else settings.llm.concurrency


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
