"""What a process shares with others: the store behind its cache, and with Redis the texts being asked."""

import time
from collections.abc import Callable
from uuid import uuid4

from stream_classifier.cache import Backend, Cache, Leases, MemoryFront, SQLiteCache
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.leases import Leaseholder, WaitingRoom
from stream_classifier.core.tally import Tally
from stream_classifier.lanes.flights import Flights
from stream_classifier.lanes.gate import Gate
from stream_classifier.pipeline.arrivals import Arrivals
from stream_classifier.pipeline.foreseeing import Foreseeing
from stream_classifier.pipeline.leased_look_ups import LeasedLookUps
from stream_classifier.settings import Settings
from stream_classifier.settings.cache import Cache as CacheSettings


def new_cache(settings: Settings, tally: Tally) -> Cache:
    """The cache that the settings name."""
    cache = settings.cache
    return Cache(
        MemoryFront(cache.max_entries, cache.max_bytes, clock=time.time),
        new_backend(cache),
        ttl_s=cache.ttl_s,
        timeout_s=cache.timeout_s,
        tally=tally,
        clock=time.time,
    )


def new_backend(cache: CacheSettings) -> Backend | None:
    """The store behind the front; None for memory alone."""
    if cache.backend == "sqlite":
        limits = {"max_entries": cache.max_entries, "max_bytes": cache.max_bytes}
        return SQLiteCache(cache.path, **limits, clock=time.time)
    if cache.backend == "redis" and cache.url is not None:
        from stream_classifier.cache.redis import RedisCache  # its client is installed only where wanted

        return RedisCache(cache.url, key_prefix=cache.key_prefix, clock=time.time)
    return None


def new_leases(cache: Cache, flights: Flights, now: Callable[[], float]) -> Leases | None:
    """This replica's leases, given back as bulk's flights land; None where nothing is shared."""
    if cache.shared is None:
        return None
    leases = Leases(
        cache=cache,
        backend=cache.shared,
        holder=Leaseholder(lambda: uuid4().hex),
        in_flight=lambda key: flights.has(Lane.BULK, key),
        now=now,
    )
    flights.landed = leases.landed
    return leases


def new_foreseeing(cache: Cache, arrivals: Arrivals) -> Foreseeing | None:
    """What looks a poll up beforehand; None where there is nothing but memory."""
    if cache.backend == "memory":
        return None
    return Foreseeing(arrivals=arrivals, fetch=cache.fetch_piece, leased=cache.shared is not None)


def new_look_ups(
    settings: Settings, cache: Cache, leases: Leases, arrivals: Arrivals, gate: Gate
) -> LeasedLookUps:
    """Bulk's look-ups. A text waits for others no longer than a call may take: then they are in trouble."""
    look_ups = LeasedLookUps(
        leases=leases,
        room=WaitingRoom(patience_s=settings.llm.timeout_s),
        fetch=cache.fetch,
        peek=cache.peek,
        looked_up=arrivals.looked_up,
        take_back=arrivals.asking.take_back,
        in_flight=leases.in_flight,
        stopping=lambda: gate.stopping,
        tally=arrivals.tally,
        now=arrivals.now,
    )
    arrivals.tally.gauge(
        measures.LEASES, lambda: {("held",): len(leases.holder), ("waited_for",): len(look_ups.room)}
    )
    return look_ups
