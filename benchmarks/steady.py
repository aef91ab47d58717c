"""What the service takes: memory at rest and at a steady pace, processor time by what a ticket needs.

Memory is that of a process started anew for each pace, with the defaults but for the calls side by side,
which the faster pace needs. A fifth of the tickets have a text of their own and are called; the rest are
known. What is called is also cached, so memory rises until `cache.max_entries` is reached: what a cached text
takes is a figure of its own.

Processor time is that of one process that is paused while its topic is filled, and of the bare loop in turn
with it. Calls are answered at once there, in batches of the usual size; the provider's own time is not
counted.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer

from benchmarks.figures import Figure, Findings
from benchmarks.hot_path import BARE, TICKET_BYTES, bare_loop, made_ticket
from benchmarks.kafka import BATCH_BYTES, PARTITIONS, Ends, Keyed, Topics, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service, simulator
from benchmarks.traffic import KNOWN_TEXTS, Mix, Writer
from benchmarks.vitals import resident_mib
from tests.brokers.client import admin_of
from tests.patience import until

CALLED_SHARE = 0.2
PER_MINUTE = (10_000, 100_000)
UNFINISHED_MAX = (
    20_000  # many seconds' worth of the faster pace: never reached but on a machine that stands still
)
FINISHED_WAIT_S = 120.0
IDLE_S = 10.0
SAMPLE_S = 1.0
SETTINGS = {"llm": {"concurrency": 64}}
NO_LATENCY = ("--latency", "0", "--tokens-per-s", "1000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`pace_s` is how long each pace is played; `known` and `called` are tickets a round."""

    rounds: int = 5
    pace_s: float = 60.0
    known: int = 100_000
    called: int = 10_000


@dataclass(slots=True, kw_only=True)
class Pace:
    """What was seen at one pace: MiB by moment, and processor time by the second."""

    rss_mib: list[float] = field(default_factory=list)
    cores: float = 0.0
    asked: float = 0.0
    held: float = 0.0


@dataclass(slots=True)
class Work:
    """Processor seconds, a value a round."""

    bare_s: list[float] = field(default_factory=list)
    known_s: list[float] = field(default_factory=list)
    called_s: list[float] = field(default_factory=list)
    cached_kib: float = 0.0  # of resident memory for each text that was called


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """First the memory, then the processor time."""
    idle: list[float] = []
    paces: dict[int, Pace] = {}
    with running(simulator(directory)) as provider:
        await provider.ready("/healthz")
        for per_minute in PER_MINUTE:
            async with fresh_topics(bootstrap_servers) as topics:
                process = service(directory, topics, provider, SETTINGS)
                with running(process):
                    await process.ready("/readyz")
                    await asyncio.sleep(IDLE_S)
                    idle.append(resident_mib(process.pid)[0])
                    paces[per_minute] = await _play(process, topics, per_minute / 60, size.pace_s)
    work = await _work(bootstrap_servers, directory, size)
    return Findings(title=_title(size), figures=[*_memory(idle, paces), *_processor(work, size)])


async def _play(process: Process, topics: Topics, per_s: float, length_s: float) -> Pace:
    """Known texts are asked first, at the same pace; then the pace is watched."""
    pace = Pace(asked=per_s)
    async with _a_writer(topics) as writer:
        await writer.write(*(made_ticket(text, text) for text in range(KNOWN_TEXTS)))
        await _finished(writer)
        began_s, began_cpu_s, before = time.monotonic(), process.cpu_s(), writer.sent
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(process, pace.rss_mib))
            await writer.play(per_s, lambda: time.monotonic() >= began_s + length_s)
            watching.cancel()
        took_s = time.monotonic() - began_s
        pace.cores, pace.held = (process.cpu_s() - began_cpu_s) / took_s, (writer.sent - before) / took_s
        await _finished(writer)
    return pace


@asynccontextmanager
async def _a_writer(topics: Topics) -> AsyncIterator[Writer]:
    servers = topics.bootstrap_servers
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    async with producer, admin_of(servers) as admin:
        mix = Mix(shares={"new": CALLED_SHARE})
        yield Writer(topics=topics, producer=producer, admin=admin, mix=mix, unfinished_max=UNFINISHED_MAX)


