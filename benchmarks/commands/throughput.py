"""Commands on how much gets through: known tickets, a backlog, both delivery modes, under scrapes."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import article, delivery, goodput, hot_path, scrape
from benchmarks.commands.running import JsonFile, app, run
from benchmarks.figures import Findings
from benchmarks.growth import called, every, known


@app.command("hot-path")
def measure_hot_path(
    rounds: Annotated[int, typer.Option(min=1, help="Of each variant, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="In one round.")] = 100_000,
    texts: Annotated[int, typer.Option(min=1, help="Distinct ones among the tickets.")] = 2_000,
    json: JsonFile = None,
) -> None:
    """Tickets that the cache knows, against the bare consume-and-produce loop."""
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
        list[int] | None,
        typer.Option(min=1, max=256, help="Calls at once (default: 1, 8, 64 and 256); may be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Of each.")] = 5,
    latency_s: Annotated[
        float | None,
        typer.Option("--latency", min=0, help="Of a call, in seconds (default: by the calls at once)."),
    ] = None,
    tokens_per_s: Annotated[int, typer.Option(min=1, help="Written by the provider in a second.")] = 100,
    json: JsonFile = None,
) -> None:
    """A backlog through a slow provider, against the ideal schedule of the same calls."""
    paces = [
        goodput.Pace(
            concurrency=each,
            latency_s=goodput.usual_latency_s(each) if latency_s is None else latency_s,
            tokens_per_s=tokens_per_s,
            rounds=rounds,
        )
        for each in concurrency or goodput.LATENCIES_S
    ]
    run({f"goodput-{pace.concurrency}": partial(_goodput, source, limit, pace) for pace in paces}, json)


async def _goodput(
    source: Path | None, limit: int | None, pace: goodput.Pace, servers: str, directory: Path
) -> Findings:
    return await goodput.measure(servers, directory, source, limit or pace.enough_rows, pace)


@app.command("article")
def measure_article(
    *,
    rounds: Annotated[int, typer.Option(min=1, help="Of all ways at once.")] = 5,
    scale: Annotated[float, typer.Option(min=1, help="Divides all times of calls.")] = 15.0,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Calls at once.")] = 8,
    failing: Annotated[float, typer.Option(min=0, max=0.5, help="Share of calls in the second pass.")] = 0.02,
    json: JsonFile = None,
) -> None:
    """The article's case: its own code, one call a ticket, and the service, side by side."""
    size = article.Size(rounds=rounds, scale=scale, concurrency=concurrency, failing=failing)
    run({"article": lambda servers, directory: article.measure(servers, directory, size)}, json)


@app.command("delivery")
def measure_delivery(
    rounds: Annotated[int, typer.Option(min=1, help="Of each mode, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one round.")] = 60_000,
    json: JsonFile = None,
) -> None:
    """At-least-once beside exactly-once: tickets a second, and an urgent ticket's time."""
    size = delivery.Size(rounds=rounds, tickets=tickets)
    run({"delivery": lambda servers, directory: delivery.measure(servers, directory, size)}, json)


@app.command("scrape")
def measure_scrape(
    rounds: Annotated[int, typer.Option(min=1, help="Without and with scrapes, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one round.")] = 60_000,
    json: JsonFile = None,
) -> None:
    """What a scrape of /metrics costs, at rest and under the heaviest load."""
    size = scrape.Size(rounds=rounds, tickets=tickets)
    run({"scrape": lambda servers, directory: scrape.measure(servers, directory, size)}, json)


@app.command("growth")
def measure_growth(
    over: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(every.OVER)}; may be repeated (default: all)")
    ] = None,
    lots: Annotated[int, typer.Option(min=1, help="Of each variant at each point, in turn.")] = 5,
    tickets: Annotated[int, typer.Option(min=1000, help="Known ones, in one lot.")] = 30_000,
    json: JsonFile = None,
) -> None:
    """Throughput and CPU over partitions, replicas, tickets a call, taxonomy and length."""
    names = over or list(every.OVER)
    if unknown := set(names) - set(every.OVER):
        raise typer.BadParameter(f"not known: {', '.join(unknown)}; there are {', '.join(every.OVER)}")
    size = every.Size(of_known=known.Size(lots=lots, tickets=tickets), of_asked=called.Size(lots=lots))
    run({f"growth-{name}": partial(_growth, name, size) for name in names}, json)


async def _growth(over: str, size: every.Size, servers: str, directory: Path) -> Findings:
    return await every.measure(servers, directory, over, size)
