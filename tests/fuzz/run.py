"""Drives fuzzed records through the service's own pipeline, between a fake provider and the account.

Rules
-----
* Records come as from a poll, some at a time. Before more than `WINDOW` are on their way, all must be done
  within `STUCK_S` of the loop's clock, which jumps: whoever waits for what never comes is found at once.
* What the pipeline says it has passed over and refused, by rule and by reason, is what the account has seen.
* Nothing is kept of records that are done, so that the memory that is measured is the pipeline's.
"""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import structlog

from stream_classifier.cache import Cache, MemoryFront
from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, Signal
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.tally import Tally
from stream_classifier.service.building import Builder
from stream_classifier.service.parts import Pipeline
from tests.fuzz.account import Account, Broken
from tests.fuzz.fuzzer import CANARY_WORD, Fuzzed, records
from tests.fuzz.texts import MARK
from tests.unit.conftest import JumpingLoop
from tests.unit.lane_fakes import Call, ScriptedProvider, failure, reply
from tests.unit.lane_world import settings

WINDOW = 500  # records on their way; each waits for the slowest of them
LARGEST_POLL = 40
STUCK_S = 3600.0
SAMPLES = 20  # of the memory, over a run
LATENCY_S = 1 / 1024

EVERYTHING: dict[str, Any] = {
    "ticket": {
        "redact": ["email", "phone", "card", "iban", "ip", "secret"],
        "context_fields": ["channel", "tags", "properties.hs_pipeline", "via"],
        "on_update": "skip_unchanged",
        "max_chars": 500,
    },
    "triage": {"keywords": ["broken", "invoice"], "tags": ["vip"], "tenants": ["acme"]},
    "batch": {"isolate_tenants": True},
}
PROFILES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "everything": EVERYTHING,
    "own paths": {"ticket": {"fields": {"ticket_id": "ticket_id", "body": "body", "tags": "issue.labels"}}},
    **{name: {"ticket": {"format": name}} for name in ("json", "zendesk", "jira", "debezium", "cloudevents")},
}
"""Settings that records are sent through, by name."""

NO_CANARIES = frozenset({"zendesk", "jira", "cloudevents"})  # a canary is none of these


@dataclass(slots=True, kw_only=True)
class Figures:
    """What became of a run's records. `rss_bytes` at even distances; `slowest_s` is of one poll's
    records, on the processor."""

    records: int = 0
    events: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    passed_over: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    took_s: float = 0.0
    slowest_s: float = 0.0
    rss_bytes: list[int] = field(default_factory=list)


def run(seed: int, count: int, profile: str = "defaults") -> Figures:
    """Send so many records through the pipeline. Raises `Broken` where a promise is broken, and whatever
    the pipeline raises."""
    structlog.configure(processors=[_listen], cache_logger_on_first_use=False)
    try:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(_run(seed, count, profile))
    finally:
        structlog.reset_defaults()


def _listen(_logger: object, _method: str, line: MutableMapping[str, Any]) -> NoReturn:
    """No line holds what stood in a ticket, but its id; and none is kept."""
    if MARK in str({**line, "ticket_id": None}):
        raise Broken(f"a line tells of a text: {line}")
    raise structlog.DropEvent


async def _run(seed: int, count: int, profile: str) -> Figures:
    tally, source, began = Tally(), records(seed, count), time.perf_counter()
    drive = Drive(canaries=profile not in NO_CANARIES)
    figures = drive.figures
    async with _running(PROFILES[profile], tally, drive.account) as (pipeline, providers):
        while window := list(islice(source, WINDOW)):
            drive.take(pipeline, window)
            await _done(drive.partition.ledger)
            drive.account.settle()
            figures.calls += sum(len(provider.calls) for provider in providers)
            for provider in providers:
                provider.calls.clear()
            if figures.records * SAMPLES // count > len(figures.rss_bytes):
                figures.rss_bytes.append(_rss_bytes())
    figures.took_s = time.perf_counter() - began
    figures.events, figures.fates = drive.account.events, drive.account.fates
    figures.passed_over = _rules(tally)
    _compare(figures, tally)
    return figures


