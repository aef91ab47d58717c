"""Whether anything grows with time: the service at a steady part of what it can do, with rebalances.

In order: the known texts are asked once, and each kind of ticket and a second member have come and gone once
(so that what is made on first use is there); the maximum is measured, known tickets that are written beside
it; then everything comes to rest and is counted. Then the traffic of `traffic` plays at `share` of that
maximum, and every `rebalance_every_s` a second member of the group joins, works for `TOGETHER_S` and goes:
told to stop, or (the first, and each third after it) killed. Every `SAMPLE_S` the first member is looked at.
At the end everything comes to rest and is counted again, and the maximum is measured once more.

The cache has room for `CACHE_ENTRIES` texts, so few that new ones have filled it and every other memory of
bounded size within the first minutes; of those the slope does not tell. SQLite keeps as many, and reads its
file by a page cache of a fixed size, without `mmap`.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.figures import Findings
from benchmarks.hour_findings import Measured, figures, picture
from benchmarks.kafka import BATCH_BYTES, PARTITIONS, Ends, Topics, fresh_topics, the_ends
from benchmarks.processes import Process, running, service, simulator
from benchmarks.traffic import KNOWN_TEXTS, SHARES, Mix, Writer
from benchmarks.vitals import Rest, Sample, rest, sample
from stream_classifier.llm.connections import KEEPALIVE_S
from tests.brokers.client import admin_of
from tests.patience import until

RETENTION = {"retention.bytes": str(400 << 20), "segment.bytes": str(50 << 20)}  # of a partition
UNFINISHED_MAX = 300_000  # records of 1 KiB: less than one partition keeps, if all were in it
CACHE_ENTRIES = 20_000
PROVIDER = ("--latency", "0.2", "--tokens-per-s", "1000")
WARM_PER_S = 2_000.0
AS_FAST_AS_IT_GOES = 1e6  # tickets a second: more than anything here can write
MAXIMUM_LEAD_S, MAXIMUM_S = 3.0, 15.0
MAXIMUM_UNFINISHED = 40_000  # never empty, and within what may be in flight
TOGETHER_S = 20.0
KILLED_EVERY = 3
SAMPLE_S = 10.0
TELL_SAMPLES = 6  # a line on the way for every so many
DRAINED_WAIT_S = 300.0  # many times what the most that may be unfinished takes
IDLE_S = KEEPALIVE_S + 1.0  # then no connection to the provider is used any more
REST_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`share` is of the maximum; `samples` names the file that gets a line a sample."""

    minutes: float = 60.0
    share: float = 0.7
    rebalance_every_s: float = 300.0
    samples: Path | None = None


