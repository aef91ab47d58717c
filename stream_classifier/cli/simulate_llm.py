"""`stream-classifier simulate-llm`: the simulated provider alone."""

import asyncio
import errno
import signal
import sys
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import typer

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.simulator import (
    ArmedFault,
    Dialect,
    Simulator,
    SimulatorOptions,
    rule_label,
)


def simulate_llm(
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 9100,
    labels: Annotated[
        str, typer.Option(help="Labels where a request names none; words that mean one after a colon.")
    ] = "bug,feature,other",
    model: Annotated[list[str] | None, typer.Option(help="A model that exists (default: any)")] = None,
    api_key: Annotated[str | None, typer.Option(help="The only key that is taken (default: any)")] = None,
    dialect: Annotated[Dialect, typer.Option(help="Whose error bodies to speak.")] = Dialect.OPENAI,
    latency: Annotated[float, typer.Option(min=0, help="Seconds to the first token.")] = 0.3,
    tokens_per_s: Annotated[float, typer.Option(min=0.001, help="Output tokens a second.")] = 100.0,
    jitter: Annotated[float, typer.Option(min=0, help="Spread of a call's time (lognormal sigma).")] = 0.0,
    max_concurrency: Annotated[
        int | None, typer.Option(min=1, help="Calls worked on at once (default: no limit)")
    ] = None,
    rpm: Annotated[int | None, typer.Option(min=1, help="Requests a minute (default: no limit)")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="Tokens a minute (default: no limit)")] = None,
    burst: Annotated[float, typer.Option(min=0.001, help="Seconds' worth of a limit at once.")] = 1.0,
    context_tokens: Annotated[int, typer.Option(min=1, help="Prompt and reply together.")] = 128_000,
    cached_prefix_tokens: Annotated[
        int, typer.Option(min=0, help="Shortest prompt beginning that the prefix cache counts; 0: off.")
    ] = 1024,
    fault: Annotated[
        list[str] | None,
        typer.Option(help="A fault to begin with, as in http_503:count=3 (repeatable)"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all chance: faults and jitter.")] = 0,
    call_log: Annotated[
        int, typer.Option(min=0, help="Calls that /stats lists one by one, the newest.")
    ] = 10_000,
) -> None:
    """Run a simulated, OpenAI-compatible provider: latency, limits and faults on demand.

    It answers /v1/chat/completions with labels by a fixed rule.
    /stats says what was asked, /faults what can go wrong.
    It proves mechanics and cost, never a model's accuracy.

    Example: stream-classifier simulate-llm --rpm 600 --fault missing:probability=0.05
    """
    names, hints = _read_labels(labels)
    try:
        options = SimulatorOptions(
            labels=names,
            rule=partial(rule_label, hints=hints),
            models=tuple(model or ()),
            api_key=api_key,
            dialect=dialect,
            latency_s=latency,
            tokens_per_s=tokens_per_s,
            jitter=jitter,
            max_concurrency=max_concurrency,
            requests_per_minute=rpm,
            tokens_per_minute=tpm,
            burst_s=burst,
            context_tokens=context_tokens,
            cached_prefix_tokens=cached_prefix_tokens,
            faults=tuple(map(ArmedFault.from_flag, fault or ())),
            seed=seed,
            call_log_size=call_log,
        )
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    totals = asyncio.run(_serve_until_told(options, host, port))
    print(_told(totals), file=sys.stderr)


def _read_labels(given: str) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """`bug: crash error, other` as the names and the words that mean each."""
    entries = [entry.partition(":") for entry in given.split(",") if entry.strip()]
    hints = {name.strip(): words for name, _, words in entries}
    return tuple(hints), hints


async def _serve_until_told(options: SimulatorOptions, host: str, port: int) -> Mapping[str, Any]:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    simulator = Simulator(options)
    try:
        async with simulator.serve(host=host, port=port) as address:
            print(f"Simulated provider at {address.base_url}; Ctrl-C ends it.", file=sys.stderr, flush=True)
            await told.wait()
    except OSError as exc:
        raise OperatorFault(_cannot_listen(exc, host, port)) from exc
    return simulator.stats.totals()


def _cannot_listen(exc: OSError, host: str, port: int) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use already; name another with --port, or 0 for a free one."
    return f"Cannot listen on {host}:{port}: {exc.strerror}. Name another address with --host and --port."


def _told(totals: Mapping[str, Any]) -> str:
    statuses = ", ".join(f"{status}: {n:,}" for status, n in sorted(totals["by_status"].items())) or "none"
    faults = ", ".join(f"{name} {n:,}" for name, n in sorted(totals["by_fault"].items())) or "none"
    return (
        f"calls   {totals['calls']:,} by status ({statuses}), at most {totals['max_concurrent']:,} at once\n"
        f"tokens  {totals['tokens_in']:,} in ({totals['tokens_cached']:,} of them cached), "
        f"{totals['tokens_out']:,} out\n"
        f"texts   {totals['records_asked']:,} asked, {totals['distinct_texts']:,} distinct, "
        f"{totals['texts_asked_again']:,} more than once\n"
        f"faults  {faults}"
    )
