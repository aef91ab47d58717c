"""Whether an account's limits are used up and kept, by one replica and by four that share it.

Services in processes of their own work off a backlog on a real topic for two minutes, against providers that
count requests and tokens a minute and refuse what is too much. There are four accounts: requests are the
scarcer of the two, or tokens; one replica uses the account, or four. They run side by side: a service that
waits for a limit uses next to no processor.

What is measured is the provider's own log of calls (`limits_log.py`). In the middle of the run, when bulk has
long used up the limit, a burst of urgent tickets comes, as many as the reserve is good for: what each takes
beyond its call's own time is what it had to wait.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.desk import Desk, a_desk
from benchmarks.figures import Figure, Findings
from benchmarks.kafka import PARTITIONS, Topics, fill, fresh_topics
from benchmarks.limits_log import REQUESTS, TOKENS, UNTIL_S, Use, use_of
from benchmarks.processes import Process, running, service, simulator
from stream_classifier.lab.made_tickets import made_tickets

BURST_S = 10.0  # a provider evaluates its limits over short times; Azure says "1 or 10 seconds"
LATENCY_S = 0.5
TOKENS_PER_S = 1000.0  # of output: a call's time is its latency
BACKLOG = 4_000  # more than the limits let through in the time
RESERVE_CALLS = 8  # the default of urgent.reserve_calls
URGENT_AT_S = 70.0
SHARES_WITHIN_S = 60.0  # until each replica has its part of the partitions
POLL_S = 0.2

USED_AT_LEAST = 0.97
REFUSED_AT_MOST = 0.01
WAITED_AT_MOST_MS = 250.0  # Kafka's part and a busy machine's; in line behind bulk it would be seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What is scarce, how many tickets a call therefore has, and how many replicas share it."""

    scarce: str
    batch_tickets: int
    replicas: int

    @property
    def name(self) -> str:
        """`requests scarce, 4 replicas`."""
        return f"{self.scarce} scarce, {self.replicas} replica{'s' * (self.replicas > 1)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of one account: the use of its limits, and the urgent tickets' times, if any were sent."""

    account: Account
    use: Use
    urgent_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`replicas` of each run; `burst_s` is what the provider lets through at once, in seconds' worth."""

    replicas: Sequence[int] = (1, 4)
    burst_s: float = BURST_S

    @property
    def urgent(self) -> bool:
        """Whether the provider can let the reserve through at once, and a share of bulk's calls beside it."""
        return self.burst_s * REQUESTS / 60 >= 2 * RESERVE_CALLS


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """All accounts side by side. Raises `DidNotStart`, and TimeoutError where partitions are not shared out
    or urgent events do not come."""
    accounts = [
        Account(scarce=scarce, batch_tickets=tickets, replicas=replicas)
        for replicas in size.replicas
        for scarce, tickets in (("requests", 2), ("tokens", 10))
    ]
    starting = asyncio.Lock()  # processes that start all at once are late on a small machine
    async with asyncio.TaskGroup() as tasks:
        runs = [
            tasks.create_task(_run(bootstrap_servers, directory, account, size, starting))
            for account in accounts
        ]
    return Findings(title=_title(size), figures=[f for run in runs for f in _figures(run.result())])


async def _run(
    bootstrap_servers: str, directory: Path, account: Account, size: Size, starting: asyncio.Lock
) -> Run:
    folder = directory / account.name.replace(" ", "-").replace(",", "")
    folder.mkdir()
    async with fresh_topics(bootstrap_servers) as topics:
        with ExitStack() as stack:
            async with starting:
                provider = await _provider(stack, folder, account, size)
                await _replicas(stack, folder, topics, provider, account)
            async with a_desk(topics) as desk:
                return await _measure(account, desk, provider, size)


async def _provider(stack: ExitStack, folder: Path, account: Account, size: Size) -> Process:
    limits = ("--rpm", str(REQUESTS), "--tpm", str(TOKENS), "--burst", str(size.burst_s))
    times = ("--latency", str(LATENCY_S), "--tokens-per-s", str(TOKENS_PER_S))
    name = f"simulator-{account.name.replace(' ', '-').replace(',', '')}"
    provider = stack.enter_context(running(simulator(folder, *limits, *times, name=name)))
    await provider.ready("/healthz")
    return provider


async def _replicas(
    stack: ExitStack, folder: Path, topics: Topics, provider: Process, account: Account
) -> None:
    """Start them, and wait until each has its part of the partitions."""
    settings = {
        "llm": {"requests_per_minute": REQUESTS, "tokens_per_minute": TOKENS},
        "batch": {"max_tickets": account.batch_tickets},
    }
    replicas = []
    for number in range(account.replicas):
        own = folder / f"replica-{number}"
        own.mkdir()
        replicas.append(stack.enter_context(running(service(own, topics, provider, settings))))
    for replica in replicas:
        await replica.ready("/readyz")
    async with asyncio.timeout(SHARES_WITHIN_S):
        owned: set[float] = set()
        while owned != {PARTITIONS / len(replicas)}:
            await asyncio.sleep(POLL_S)
            owned = {await replica.metric("partitions_owned") for replica in replicas}


async def _measure(account: Account, desk: Desk, provider: Process, size: Size) -> Run:
    async with httpx.AsyncClient(base_url=provider.url) as client:
        (await client.delete("/stats")).raise_for_status()
    began_s = time.monotonic()
    await fill(desk.topics.bootstrap_servers, desk.topics.input, _backlog())
    await _until(began_s + URGENT_AT_S)
    urgent_ms = await desk.burst("urgent", RESERVE_CALLS) if size.urgent else []
    await _until(began_s + UNTIL_S + 2 * LATENCY_S)  # a call is in the log when it has ended
    log = (await provider.get("/stats")).json()["call_log"]
    return Run(account=account, use=use_of(log, began_s), urgent_ms=urgent_ms)


def _backlog() -> Iterator[tuple[bytes | None, bytes]]:
    for record in made_tickets(BACKLOG, seed=0, repeats=0.0, urgent=0.0, not_tickets=0.0):
        yield record.key, record.value


async def _until(moment_s: float) -> None:
    await asyncio.sleep(max(moment_s - time.monotonic(), 0.0))


def _figures(run: Run) -> Iterator[Figure]:
    use, name = run.use, run.account.name
    yield _one(f"{name}: used of the scarcer", use.scarcer, at_least=USED_AT_LEAST)
    yield _one(f"{name}: used of the other", use.other)
    yield _one(f"{name}: refused of {use.calls:,} calls", use.refused, at_most=REFUSED_AT_MOST)
    if run.urgent_ms:
        waited_ms = max(run.urgent_ms) - LATENCY_S * 1000
        yield _one(f"{name}: urgent burst, longest wait", waited_ms, "ms", at_most=WAITED_AT_MOST_MS)


def _one(
    name: str, value: float, unit: str = "", *, at_least: float | None = None, at_most: float | None = None
) -> Figure:
    return Figure(name=name, values=[value], unit=unit, at_least=at_least, at_most=at_most)


def _title(size: Size) -> str:
    return (
        f"Limits of {REQUESTS} requests and {TOKENS:,} tokens a minute, of which the provider lets "
        f"{size.burst_s:g} s' worth through at once; a backlog of {BACKLOG:,} tickets"
    )
