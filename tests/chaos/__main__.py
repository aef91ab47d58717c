"""`python -m tests.chaos`: one run, its account, and status 1 where a promise was broken."""

import asyncio
import logging
import shutil
import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tests.brokers import Unavailable
from tests.brokers.installation import find_kafka
from tests.chaos.account import account_of
from tests.chaos.cluster import three_nodes
from tests.chaos.history import History
from tests.chaos.report import report
from tests.chaos.run import Plan, run
from tests.chaos.schedule import draw

app = typer.Typer(add_completion=False)


class Delivery(StrEnum):
    """As `kafka.delivery`."""

    AT_LEAST_ONCE = "at-least-once"
    EXACTLY_ONCE = "exactly-once"


@app.command()
def chaos(
    *,
    seed: Annotated[int | None, typer.Option(help="Of tickets and schedule (default: the time)")] = None,
    minutes: Annotated[float, typer.Option(min=0.3, help="For so long it is disturbed.")] = 20,
    delivery: Annotated[Delivery, typer.Option(help="The mode to try.")] = Delivery.AT_LEAST_ONCE,
    rate: Annotated[float, typer.Option(min=1, help="Records a second.")] = 150,
    window: Annotated[
        int | None, typer.Option(min=1, help="`kafka.max_in_flight_tickets` (default: the service's)")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="As it stands in the documentation.")] = False,
) -> None:
    """Tickets through kills, freezes, rolling restarts and broker loss, and the account of every promise.

    Example: make chaos ARGS="--seed 7 --minutes 20 --delivery exactly-once"
    """
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # nodes that are away are meant to be
    chosen = int(time.time()) if seed is None else seed
    plan = Plan(seed=chosen, length_s=minutes * 60, delivery=delivery, per_s=rate, window=window)
    kept = f"at most {window} in flight" if window else "in flight as many as usual"
    _tell(f"seed {plan.seed}, {minutes:g} minutes, {plan.delivery}, {plan.per_s:g} records/s, {kept}")
    for step in draw(plan.seed, plan.length_s, plan.kinds):
        _tell(str(step))
    directory = Path(tempfile.mkdtemp(prefix="stream-classifier-chaos-"))
    try:
        account = account_of(_run(directory, plan), plan.delivery)
    except Unavailable as error:
        raise SystemExit(f"A real Kafka is needed: {error}") from error
    typer.echo(f"seed {plan.seed}, {minutes:g} minutes, {plan.delivery}\n")
    typer.echo(report(account, markdown=markdown))
    if not account.holds:
        _tell(f"What the replicas said is kept in {directory}.")
        raise typer.Exit(1)
    shutil.rmtree(directory)


def _run(directory: Path, plan: Plan) -> History:
    with three_nodes(directory / "kafka", find_kafka()) as kafka:
        _tell("three nodes are up")
        return asyncio.run(run(kafka, directory, plan, _tell))


def _tell(line: str) -> None:
    typer.echo(line, err=True)


if __name__ == "__main__":
    app()