async def _finished(writer: Writer) -> None:
    async def done() -> bool:
        return await writer.finished() >= writer.sent

    await until(done, FINISHED_WAIT_S)


async def _watch(process: Process, rss_mib: list[float]) -> None:
    while True:
        rss_mib.append(resident_mib(process.pid)[0])
        await asyncio.sleep(SAMPLE_S)


async def _work(bootstrap_servers: str, directory: Path, size: Size) -> Work:
    work = Work()
    with running(simulator(directory, *NO_LATENCY, name="simulator-at-once")) as provider:
        await provider.ready("/healthz")
        async with (
            fresh_topics(bootstrap_servers) as ours,
            fresh_topics(bootstrap_servers) as theirs,
            the_ends(bootstrap_servers) as ends,
        ):
            process = service(directory, ours, provider, {})
            bare = bare_loop(directory, theirs)
            with running(process), running(bare):
                texts = [made_ticket(text, text) for text in range(KNOWN_TEXTS)]
                for loop, topics in ((bare, theirs), (process, ours)):
                    await _cpu_s(loop, topics, ends, texts)
                before_mib, newest = process.rss_mib(), KNOWN_TEXTS
                for _ in range(size.rounds):
                    work.bare_s.append(await _cpu_s(bare, theirs, ends, _known(size.known)))
                    work.known_s.append(await _cpu_s(process, ours, ends, _known(size.known)))
                    called = range(newest, newest + size.called)
                    newest += size.called
                    work.called_s.append(
                        await _cpu_s(process, ours, ends, (made_ticket(n, n) for n in called))
                    )
                work.cached_kib = (process.rss_mib() - before_mib) * 1024 / (newest - KNOWN_TEXTS)
    return work


def _known(tickets: int) -> Iterable[Keyed]:
    return (made_ticket(number, number % KNOWN_TEXTS) for number in range(tickets))


async def _cpu_s(process: Process, topics: Topics, ends: Ends, records: Iterable[Keyed]) -> float:
    """Processor seconds for these records; the process is paused while they are written."""
    process.freeze()
    before = await ends.count(topics.output)
    waiting = list(records)
    await fill(topics.bootstrap_servers, topics.input, waiting)
    began_s = process.cpu_s()
    process.thaw()
    await ends.reached(before + len(waiting), topics.output)
    return process.cpu_s() - began_s


def _memory(idle: list[float], paces: dict[int, Pace]) -> list[Figure]:
    figures = [Figure(name="resident memory at rest", values=idle, unit="MiB")]
    for per_minute, pace in paces.items():
        at = f"at {per_minute:,} tickets a minute"
        figures += [
            Figure(name=f"{at}: resident memory", values=pace.rss_mib, unit="MiB"),
            Figure(name=f"{at}: processor time", values=[pace.cores], unit="cores"),
            Figure(name=f"{at}: pace held", values=[pace.held / pace.asked]),
        ]
    return figures


def _processor(work: Work, size: Size) -> list[Figure]:
    ratios = [ours / theirs for ours, theirs in zip(work.known_s, work.bare_s, strict=True)]
    return [
        Figure(name=f"{BARE}, {size.known:,} tickets: processor time", values=work.bare_s, unit="s"),
        Figure(name=f"{size.known:,} cached tickets: processor time", values=work.known_s, unit="s"),
        Figure(name="of it to the bare loop's", values=ratios),
        Figure(name=f"{size.called:,} called tickets: processor time", values=work.called_s, unit="s"),
        Figure(name="resident memory for each text called and kept", values=[work.cached_kib], unit="KiB"),
    ]


def _title(size: Size) -> str:
    return (
        f"Memory and processor time: {size.pace_s:g} s at each pace, {CALLED_SHARE:.0%} called; "
        f"{size.rounds} rounds; tickets of {TICKET_BYTES} bytes on {PARTITIONS} partitions"
    )
