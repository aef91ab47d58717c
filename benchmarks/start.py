"""How long the service takes to start: processor time of its imports, and the steps until it is ready.

Each round runs every program once, in turn, so that a change of the machine's mood meets all of them: Python
alone, the libraries that the service cannot do without, the service's own imports, the help, and then the
service on a topic of its own until `/readyz` says 200. Bytecode is there already, as it is in the image and
after an installation by pip; the round that makes it is not measured.

The steps until it is ready are read from the log. The broker forms a new group at once: Kafka's default, 3 s
of waiting for more members (`group.initial.rebalance.delay.ms`), would be added to the last step where a
group is empty.
"""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from benchmarks.figures import Figure, Findings
from benchmarks.kafka import Topics, fresh_topics
from benchmarks.processes import Process, running, service, simulator

LIBRARIES = "import aiokafka, httpx, orjson, structlog, pydantic_settings"
PYTHON, LIBS, IMPORTS = "python alone", "its libraries", "imports of run"
PROGRAMS: Mapping[str, Sequence[str]] = {
    PYTHON: ("-c", "pass"),
    LIBS: ("-c", LIBRARIES),
    IMPORTS: ("-c", "import stream_classifier.cli.run"),
    "--help": ("-m", "stream_classifier", "--help"),
    "run --help": ("-m", "stream_classifier", "run", "--help"),
}
STEPS: Mapping[str, str] = {
    "service_starting": "to the first line of the log",
    "overrides_missing": "Kafka, rights, and corrections",
    "partitions_assigned": "the group",
}
"""The log's events that end a step, and what the step was."""
POLL_S = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How often everything is started."""

    rounds: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One program, from its start to its end."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """One start of the service. `steps_ms` are the parts of `ready_ms`, by what was done in them."""

    ready_ms: float
    cpu_ms: float
    rss_mib: float
    steps_ms: Mapping[str, float]


@dataclass(slots=True)
class Seen:
    """What was measured, a value a round."""

    programs: dict[str, list[Ran]] = field(default_factory=lambda: {name: [] for name in PROGRAMS})
    starts: list[Start] = field(default_factory=list)


async def measure(bootstrap_servers: str, directory: Path, size: Size) -> Findings:
    """Start everything once for its bytecode, then `size.rounds` times. Raises `DidNotStart`."""
    os.environ["PYTHONPYCACHEPREFIX"] = str(directory / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    seen = Seen()
    with running(simulator(directory)) as provider:
        await provider.ready("/healthz")
        await _round(bootstrap_servers, directory, provider, Seen())
        for _ in range(size.rounds):
            await _round(bootstrap_servers, directory, provider, seen)
    return Findings(title=f"Start: {size.rounds} rounds, bytecode there", figures=_figures(seen))


async def _round(bootstrap_servers: str, directory: Path, provider: Process, seen: Seen) -> None:
    for name, arguments in PROGRAMS.items():
        seen.programs[name].append(await asyncio.to_thread(_run, arguments))
    async with fresh_topics(bootstrap_servers) as topics:
        seen.starts.append(await _start(directory, topics, provider))


def _run(arguments: Sequence[str]) -> Ran:
    """Run Python with these arguments. Raises RuntimeError where it fails."""
    quiet = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    began_s = time.monotonic()
    pid = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    if status != 0:
        raise RuntimeError(f"python {' '.join(arguments)} ended with status {status}")
    return Ran(wall_ms=(time.monotonic() - began_s) * 1000, cpu_ms=(used.ru_utime + used.ru_stime) * 1000)


async def _start(directory: Path, topics: Topics, provider: Process) -> Start:
    process = service(directory, topics, provider, {})
    began_s = time.time()  # the log's clock
    with running(process):
        await process.ready("/readyz", look_s=POLL_S)
        ready_s, cpu_s, rss_mib = time.time(), process.cpu_s(), process.rss_mib()
        await asyncio.to_thread(process.stop)
    told_s = {event: _told_s(process, event) for event in STEPS}
    return Start(
        ready_ms=(ready_s - began_s) * 1000,
        cpu_ms=cpu_s * 1000,
        rss_mib=rss_mib,
        steps_ms=steps_ms(began_s, told_s),
    )


def _told_s(process: Process, event: str) -> float:
    return datetime.fromisoformat(process.logged(event)[0]["timestamp"]).timestamp()


def steps_ms(began_s: float, told_s: Mapping[str, float]) -> dict[str, float]:
    """How long each step took, from the moments at which they ended."""
    before_s = [began_s, *told_s.values()]
    return {
        STEPS[event]: (ended_s - before) * 1000
        for before, (event, ended_s) in zip(before_s, told_s.items(), strict=False)
    }


def _figures(seen: Seen) -> list[Figure]:
    figures = []
    for name, ran in seen.programs.items():
        figures.append(Figure(name=f"{name}: processor time", values=[r.cpu_ms for r in ran], unit="ms"))
        figures.append(Figure(name=f"{name}: time", values=[r.wall_ms for r in ran], unit="ms"))
    pairs = zip(seen.programs[IMPORTS], seen.programs[LIBS], seen.programs[PYTHON], strict=True)
    ratios = [(ours.cpu_ms - bare.cpu_ms) / (libs.cpu_ms - bare.cpu_ms) for ours, libs, bare in pairs]
    figures.append(Figure(name="imports of run to its libraries', without Python's own", values=ratios))
    figures += [
        Figure(name=f"start: {step}", values=[start.steps_ms[step] for start in seen.starts], unit="ms")
        for step in STEPS.values()
    ]
    return [
        *figures,
        Figure(name="start: to ready, all", values=[s.ready_ms for s in seen.starts], unit="ms"),
        Figure(name="start: processor time", values=[s.cpu_ms for s in seen.starts], unit="ms"),
        Figure(name="resident memory when ready", values=[s.rss_mib for s in seen.starts], unit="MiB"),
    ]
