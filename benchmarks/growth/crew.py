"""Processes that work on topics of their own, and what a lot of tickets takes them.

Rules
-----
* A crew is started once and given one lot after another; crews that are compared take turns, so that a change
  of the machine's mood meets all of them. Those whose turn it is not have nothing to do.
* A crew is paused (SIGSTOP) while its lot is written. The clock runs from the moment it goes on.
* The end is the last record on the output topic. In exactly-once that topic also holds the ends of
  transactions, so there it is the group's position, which moves in the transaction that publishes.
* The CPU is that of all the crew's processes, in user and system mode; the broker's is not in it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from benchmarks.hot_path import Round, bare_loop
from benchmarks.kafka import Ends, Keyed, Topics, committed, fill, fresh_topics, the_ends
from benchmarks.processes import Process, running, service
from tests.brokers.client import admin_of

BARE, ONCE, EXACTLY = "bare loop", "at-least-once", "exactly-once"
WORK_S = 60.0  # many times what a lot takes; then it hangs
JOIN_S = 60.0
POLL_S = 0.1

Groups = Mapping[str, Mapping[str, Any]]
"""Settings by group."""


COUNTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "known": ("events_total", {"decided_by": "cache"}),
    "transactions": ("transactions_total", {"outcome": "committed"}),
    "calls": ("calls_total", {}),
    "tokens_in": ("tokens_total", {"kind": "in"}),
    "tokens_out": ("tokens_total", {"kind": "out"}),
}
"""What the service counts of a lot: the metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot(Round):
    """What a crew did with a lot, and what the service counted of it; the bare loop counts nothing."""

    transactions: int = 0
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(slots=True, kw_only=True)
class Crew:
    """`processes` of one `variant` in one group. `written` tickets have been on their topic so far."""

    variant: str
    topics: Topics
    ends: Ends
    processes: Sequence[Process]
    written: int = 0

    async def work(self, records: Iterable[Keyed]) -> Lot:
        """What a lot takes them. Raises `Stalled` or TimeoutError where it does not come to its end."""
        lot, before = list(records), await self._counts()
        for process in self.processes:
            process.freeze()
        await fill(self.topics.bootstrap_servers, self.topics.input, lot, self.topics.partitions)
        self.written += len(lot)
        began_s, began_cpu_s = time.monotonic(), self._cpu_s()
        for process in self.processes:
            process.thaw()
        await self._done()
        seconds, cpu_s = time.monotonic() - began_s, self._cpu_s() - began_cpu_s
        await committed(self.topics, self.written, within_s=WORK_S)  # then all of it is counted
        counted = {name: round(count - before[name]) for name, count in (await self._counts()).items()}
        return Lot(seconds=seconds, cpu_s=cpu_s, tickets=len(lot), **counted)

    async def _counts(self) -> Mapping[str, float]:
        return {
            name: sum([await process.metric(metric, **labels) for process in self.processes if process.url])
            for name, (metric, labels) in COUNTS.items()
        }

    def _cpu_s(self) -> float:
        return sum(process.cpu_s() for process in self.processes)

    async def _done(self) -> None:
        if self.variant == EXACTLY:
            await committed(self.topics, self.written, within_s=WORK_S)
        else:
            await self.ends.reached(self.written, self.topics.output)

    async def joined(self) -> None:
        """Return when all of them are in the group. Raises TimeoutError."""
        async with asyncio.timeout(JOIN_S), admin_of(self.topics.bootstrap_servers) as admin:
            here = 0
            while here < len(self.processes):
                await asyncio.sleep(POLL_S)
                here = await _members(admin, self.topics.group_id)


async def _members(admin: AIOKafkaAdminClient, group_id: str) -> int:
    """How many are in the group; 0 while it shares out its partitions."""
    try:
        [described] = await admin.describe_consumer_groups([group_id])
    except GroupCoordinatorNotAvailableError:  # of the first group on a new cluster
        return 0
    [(_, _, state, _, _, members, *_)] = described.groups
    return len(members) if state == "Stable" else 0


@asynccontextmanager
async def a_crew(
    bootstrap_servers: str,
    directory: Path,
    provider: Process,
    variant: str,
    *,
    partitions: int,
    replicas: int = 1,
    settings: Groups | None = None,
) -> AsyncIterator[Crew]:
    """One that runs until the block ends. `settings` are the service's, over the benchmarks' own."""
    async with (
        fresh_topics(bootstrap_servers, partitions=partitions) as topics,
        the_ends(bootstrap_servers, partitions) as ends,
    ):
        with ExitStack() as stack:
            processes = []
            for number in range(replicas):
                folder = directory / f"{topics.group_id}-{number}"
                folder.mkdir()
                process = _process(variant, folder, topics, provider, settings or {})
                processes.append(stack.enter_context(running(process)))
            crew = Crew(variant=variant, topics=topics, ends=ends, processes=processes)
            await crew.joined()
            yield crew


def _process(variant: str, folder: Path, topics: Topics, provider: Process, settings: Groups) -> Process:
    if variant == BARE:
        return bare_loop(folder, topics)
    return service(folder, topics, provider, {"kafka": {"delivery": variant}, **settings})
