"""What exactly-once costs: one service in both delivery modes, its tickets a second and an urgent one's time.

Throughput is of tickets that the cache knows, as in `hot_path`, so that nothing but delivery can hold them
up; the end is the group's own position, which in exactly-once moves in the transaction that publishes. An
urgent ticket's time is a consumer's, who reads only what is committed; the bulk tickets before it are in
its own partition, as in `urgent`. Rounds of the two modes alternate.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.desk import a_desk
from benchmarks.figures import Figure, Findings, percentile
from benchmarks.hot_path import made_ticket
from benchmarks.kafka import Topics, committed, fill, fresh_topics
from benchmarks.processes import Process, running, service, simulator
from benchmarks.urgent import LATENCY_S, TOKENS_PER_S, WARM_UP

MODES = ("at-least-once", "exactly-once")
COMMIT_INTERVAL_S = 0.1  # at-least-once tells its position this often: the resolution of its end
WORK_S = 60.0  # many times what a round takes; then it hangs
FULL_BATCHES = {"max_tickets": 50}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A round is `tickets` known ones with so many distinct `texts`; then `urgent` ones alone, and as many
    behind `backlog` bulk tickets."""

    rounds: int = 5
    tickets: int = 60_000
    texts: int = 2_000
    urgent: int = 100
    backlog: int = 5_000


@dataclass(slots=True)
class Measured:
    """One mode's figures: tickets a second by round, milliseconds by urgent ticket."""

    rates: list[float] = field(default_factory=list)
    alone_ms: list[float] = field(default_factory=list)
    behind_ms: list[float] = field(default_factory=list)


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Both modes in turn, over `size.rounds` rounds. Raises TimeoutError where a round hangs."""
    measured = {mode: Measured() for mode in MODES}
    quick = simulator(directory, "--latency", "0", "--tokens-per-s", "1000000")
    slow = simulator(
        directory, "--latency", str(LATENCY_S), "--tokens-per-s", str(TOKENS_PER_S), name="slow-simulator"
    )
    with running(quick), running(slow):
        await quick.ready("/healthz")
        await slow.ready("/healthz")
        for _ in range(size.rounds):
            for mode, found in measured.items():
                found.rates.append(await _rate(bootstrap_servers, directory, quick, mode, size))
                async with fresh_topics(bootstrap_servers) as topics:
                    process = service(directory, topics, slow, {"kafka": {"delivery": mode}})
                    with running(process):
                        await process.ready("/readyz")
                        await _urgent(topics, size, found)
    return Findings(title=_title(size), figures=_figures(measured))


async def _rate(servers: str, directory: Path, provider: Process, mode: str, size: Size) -> float:
    settings = {
        "kafka": {"delivery": mode, "commit_interval_s": COMMIT_INTERVAL_S},
        "batch": FULL_BATCHES,
    }
    texts, all_tickets = size.texts, size.texts + size.tickets
    async with fresh_topics(servers) as topics:
        await fill(servers, topics.input, (made_ticket(n, n) for n in range(texts)))
        with running(service(directory, topics, provider, settings)) as process:
            await committed(topics, texts, within_s=WORK_S)
            process.freeze()
            await fill(servers, topics.input, (made_ticket(n, n % texts) for n in range(texts, all_tickets)))
            began_s = time.monotonic()
            process.thaw()
            await committed(topics, all_tickets, within_s=WORK_S)
            seconds = time.monotonic() - began_s
            await asyncio.to_thread(process.stop)
    return size.tickets / seconds


async def _urgent(topics: Topics, size: Size, found: Measured) -> None:
    async with a_desk(topics, isolation_level="read_committed") as desk:
        await desk.alone("warm-up", WARM_UP)
        found.alone_ms += await desk.alone("alone", size.urgent)
        await desk.behind(size.backlog, "burst", 1)  # until its backlog is read
        found.behind_ms += await desk.behind(size.backlog, "behind", size.urgent)


def _figures(measured: Mapping[str, Measured]) -> list[Figure]:
    at_least_once, exactly_once = (measured[mode] for mode in MODES)
    ratios = [ours / theirs for ours, theirs in zip(exactly_once.rates, at_least_once.rates, strict=True)]
    figures = [Figure(name=f"{mode}: rate", values=m.rates, unit="tickets/s") for mode, m in measured.items()]
    figures.append(Figure(name="rate, exactly-once to at-least-once", values=ratios))
    for mode, found in measured.items():
        figures += _times(f"{mode}: urgent alone", found.alone_ms)
        figures += _times(f"{mode}: urgent behind the backlog", found.behind_ms)
    return figures


def _times(name: str, times_ms: Sequence[float]) -> list[Figure]:
    shares = (("p50", 0.5), ("p99", 0.99))
    return [
        Figure(name=f"{name}, {p}", values=[percentile(times_ms, share)], unit="ms") for p, share in shares
    ]


def _title(size: Size) -> str:
    return (
        f"Both delivery modes: {size.rounds} rounds each of {size.tickets:,} known tickets, and of "
        f"{size.urgent} urgent ones alone and behind at least {size.backlog:,} bulk tickets in their "
        f"partition; {LATENCY_S} s and {TOKENS_PER_S} output tokens a second a call"
    )