@dataclass(slots=True, kw_only=True)
class Drive:
    """One run. `canaries`: they are tickets by its settings."""

    canaries: bool
    account: Account = field(default_factory=Account)
    figures: Figures = field(default_factory=Figures)
    partition: Partition = field(
        default_factory=lambda: Partition(topic="tickets", number=0, ledger=Ledger(start=0))
    )

    def take(self, pipeline: Pipeline, window: Sequence[Fuzzed]) -> None:
        """These records come, some a poll."""
        start = self.partition.ledger.next_offset
        for offset, fuzzed in enumerate(window, start):
            fuzzed.record.offset = offset
            self.account.open[offset] = Fuzzed(fuzzed.record, fuzzed.canary if self.canaries else None)
        for poll in _polls(window, start):
            began = time.process_time()
            pipeline.arrivals.take(self.partition, [fuzzed.record for fuzzed in poll])
            self.figures.slowest_s = max(self.figures.slowest_s, time.process_time() - began)
        self.figures.records += len(window)


def _polls(window: Sequence[Fuzzed], seed: int) -> Iterator[Sequence[Fuzzed]]:
    rng, start = Random(seed), 0
    while start < len(window):
        end = start + rng.randint(1, LARGEST_POLL)
        yield window[start:end]
        start = end


async def _done(ledger: Ledger) -> None:
    loop = asyncio.get_running_loop()
    until = loop.time() + STUCK_S
    while ledger.position < ledger.next_offset:
        if loop.time() > until:
            raise Broken(f"Record {ledger.position} holds up its partition.")
        await asyncio.sleep(LATENCY_S)


def _rss_bytes() -> int:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def _rules(tally: Tally) -> Counter[str]:
    return Counter({rule: int(n) for (rule,), n in tally.counters.get(measures.PASSED_OVER, {}).items()})


def _compare(figures: Figures, tally: Tally) -> None:
    """In is out, dead letters and what was passed over; and what is counted is what was seen."""
    dead = {name: n for name, n in figures.fates.items() if name.startswith("dead letter")}
    counted = {
        f"dead letter {reason}": n for (reason,), n in tally.counters.get(measures.DEAD_LETTERS, {}).items()
    }
    if figures.fates.total() != figures.records or counted != dead:
        raise Broken(f"counted {counted}, seen {dict(figures.fates)}")
    if figures.passed_over.total() != figures.fates["passed over"]:
        raise Broken(f"counted {dict(figures.passed_over)}, seen {figures.fates['passed over']}")


@asynccontextmanager
async def _running(
    groups: dict[str, Any], tally: Tally, account: Account
) -> AsyncIterator[tuple[Pipeline, list[ScriptedProvider]]]:
    limits: dict[str, Any] = {
        "batch": {"max_tickets": 20, "max_wait_s": 0.05},
        "urgent": {"concurrency": 64},
        "llm": {"concurrency": 8},
    }
    merged = {name: limits.get(name, {}) | groups.get(name, {}) for name in limits.keys() | groups.keys()}
    front = MemoryFront(2_000, 4 << 20, clock=time.monotonic)
    async with Cache(front, None, ttl_s=3600.0, timeout_s=1.0, tally=tally, clock=time.monotonic) as cache:
        providers = {lane: ScriptedProvider(script=_at_times(), latency_s=_quickly) for lane in Lane}
        pipeline = Builder(settings(**merged), tally).pipeline(cache, providers, account)
        lanes = pipeline.lanes
        work = [lanes.bulk.run(), lanes.urgent.run(), pipeline.deadlines.run(), *pipeline.upkeep().values()]
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(run) for run in work]
            yield pipeline, list(providers.values())
            for task in running:
                task.cancel()


def _quickly(_call: Call) -> float:
    return LATENCY_S


def _at_times() -> Callable[[Call], Outcome | None]:
    """A provider that now and then is away for a moment or leaves a text out. Never a canary's: where that
    happens three times in a row it is reviewed, and rightly so."""
    rng = Random(0)

    def script(call: Call) -> Outcome | None:
        happens = rng.random()
        if call.probe or happens > 0.03 or any(CANARY_WORD in text for text in call.texts):
            return None
        if happens > 0.02:
            return failure(Signal.SERVER_ERROR, status=503)
        return reply(call, change={call.texts[0]: None})

    return script
