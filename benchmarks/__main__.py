"""`python -m benchmarks`: what there is to measure, one of it, or all."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import (
    cache,
    cost,
    cost_ranks,
    cost_report,
    delivery,
    fault_report,
    faults,
    goodput,
    hot_path,
    leaks,
    limits,
    memory,
    projection,
    redaction,
    report,
    rolling_restart,
    scrape,
    sizing_tables,
    updates,
    urgent,
)
from benchmarks.figures import Findings
from benchmarks.growth import called, every, known
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
    *,
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="JSONL or CSV; none: made tickets.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="So many rows at most (default: enough for each place).")
    ] = None,
    concurrency: Annotated[
        list[int] | None, typer.Option(min=1, max=256, help="Calls at once (default: 8); may be repeated.")
    ] = None,
    latency_s: Annotated[float, typer.Option("--latency", min=0, help="Of a call, in seconds.")] = 0.3,
    tokens_per_s: Annotated[int, typer.Option(min=1, help="Written by the provider in a second.")] = 100,
    json: JsonFile = None,
) -> None:
    """A backlog through a slow provider, against the ideal schedule of the same calls (2 minutes each)."""
    paces = [
        goodput.Pace(concurrency=each, latency_s=latency_s, tokens_per_s=tokens_per_s)
        for each in concurrency or (8,)
    ]
    run({f"goodput-{pace.concurrency}": partial(_goodput, source, limit, pace) for pace in paces}, json)


async def _goodput(
    source: Path | None, limit: int | None, pace: goodput.Pace, servers: str, directory: Path
) -> Findings:
    return await goodput.measure(servers, directory, source, limit or pace.enough_rows, pace)


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


@app.command("scrape")
def measure_scrape(
    rounds: Annotated[int, typer.Option(min=1, help="Without and with scrapes, in turn.")] = 3,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one round.")] = 60_000,
    json: JsonFile = None,
) -> None:
    """What a scrape of /metrics costs, at rest and under the heaviest load (2 minutes)."""
    size = scrape.Size(rounds=rounds, tickets=tickets)
    run({"scrape": lambda servers, directory: scrape.measure(servers, directory, size)}, json)


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
    """Three replicas replaced under load: standstill, urgent time, repeats; needs Redis, too (11 minutes)."""
    size = rolling_restart.Size(
        ways=tuple(way or rolling_restart.WAYS), modes=tuple(delivery or rolling_restart.MODES)
    )
    run(
        {"rolling-restart": lambda servers, directory: rolling_restart.measure(servers, directory, size)},
        json,
    )


@app.command("growth")
def measure_growth(
    over: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(every.OVER)}; may be repeated (default: all)")
    ] = None,
    lots: Annotated[int, typer.Option(min=1, help="Of each variant at each point, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one lot.")] = 30_000,
    json: JsonFile = None,
) -> None:
    """Throughput and CPU over partitions, replicas, tickets a call, taxonomy and length (14 minutes)."""
    names = over or list(every.OVER)
    if unknown := set(names) - set(every.OVER):
        raise typer.BadParameter(f"not known: {', '.join(unknown)}; there are {', '.join(every.OVER)}")
    size = every.Size(of_known=known.Size(lots=lots, tickets=tickets), of_asked=called.Size(lots=lots))
    run({f"growth-{name}": partial(_growth, name, size) for name in names}, json)


async def _growth(over: str, size: every.Size, servers: str, directory: Path) -> Findings:
    return await every.measure(servers, directory, over, size)


@app.command("sizing")
def print_sizing() -> None:
    """The tables of docs/sizing.md, from the constants of benchmarks/sizing.py; measures nothing."""
    print(sizing_tables.tables())


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


@app.command("cost")
def measure_cost(
    source: Annotated[
        list[Path] | None,
        typer.Option("--input", metavar="FILE", help="JSONL or CSV, again for more; none: made texts only."),
    ] = None,
    limit: Annotated[int, typer.Option(min=100, help="So many rows of a file at most.")] = 1_500,
    price_ratio: Annotated[float, typer.Option(min=1, help="Price of output over that of input.")] = 4.0,
    json: JsonFile = None,
) -> None:
    """Tokens sent and received over the floor, by a real tokenizer; needs no Kafka (2 minutes)."""
    measured = cost.measure(
        source or [], cost_ranks.o200k(), limit=limit, price_ratio=price_ratio, tell=_progress
    )
    found = cost.findings(measured)
    print(cost_report.tables(measured), report.table(found), sep="\n\n")
    if json is not None:
        json.write_bytes(report.as_json({"cost": cost.every(measured)}))
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


@app.command("updates")
def measure_updates(
    seed: Annotated[int, typer.Option(help="Of the tickets and their updates.")] = 1,
    tickets: Annotated[int, typer.Option(min=10, help="That are updated again and again.")] = 300,
) -> None:
    """What a stream of updates costs, by `ticket.on_update`; needs no Kafka (2 minutes)."""
    found = updates.measure(seed=seed, tickets=tickets, tell=_progress)
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


@app.command("redaction")
def measure_redaction(
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Tickets to see the effect on, too.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Sentences of each group.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the sentences.")] = 1,
) -> None:
    """What `ticket.redact` finds, what it mistakes, what it costs; needs no Kafka (half a minute)."""
    found = redaction.measure(each, seed, source)
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
            "goodput": partial(_goodput, None, None, goodput.Pace()),
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
