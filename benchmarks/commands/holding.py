"""Commands on what is held and used: memory, processor time, the cache, and for how long."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import cache, hour, memory, start, steady
from benchmarks.commands.running import JsonFile, app, run, run_alone
from benchmarks.delivery import MODES
from benchmarks.figures import Findings


@app.command("memory")
def measure_memory(
    tickets: Annotated[int, typer.Option(min=100_000, help="That wait on the topic.")] = 1_000_000,
    held_s: Annotated[float, typer.Option(min=10, help="Seconds to watch at the bounds.")] = 120,
    delivery: Annotated[
        list[str] | None, typer.Option(help="As `kafka.delivery` (default: both, in turn)")
    ] = None,
    json: JsonFile = None,
) -> None:
    """The service's memory before a large backlog and a provider that is far too slow."""
    sizes = {mode: memory.Size(tickets=tickets, held_s=held_s, delivery=mode) for mode in delivery or MODES}
    run({f"memory, {mode}": partial(_memory, size) for mode, size in sizes.items()}, json)


async def _memory(size: memory.Size, servers: str, directory: Path) -> Findings:
    return await memory.measure(servers, directory, size)


@app.command("cache")
def measure_cache(
    entries: Annotated[int, typer.Option(min=10_000, help="That each backend holds.")] = 1_000_000,
    json: JsonFile = None,
) -> None:
    """Look-ups and writes a second of each cache backend."""
    size = cache.Size(entries=entries)
    run_alone("cache", lambda directory: asyncio.run(cache.measure(directory, size)), json)


@app.command("hour")
def measure_hour(
    minutes: Annotated[float, typer.Option(min=2, help="At the steady pace.")] = 60,
    share: Annotated[float, typer.Option(min=0.01, max=1, help="Of the maximum.")] = 0.7,
    rebalance_every: Annotated[
        float, typer.Option(min=60, help="Seconds between two visits of a second member.")
    ] = 300,
    samples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a JSON line a sample here, as they are had.")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Whether memory, tasks, sockets or reservations grow with time."""
    size = hour.Size(minutes=minutes, share=share, rebalance_every_s=rebalance_every, samples=samples)
    run({"hour": lambda servers, directory: hour.measure(servers, directory, size)}, json)


@app.command("start")
def measure_start(
    rounds: Annotated[int, typer.Option(min=1, help="Of each program, in turn.")] = 7, json: JsonFile = None
) -> None:
    """Imports and the time from the start to `/readyz`, against the libraries alone."""
    size = start.Size(rounds=rounds)
    run({"start": lambda servers, directory: start.measure(servers, directory, size)}, json)


@app.command("steady")
def measure_steady(
    rounds: Annotated[int, typer.Option(min=1, help="Of known and of called tickets, in turn.")] = 5,
    pace_s: Annotated[float, typer.Option("--seconds", min=5, help="At each pace.")] = 60,
    json: JsonFile = None,
) -> None:
    """Memory at rest and at 10,000 and 100,000 tickets a minute; processor time a ticket."""
    size = steady.Size(rounds=rounds, pace_s=pace_s)
    run({"steady": lambda servers, directory: steady.measure(servers, directory, size)}, json)
