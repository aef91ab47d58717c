"""Commands on how long a ticket waits: an urgent one, before limits, through a restart; and a start."""

from typing import Annotated

import typer

from benchmarks import limits, rolling_restart, start, urgent
from benchmarks.commands.running import JsonFile, app, run


@app.command("urgent")
def measure_urgent(
    tickets: Annotated[int, typer.Option(min=20, help="Urgent ones in each case, and as many beside.")] = 150,
    unread: Annotated[int, typer.Option(min=1000, help="Beyond what may be in flight.")] = 1_000_000,
    delivery: Annotated[
        list[str] | None, typer.Option(help="As `kafka.delivery` (default: both, in turn)")
    ] = None,
    json: JsonFile = None,
) -> None:
    """An urgent ticket's time behind backlogs, a used-up limit, a storm, a million unread."""
    size = urgent.Size(tickets=tickets, unread=unread, modes=tuple(delivery or urgent.MODES))
    run({"urgent": lambda servers, directory: urgent.measure(servers, directory, size)}, json)


@app.command("limits")
def measure_limits(
    replicas: Annotated[
        list[int] | None, typer.Option(min=1, max=4, help="That share an account (default: 1, and 4)")
    ] = None,
    burst_s: Annotated[
        float, typer.Option("--burst", min=1, help="Seconds' worth that the provider lets through at once.")
    ] = limits.BURST_S,
    json: JsonFile = None,
) -> None:
    """An account's limits, used up and kept, by one replica and by four."""
    size = limits.Size(replicas=replicas or (1, 4), burst_s=burst_s)
    run({"limits": lambda servers, directory: limits.measure(servers, directory, size)}, json)


@app.command("rolling-restart")
def measure_rolling_restart(
    way: Annotated[
        list[str] | None, typer.Option(help="Of replacing them (default: each that is known)")
    ] = None,
    delivery: Annotated[
        list[str] | None, typer.Option(help="As `kafka.delivery` (default: both, in turn)")
    ] = None,
    json: JsonFile = None,
) -> None:
    """Three replicas replaced under load: standstill, urgent time, repeats."""
    size = rolling_restart.Size(
        ways=tuple(way or rolling_restart.WAYS), modes=tuple(delivery or rolling_restart.MODES)
    )
    run(
        {"rolling-restart": lambda servers, directory: rolling_restart.measure(servers, directory, size)},
        json,
    )


@app.command("start")
def measure_start(
    rounds: Annotated[int, typer.Option(min=1, help="Of each program, in turn.")] = 7, json: JsonFile = None
) -> None:
    """Imports and the time from the start to `/readyz`, against the libraries alone."""
    size = start.Size(rounds=rounds)
    run({"start": lambda servers, directory: start.measure(servers, directory, size)}, json)
