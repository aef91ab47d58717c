"""The comparisons of paths, as a benchmark."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from benchmarks.figures import Figure, Findings
from benchmarks.ratios import called, known, pairs
from benchmarks.ratios.pairs import Pair, Side

Sides = Callable[[], AbstractAsyncContextManager[tuple[Side, Side]]]
"""Opens the service's side and its baseline's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One that is compared: how many tickets a slice has, and how many pairs of slices a comparison."""

    sides: Sides
    tickets: int
    pairs: int


PATHS = {
    "known": Path(sides=known.sides, tickets=known.TICKETS, pairs=24),
    "called": Path(sides=called.sides, tickets=called.TICKETS, pairs=12),
}
"""By the names in `allowed.yaml`. One or two seconds of processor time each."""


async def compare(path: Path) -> list[Pair]:
    """One comparison."""
    async with path.sides() as (ours, theirs):
        return await pairs.compare(ours, theirs, path.pairs)


def measure(comparisons: int) -> Findings:
    """Each path so often."""
    figures: list[Figure] = []
    for name, path in PATHS.items():
        figures += _figures(name, path, [asyncio.run(compare(path)) for _ in range(comparisons)])
    sizes = ", ".join(
        f"{path.pairs} pairs of {path.tickets} tickets ({name})" for name, path in PATHS.items()
    )
    return Findings(title=f"Processor time a ticket, as a multiple of a baseline's: {sizes}", figures=figures)


def _figures(name: str, path: Path, compared: Sequence[Sequence[Pair]]) -> list[Figure]:
    ratios = [pairs.middle(found) for found in compared]
    ours = [min(pair.ours_s for pair in found) / path.tickets * 1e6 for found in compared]
    theirs = [min(pair.theirs_s for pair in found) / path.tickets * 1e6 for found in compared]
    return [
        Figure(name=f"{name}, to its baseline", values=ratios, at_most=pairs.allowed(name)),
        Figure(name=f"{name}: quickest slice", values=ours, unit="µs a ticket"),
        Figure(name=f"{name}: its baseline's", values=theirs, unit="µs a ticket"),
    ]
