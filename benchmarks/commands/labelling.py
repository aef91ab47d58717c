"""Commands that need no Kafka: what labels cost and what becomes of them, the service in one process."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import (
    cost,
    cost_pictures,
    cost_ranks,
    cost_report,
    fault_report,
    faults,
    leaks,
    projection,
    redaction,
    updates,
)
from benchmarks.commands.running import JsonFile, app, run_alone, tell
from benchmarks.figures import Findings
from benchmarks.ratios import measure as ratios


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
    """Tokens sent and received over the floor, by a real tokenizer."""

    def measure(_: Path) -> Findings:
        counted = cost.measure(
            source or [], cost_ranks.o200k(), limit=limit, price_ratio=price_ratio, tell=tell
        )
        print(cost_report.tables(counted), end="\n\n")
        return replace(cost.findings(counted), pictures=cost_pictures.of(counted))

    run_alone("cost", measure, json)


@app.command("faults")
def measure_faults(
    seed: Annotated[int, typer.Option(help="Of the tickets and of the faults' chances.")] = 1,
    outage_s: Annotated[float, typer.Option(min=10, help="How long an outage lasts, in seconds.")] = 60,
    only: Annotated[str, typer.Option(metavar="TEXT", help="Failures whose name contains this.")] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="As it stands in the documentation.")] = False,
    json: JsonFile = None,
) -> None:
    """What becomes of tickets while the provider fails, a row a failure."""

    def measure(_: Path) -> Findings:
        found = faults.measure(seed=seed, outage_s=outage_s, only=only, tell=tell)
        print(fault_report.report(found, markdown=markdown), end="\n\n")
        return fault_report.findings(found)

    run_alone("faults", measure, json)


@app.command("projection")
def measure_projection(
    seed: Annotated[int, typer.Option(help="Of the tickets and their arrivals.")] = 1,
    json: JsonFile = None,
) -> None:
    """What `profile` projects, against the recommended configuration run."""
    run_alone("projection", lambda _: projection.measure(seed=seed, tell=tell), json)


@app.command("updates")
def measure_updates(
    seed: Annotated[int, typer.Option(help="Of the tickets and their updates.")] = 1,
    tickets: Annotated[int, typer.Option(min=10, help="That are updated again and again.")] = 300,
    json: JsonFile = None,
) -> None:
    """What a stream of updates costs, by `ticket.on_update`."""
    run_alone("updates", lambda _: updates.measure(seed=seed, tickets=tickets, tell=tell), json)


@app.command("leaks")
def measure_leaks(
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Ordinary tickets; none: made ones.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the batches.")] = 0,
    json: JsonFile = None,
) -> None:
    """What tickets that give orders do to others in a batch."""
    run_alone("leaks", lambda _: leaks.measure(source, seed=seed), json)


@app.command("redaction")
def measure_redaction(
    source: Annotated[
        Path | None, typer.Option("--input", metavar="FILE", help="Tickets to see the effect on, too.")
    ] = None,
    each: Annotated[int, typer.Option(min=1, help="Sentences of each group.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the sentences.")] = 1,
    json: JsonFile = None,
) -> None:
    """What `ticket.redact` finds, what it mistakes, what it costs."""
    run_alone("redaction", lambda _: redaction.measure(each, seed, source), json)


@app.command("ratios")
def measure_ratios(
    comparisons: Annotated[int, typer.Option(min=1, help="Of each path.")] = 5,
    json: JsonFile = None,
) -> None:
    """Processor time a ticket, as a multiple of a baseline's: what `make test` holds."""
    run_alone("ratios", lambda _: ratios.measure(comparisons), json)
