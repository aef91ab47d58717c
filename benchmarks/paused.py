"""A service that stands still before a topic that is full: what is measured begins when it is let go on.

So nobody writes while it works, and the first moment at which it could do all of its work is known.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.kafka import Ends, Keyed, Topics, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service
from tests.patience import until

FILL_S = 60  # that a session outlives while its process is paused
KAFKA = {"session_timeout_s": FILL_S, "rebalance_timeout_s": FILL_S}


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """The service, and the topics of which the first holds `sent` tickets."""

    process: Process
    topics: Topics
    ends: Ends
    sent: int

    async def play(self) -> "Played":
        """Let it go on until everything is out. Raises `Stalled` where events cease to come."""
        began_s, clock_s, cpu_s = time.monotonic(), time.time(), self.process.cpu_s()
        self.process.thaw()
        await self.ends.reached(self.sent, self.topics.output, self.topics.dead_letters)
        return Played(
            began_s=began_s,
            clock_s=clock_s,
            seconds=time.monotonic() - began_s,
            cpu_s=self.process.cpu_s() - cpu_s,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """When it went on, by the monotonic clock and in unix seconds, how long it took to the last event's
    arrival, and the processor time that it used."""

    began_s: float
    clock_s: float
    seconds: float
    cpu_s: float

    def calls_of(self, log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The calls that began since, in their order, from the simulator's log."""
        return sorted((call for call in log if call["start_s"] >= self.began_s), key=lambda c: c["start_s"])


@asynccontextmanager
async def paused_service(
    bootstrap_servers: str,
    directory: Path,
    provider: Process,
    rows: Sequence[Keyed],
    settings: Mapping[str, Mapping[str, Any]],
) -> AsyncIterator[Paused]:
    """A service that knows its provider, paused, with these rows on its topic; killed after the block."""
    async with fresh_topics(bootstrap_servers) as topics, the_ends(bootstrap_servers) as ends:
        process = service(directory, topics, provider, {"kafka": KAFKA, **settings})
        with running(process):
            await process.ready("/readyz")
            await until(lambda: _has_called(provider))
            process.freeze()
            await fill(bootstrap_servers, topics.input, rows)
            yield Paused(process=process, topics=topics, ends=ends, sent=len(rows))


async def call_log(provider: Process) -> list[dict[str, Any]]:
    """All calls that the simulated provider has had."""
    log: list[dict[str, Any]] = (await provider.get("/stats")).json()["call_log"]
    return log


async def _has_called(provider: Process) -> bool:
    return bool((await provider.get("/stats")).json()["by_status"].get("200"))