@dataclass(slots=True, kw_only=True)
class Hour:
    """The parts of one run."""

    topics: Topics
    first: Process
    second: Process
    writer: Writer
    ends: Ends
    size: Size
    joined: int = 0
    killed: int = 0
    samples: list[Sample] = field(default_factory=list)

    async def warm_up(self) -> None:
        """Everything once; each kind in each partition, since what sends to one is made on first use."""
        await self._play_for(WARM_PER_S, KNOWN_TEXTS / WARM_PER_S, known_only=True)
        mix = self.writer.mix
        await self.writer.write(*(mix.of_kind(kind) for kind in SHARES for _ in range(PARTITIONS)))
        async with asyncio.TaskGroup() as tasks:
            visit = tasks.create_task(self._visit(killed=False))
            await self.writer.play(WARM_PER_S, visit.done)
        await self.drained()

    async def maximum(self) -> float:
        """Known tickets a second, as fast as they are written and finished."""
        bound, self.writer.unfinished_max = self.writer.unfinished_max, MAXIMUM_UNFINISHED
        async with asyncio.TaskGroup() as tasks:
            length_s = MAXIMUM_LEAD_S + MAXIMUM_S
            writing = self._play_for(AS_FAST_AS_IT_GOES, length_s, known_only=True)
            tasks.create_task(writing)
            await asyncio.sleep(MAXIMUM_LEAD_S)
            began_s, before = time.monotonic(), await self.ends.count(self.topics.output)
            await asyncio.sleep(MAXIMUM_S - 1)
            done = await self.ends.count(self.topics.output) - before
            rate = done / (time.monotonic() - began_s)
        self.writer.unfinished_max = bound
        await self.drained()
        self._note("maximum", known_per_s=rate)
        return rate

    async def play(self, per_s: float) -> float:
        """The hour itself; returned is the pace that was held."""
        began_s, before = time.monotonic(), self.writer.sent
        ends_s = began_s + self.size.minutes * 60
        async with asyncio.TaskGroup() as tasks:
            beside = [tasks.create_task(self._watch()), tasks.create_task(self._disturb(ends_s))]
            await self.writer.play(per_s, lambda: time.monotonic() >= ends_s)
            held = (self.writer.sent - before) / (time.monotonic() - began_s)
            await beside[1]
            beside[0].cancel()
        return held

    async def at_rest(self) -> Rest:
        """What the first member holds once all is done. A connection to the provider that has not been used
        for long is closed by the next call, so each lane makes one before it is looked at."""
        await self.drained()
        await asyncio.sleep(IDLE_S)
        await self.writer.write(self.writer.mix.of_kind("new"), self.writer.mix.of_kind("urgent"))
        await self.drained()
        await asyncio.sleep(REST_S)
        found = await rest(self.first)
        self._note("rest", **asdict(found))
        return found

    async def drained(self) -> None:
        """Wait until the group has committed all that was written."""

        async def done() -> bool:
            return await self.writer.finished() >= self.writer.sent

        await until(done, DRAINED_WAIT_S)

    async def _play_for(self, per_s: float, length_s: float, *, known_only: bool = False) -> None:
        ends_s, self.writer.mix.known_only = time.monotonic() + length_s, known_only
        await self.writer.play(per_s, lambda: time.monotonic() >= ends_s)
        self.writer.mix.known_only = False

    async def _watch(self) -> None:
        """Samples for ever."""
        began_s = time.monotonic()
        while True:
            one = await sample(self.first, began_s)
            self.samples.append(one)
            self._note("sample", **asdict(one))
            await asyncio.sleep(SAMPLE_S)

    def _note(self, what: str, **fields: float) -> None:
        """Write down what was found, so that a run that is broken off still tells."""
        line = orjson.dumps({"what": what, **fields})
        if self.size.samples is not None:
            with self.size.samples.open("ab") as file:
                file.write(line + b"\n")
        if what != "sample" or len(self.samples) % TELL_SAMPLES == 1:
            print(line.decode(), file=sys.stderr, flush=True)

    async def _disturb(self, ends_s: float) -> None:
        """Visits of a second member, as long as one fits in before the end."""
        began_s, number = time.monotonic(), 0
        while (next_s := began_s + (number + 1) * self.size.rebalance_every_s) + 2 * TOGETHER_S < ends_s:
            await asyncio.sleep(max(next_s - time.monotonic(), 0))
            await self._visit(killed=number % KILLED_EVERY == 0)
            number += 1

    async def _visit(self, *, killed: bool) -> None:
        with running(self.second):
            await self.second.ready("/readyz")
            await asyncio.sleep(TOGETHER_S)
            if killed:
                await asyncio.to_thread(self.second.kill)
            elif not await asyncio.to_thread(self.second.stop):
                raise RuntimeError(f"the second member did not stop:\n{self.second.log_tail()}")
        self.joined += 1
        self.killed += killed
        self._note("visit", killed=killed)


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """All of it. Raises TimeoutError where the stream is not worked off at a rest."""
    async with _an_hour(bootstrap_servers, directory, size) as hour:
        await hour.warm_up()
        maximum = await hour.maximum()
        before = await hour.at_rest()
        held = await hour.play(maximum * size.share)
        after = await hour.at_rest()
        outputs = [await hour.ends.count(topic) for topic in (hour.topics.output, hour.topics.dead_letters)]
        sent, tombstones = hour.writer.sent, hour.writer.mix.tombstones
        measured = Measured(
            maxima=[maximum, await hour.maximum()],
            asked=maximum * size.share,
            held=held,
            samples=hour.samples,
            before=before,
            after=after,
            expected=sent - tombstones,
            outputs=sum(outputs),
            joined=hour.joined,
            killed=hour.killed,
            block_s=size.rebalance_every_s,
        )
    return Findings(title=_title(size), figures=figures(measured), pictures=[picture(measured)])


@asynccontextmanager
async def _an_hour(bootstrap_servers: str, directory: Path, size: Size) -> AsyncIterator[Hour]:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    with running(simulator(directory, *PROVIDER)) as provider:
        await provider.ready("/healthz")
        async with (
            fresh_topics(bootstrap_servers, RETENTION) as topics,
            the_ends(bootstrap_servers) as ends,
            admin_of(bootstrap_servers) as admin,
            producer,
        ):
            first, second = (
                service(directory, topics, provider, _settings(directory / f"hour{name}.db"), name)
                for name in ("-first", "-second")
            )
            writer = Writer(
                topics=topics, producer=producer, admin=admin, mix=Mix(), unfinished_max=UNFINISHED_MAX
            )
            with running(first):
                await first.ready("/readyz")
                yield Hour(topics=topics, first=first, second=second, writer=writer, ends=ends, size=size)


def _settings(cache: Path) -> dict[str, dict[str, Any]]:
    return {
        "cache": {"backend": "sqlite", "path": str(cache), "max_entries": CACHE_ENTRIES},
        "llm": {"concurrency": 32},
    }


def _title(size: Size) -> str:
    return (
        f"{size.minutes:g} minutes at {size.share:.0%} of the maximum, on {PARTITIONS} partitions; a second "
        f"member comes and goes every {size.rebalance_every_s:g} s"
    )
