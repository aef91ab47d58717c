"""`python -m benchmarks`: what there is to measure, one of it, or all."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import (
    cache,
    delivery,
    fault_report,
    faults,
    goodput,
    hot_path,
    leaks,
    limits,
    memory,
    projection,
    report,
    urgent,
)
from benchmarks.figures import Findings
from benchmarks.kafka import a_kafka
from tests.brokers import Unavailable

Measure = Callable[[str, Path], Coroutine[Any, Any, Findings]]
"""Given bootstrap servers and a directory for what it writes."""

JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures here, too.")]

app = typer.Typer(add_completion=False, no_args_is_help=False, help=__doc__)


@app.callback(invoke_without_command=True)
def everything_by_default(context: typer.Context) -> None:
    """Measure what the documentation claims; without a command, all of it."""
    if context.invoked_subcommand is None:
        everything()


@app.command("hot-path")
def measure_hot_path(
    rounds: Annotated[int, typer.Option(min=1, help="Of each variant, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="In one round.")] = 100_000,
    texts: Annotated[int, typer.Option(min=1, help="Distinct ones among the tickets.")] = 2_000,
    json: JsonFile = None,
) -> None:
    """Tickets that the cache knows, against the bare consume-and-produce loop (3 minutes)."""
    size = hot_path.Size(rounds=rounds, tickets=tickets, texts=texts)
    run({"hot-path": lambda servers, directory: hot_path.measure(servers, directory, size)}, json)


@app.command("goodput")
def measure_goodput(
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="JSONL or CSV; none: made tickets.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many rows at most.")] = 6_000,
    json: JsonFile = None,
) -> None:
    """A backlog through a slow provider, against the ideal schedule of the same calls (2 minutes)."""
    run({"goodput": lambda servers, directory: goodput.measure(servers, directory, source, limit)}, json)


@app.command("urgent")
def measure_urgent(
    tickets: Annotated[int, typer.Option(min=100, help="Alone, and again behind the backlog.")] = 300,
    backlog: Annotated[int, typer.Option(min=1, help="Bulk tickets before each.")] = 10_000,
    json: JsonFile = None,
) -> None:
    """An urgent ticket's time, with and without a backlog before it (3 minutes)."""
    size = urgent.Size(tickets=tickets, backlog=backlog)
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
    """An account's limits, used up and kept, by one replica and by four (3 minutes)."""
    size = limits.Size(replicas=replicas or (1, 4), burst_s=burst_s)
    run({"limits": lambda servers, directory: limits.measure(servers, directory, size)}, json)


@app.command("delivery")
def measure_delivery(
    rounds: Annotated[int, typer.Option(min=1, help="Of each mode, in turn.")] = 3,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one round.")] = 60_000,
    json: JsonFile = None,
) -> None:
    """At-least-once beside exactly-once: tickets a second, and an urgent ticket's time (6 minutes)."""
    size = delivery.Size(rounds=rounds, tickets=tickets)
    run({"delivery": lambda servers, directory: delivery.measure(servers, directory, size)}, json)


@app.command("memory")
def measure_memory(
    tickets: Annotated[int, typer.Option(min=100_000, help="That wait on the topic.")] = 1_000_000,
    held_s: Annotated[float, typer.Option(min=10, help="Seconds to watch at the bounds.")] = 120,
    delivery: Annotated[str, typer.Option(help="As `kafka.delivery`.")] = "at-least-once",
    json: JsonFile = None,
) -> None:
    """The service's memory before a large backlog and a provider that is far too slow (5 minutes)."""
    size = memory.Size(tickets=tickets, held_s=held_s, delivery=delivery)
    run({"memory": lambda servers, directory: memory.measure(servers, directory, size)}, json)


@app.command("cache")
def measure_cache(
    entries: Annotated[int, typer.Option(min=10_000, help="That each backend holds.")] = 1_000_000,
    json: JsonFile = None,
) -> None:
    """Look-ups and writes a second of each cache backend; needs no Kafka (3 minutes)."""
    size = cache.Size(entries=entries)
    with tempfile.TemporaryDirectory(prefix="stream-classifier-benchmarks-") as name:
        found = asyncio.run(cache.measure(Path(name), size))
    print(report.table(found))
    if json is not None:
        json.write_bytes(report.as_json({"cache": found}))
    if not found.hold:
        raise typer.Exit(1)


@app.command("faults")
def measure_faults(
    seed: Annotated[int, typer.Option(help="Of the tickets and of the faults' chances.")] = 1,
    outage_s: Annotated[float, typer.Option(min=10, help="How long an outage lasts, in seconds.")] = 60,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Failures whose name contains this.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="As it stands in the documentation.")] = False,
) -> None:
    """What becomes of tickets while the provider fails, a row a failure; needs no Kafka (2 minutes)."""
    found = faults.measure(seed=seed, outage_s=outage_s, only=only, tell=_progress)
    print(fault_report.report(found, markdown=markdown))
    if found.shortcomings:
        raise typer.Exit(1)


@app.command("projection")
def measure_projection(
    seed: Annotated[int, typer.Option(help="Of the tickets and their arrivals.")] = 1,
) -> None:
    """What `profile` projects, against the recommended configuration run; needs no Kafka (4 minutes)."""
    found = projection.measure(seed=seed, tell=_progress)
    print(report.table(found))
    if not found.hold:
        raise typer.Exit(1)


@app.command("leaks")
def measure_leaks(
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Ordinary tickets; none: made ones.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the batches.")] = 0,
) -> None:
    """What tickets that give orders do to others in a batch; needs no Kafka (seconds)."""
    found = leaks.measure(source, seed=seed)
    print(report.table(found))
    if not found.hold:
        raise typer.Exit(1)


def _progress(failure: str) -> None:
    print(f"done: {failure}", file=sys.stderr, flush=True)


@app.command("all")
def everything(json: JsonFile = None) -> None:
    """Every benchmark at its usual size (11 minutes)."""
    run(
        {
            "hot-path": lambda servers, directory: hot_path.measure(servers, directory, hot_path.Size()),
            "goodput": lambda servers, directory: goodput.measure(servers, directory, None, 6_000),
            "urgent": lambda servers, directory: urgent.measure(servers, directory, urgent.Size()),
            "limits": lambda servers, directory: limits.measure(servers, directory, limits.Size()),
        },
        json,
    )


def run(measures: dict[str, Measure], json: Path | None) -> None:
    """Measure on one Kafka, print as it goes. Exit status 1 where something required does not hold."""
    found: dict[str, Findings] = {}
    with tempfile.TemporaryDirectory(prefix="stream-classifier-benchmarks-") as name:
        directory = Path(name)
        try:
            with a_kafka(directory / "kafka") as servers:
                for title, measure in measures.items():
                    found[title] = asyncio.run(measure(servers, directory))
                    print(report.table(found[title]), end="\n\n", flush=True)
        except Unavailable as error:
            raise SystemExit(f"A real Kafka is needed to measure on: {error}") from error
    if json is not None:
        json.write_bytes(report.as_json(found))
    if not all(findings.hold for findings in found.values()):
        raise typer.Exit(1)


if __name__ == "__main__":
    app()
