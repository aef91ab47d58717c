"""What a process has in use, read from outside (Linux: `/proc`), and what it tells of itself.

A `Rest` is had while nothing is to be done. Some things come and go by themselves even then (a poll under
way, a connection that is renewed), so it is the least of several looks.
"""

import asyncio
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from benchmarks.processes import Process
from stream_classifier.observe.census import open_descriptors
from tests.patience import until

LOOKS = 5
BETWEEN_LOOKS_S = 1.0
KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One moment of a process, `at_s` seconds after the first. PSS is RSS with each shared page divided among
    those that share it."""

    at_s: float
    rss_mib: float
    pss_mib: float
    sockets: int
    files: int
    cpu_s: float
    tasks: float
    in_flight: float
    in_flight_mib: float
    waiting: float
    calls: float
    reserved_calls: float
    reserved_tokens: float
    records: float
    assignments: float
    partitions: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a process holds with nothing to do."""

    tasks: int
    futures: int
    sockets: int
    files: int
    reserved_calls: int
    reserved_tokens: int
    in_flight: int
    waiting: int
    calls: int


METRICS = {
    "tasks": "asyncio_tasks",
    "in_flight": "in_flight_tickets",
    "waiting": "waiting_texts",
    "calls": "calls_in_flight",
    "reserved_calls": "reserved_calls",
    "reserved_tokens": "reserved_tokens",
    "records": "records_total",
    "partitions": "partitions_owned",
}


async def sample(process: Process, began_s: float) -> Sample:
    """The process now; `began_s` is when the first was taken, by the monotonic clock."""
    told = await process.metrics()
    sockets, files = open_descriptors(Path(f"/proc/{process.pid}/fd"))
    rss_mib, pss_mib = resident_mib(process.pid)
    return Sample(
        at_s=time.monotonic() - began_s,
        rss_mib=rss_mib,
        pss_mib=pss_mib,
        sockets=sockets,
        files=files,
        cpu_s=process.cpu_s(),
        in_flight_mib=sum(told.get("in_flight_bytes", {}).values()) / 2**20,
        assignments=told["rebalances_total"].get("assigned", 0.0),
        **{name: sum(told.get(metric, {}).values()) for name, metric in METRICS.items()},
    )


def resident_mib(pid: int) -> tuple[float, float]:
    """RSS and PSS."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes_kib = {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines)}
    return sizes_kib["Rss"] / KIB, sizes_kib["Pss"] / KIB


async def rest(process: Process) -> Rest:
    """The least of `LOOKS` looks. To be asked while nothing is to be done."""
    looks = []
    for _ in range(LOOKS):
        looks.append(await _look(process))
        await asyncio.sleep(BETWEEN_LOOKS_S)
    return least(looks)


def least(looks: Sequence[Rest]) -> Rest:
    """Of each thing the least."""
    return Rest(**{field.name: min(getattr(look, field.name) for look in looks) for field in fields(Rest)})


async def _look(process: Process) -> Rest:
    census = await _census(process)
    now = asdict(await sample(process, 0.0))
    told = {name: census[name] for name in ("tasks", "futures", "sockets", "files")}
    names = ("reserved_calls", "reserved_tokens", "in_flight", "waiting", "calls")
    return Rest(**told, **{name: round(now[name]) for name in names})


async def _census(process: Process) -> dict[str, Any]:
    """What the process writes into its log when asked to count."""
    before = len(process.logged("census"))
    process.tell(signal.SIGUSR1)
    await until(lambda: len(process.logged("census")) > before)
    return process.logged("census")[-1]
