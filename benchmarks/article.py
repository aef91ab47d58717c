"""The article's own case: 1,000 tickets with a fifth of repeats, 5 s for a batch of ten, 2 s for one.

Four ways to label them, side by side in one run, each with a provider of its own:

* the article's code, one batch after another;
* the same with as many calls at once as the service makes;
* one call a ticket with as many calls at once, nothing remembered;
* the service, between a real Kafka and its provider.

And once more, at the same time, each before a provider of which a share of the calls fails: who loses
answers? All times of calls are divided by `scale`, and so are the waits that are set (the service's for
company); what is measured is told in the article's seconds. So what the programs themselves need weighs
`scale` times as much as it would.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.article_code import MODEL, ArticleCode
from benchmarks.figures import Figure, Findings, percentile
from benchmarks.kafka import Keyed
from benchmarks.outcome import Event, published
from benchmarks.paused import Paused, call_log, paused_service
from benchmarks.processes import Process, running, simulator
from stream_classifier.core.call import Usage
from stream_classifier.core.prices import Price
from stream_classifier.core.taxonomy import Taxonomy, read_taxonomy
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY, made_tickets
from stream_classifier.settings.prices import KNOWN_PRICES

TICKETS, REPEATS, URGENT = 1_000, 0.2, 0.03
BATCH_TICKETS = 10
TOKENS_PER_S = 20.0
LATENCY_S = 1.64  # with the pace above 2 s for a reply of 7 tokens, and 5 s for one of 67
MAX_WAIT_S = 2.0  # the service's default
CALL_LOG = 10_000_000
URGENT_PRIORITIES = frozenset({"urgent", "critical", "highest", "blocker", "p0", "p1"})
SERVICE = "service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is measured: `scale` divides all times, `failing` is the share of calls that fail in the
    second pass."""

    rounds: int = 5
    scale: float = 15.0
    concurrency: int = 8
    failing: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What one way made of the tickets; times in the article's seconds."""

    seconds: float
    lost: int
    urgent_waits_s: Sequence[float]
    calls: Sequence[Mapping[str, Any]]

    @property
    def tokens(self) -> int:
        """Sent and received."""
        return sum(call["tokens_in"] + call["tokens_out"] for call in self.calls)

    @property
    def cost_usd(self) -> float:
        """By the list price of the cheapest model that is usual for this."""
        price = Price(**KNOWN_PRICES[MODEL].model_dump())
        return sum(price.cost_usd(_usage(call)) for call in self.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The tickets, as records and as the article's code takes them."""

    rows: Sequence[Keyed]
    texts: Sequence[str]
    urgent: Sequence[int]  # places among the texts
    taxonomy: Taxonomy = field(default_factory=lambda: read_taxonomy(dict(DEMO_TAXONOMY)))


def ways(concurrency: int) -> Mapping[str, Mapping[str, Any]]:
    """What sets the three apart that are no service."""
    ten = {"batch_tickets": BATCH_TICKETS, "remembers": True}
    return {
        "article's code": {**ten, "concurrency": 1},
        f"article's code, {concurrency} calls at once": {**ten, "concurrency": concurrency},
        f"one call a ticket, {concurrency} at once": {
            "batch_tickets": 1,
            "remembers": False,
            "concurrency": concurrency,
        },
    }


def the_case(seed: int) -> Case:
    """1,000 made tickets. The repeats are so to the letter, since the article's code knows no others again;
    the service's cache would find more."""
    rng = Random(seed)
    fresh = round(TICKETS * (1 - REPEATS))
    made = made_tickets(fresh, seed, repeats=0.0, urgent=URGENT, not_tickets=0.0)
    tickets = [orjson.loads(record.value) for record in made]
    for number in range(TICKETS - fresh):
        first = rng.randrange(len(tickets))
        again = {**tickets[first], "ticket_id": f"R-{number}", "revision": 1}
        tickets.insert(rng.randint(first + 1, len(tickets)), again)
    return Case(
        rows=[(ticket["ticket_id"].encode(), orjson.dumps(ticket)) for ticket in tickets],
        texts=[f"{ticket['subject']}\n{ticket['body']}" for ticket in tickets],
        urgent=[place for place, ticket in enumerate(tickets) if _is_urgent(ticket)],
    )


def _is_urgent(ticket: Mapping[str, Any]) -> bool:
    return (ticket["priority"] or "").casefold() in URGENT_PRIORITIES


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """All ways at once, round after round."""
    sound: dict[str, list[Tried]] = {way: [] for way in (*ways(size.concurrency), SERVICE)}
    failing: dict[str, list[Tried]] = {way: [] for way in sound}
    async with AsyncExitStack() as life:
        passes = [
            (sound, await _providers(life, directory, sound, size, failing=0.0)),
            (failing, await _providers(life, directory, failing, size, failing=size.failing)),
        ]
        for number in range(size.rounds):
            await _round(bootstrap_servers, directory, the_case(number), passes, size)
    return Findings(title=_title(size), figures=[*figures_of(sound), *losses_of(failing)])


async def _providers(
    life: AsyncExitStack, directory: Path, of: Mapping[str, Any], size: Size, *, failing: float
) -> dict[str, Process]:
    """A simulated provider for each way."""
    pace = ("--latency", str(LATENCY_S / size.scale), "--tokens-per-s", str(TOKENS_PER_S * size.scale))
    fault = ("--fault", f"http_503:probability={failing}") if failing else ()
    options = (*pace, "--call-log", str(CALL_LOG), *fault)
    providers = {
        way: simulator(directory, *options, name=f"simulator-{place}-{failing}")
        for place, way in enumerate(of)
    }
    for provider in providers.values():
        life.enter_context(running(provider))
    for provider in providers.values():
        await provider.ready("/healthz")
    return providers


async def _round(
    bootstrap_servers: str,
    directory: Path,
    case: Case,
    passes: Sequence[tuple[dict[str, list[Tried]], dict[str, Process]]],
    size: Size,
) -> None:
    async with AsyncExitStack() as life:
        services = [
            await life.enter_async_context(
                paused_service(bootstrap_servers, directory, providers[SERVICE], case.rows, _settings(size))
            )
            for _, providers in passes
        ]
        async with asyncio.TaskGroup() as side_by_side:
            for (done, providers), paused in zip(passes, services, strict=True):
                for way, how in ways(size.concurrency).items():
                    side_by_side.create_task(_by_code(done[way], providers[way], case, how, size))
                side_by_side.create_task(_by_service(done[SERVICE], providers[SERVICE], case, paused, size))


async def _by_code(
    done: list[Tried], provider: Process, case: Case, how: Mapping[str, Any], size: Size
) -> None:
    calls_before = len(await call_log(provider))
    code = ArticleCode(url=provider.url, texts=case.texts, taxonomy=case.taxonomy, **how)
    seconds = await code.run()
    waits_s = [code.answered[place] * size.scale for place in case.urgent if place in code.answered]
    done.append(
        Tried(
            seconds=seconds * size.scale,
            lost=TICKETS - len(code.answered),
            urgent_waits_s=waits_s,
            calls=(await call_log(provider))[calls_before:],
        )
    )


async def _by_service(done: list[Tried], provider: Process, case: Case, paused: Paused, size: Size) -> None:
    played = await paused.play()
    topics, ends = paused.topics, paused.ends
    events = await published(topics.bootstrap_servers, topics.output, await ends.count(topics.output))
    done.append(
        Tried(
            seconds=played.seconds * size.scale,
            lost=TICKETS - len({event.event_id for event in events if event.status == "labelled"}),
            urgent_waits_s=[(event.labelled_at - played.clock_s) * size.scale for event in _urgent(events)],
            calls=played.calls_of(await call_log(provider)),
        )
    )


def _urgent(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.lane == "urgent"]


def _settings(size: Size) -> dict[str, Any]:
    """The defaults, but for what is scaled and what must be alike for all."""
    return {
        "llm": {"concurrency": size.concurrency, "model": MODEL},
        "batch": {"max_tickets": BATCH_TICKETS, "max_wait_s": MAX_WAIT_S / size.scale},
    }


def figures_of(sound: Mapping[str, Sequence[Tried]]) -> list[Figure]:
    """Of the pass in which no call fails."""
    figures = []
    for way, done in sound.items():
        pairs = list(zip(done, sound[SERVICE], strict=True))
        figures += [
            Figure(name=f"{way}: time", values=[t.seconds for t in done], unit="s"),
            Figure(name=f"{way}: time to the service's", values=[t.seconds / s.seconds for t, s in pairs]),
            Figure(name=f"{way}: calls", values=[len(t.calls) for t in done]),
            Figure(name=f"{way}: tokens", values=[t.tokens for t in done]),
            Figure(name=f"{way}: cost", values=[t.cost_usd for t in done], unit="USD"),
            Figure(name=f"{way}: cost to the service's", values=[t.cost_usd / s.cost_usd for t, s in pairs]),
            _wait(way, done, "p50", 0.5),
            _wait(way, done, "max", 1.0),
        ]
    lost = [tried.lost for tried in sound[SERVICE]]
    return [*figures, Figure(name=f"{SERVICE}: lost", values=lost, unit="answers", at_most=0)]


def losses_of(failing: Mapping[str, Sequence[Tried]]) -> list[Figure]:
    """Of the pass in which some calls fail."""
    return [
        Figure(
            name=f"{way}: lost where calls fail",
            values=[tried.lost for tried in done],
            unit="answers",
            at_most=0 if way == SERVICE else None,
        )
        for way, done in failing.items()
    ]


def _wait(way: str, done: Sequence[Tried], name: str, share: float) -> Figure:
    values = [percentile(tried.urgent_waits_s, share) for tried in done]
    return Figure(name=f"{way}: an urgent ticket's wait, {name}", values=values, unit="s")


def _usage(call: Mapping[str, Any]) -> Usage:
    return Usage(tokens_in=call["tokens_in"], tokens_out=call["tokens_out"], cached_in=call["tokens_cached"])


def _title(size: Size) -> str:
    return (
        f"The article's case: {TICKETS:,} tickets, {REPEATS:.0%} repeats, {size.concurrency} calls at once, "
        f"{size.failing:.0%} of the calls failing in the second pass; all times of calls divided by "
        f"{size.scale:g}, and told as if they were not"
    )
