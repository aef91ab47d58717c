"""All that growth is measured over, by name."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Findings
from benchmarks.growth import called, known
from benchmarks.growth.known import Place
from benchmarks.processes import running, simulator

AT_ONCE = ("--latency", "0", "--tokens-per-s", "1000000")  # the provider is not what is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Lots of known tickets, and of those that are asked."""

    of_known: known.Size = field(default_factory=known.Size)
    of_asked: called.Size = field(default_factory=called.Size)


Over = Callable[[Place, Size], Coroutine[Any, Any, Findings]]

OVER: Mapping[str, Over] = {
    "partitions": lambda place, size: known.over_partitions(place, size.of_known),
    "replicas": lambda place, size: known.over_replicas(place, size.of_known),
    "length": lambda place, size: known.over_length(place, size.of_known),
    "batch": lambda place, size: called.over_batch(place, size.of_asked),
    "taxonomy": lambda place, size: called.over_taxonomy(place, size.of_asked),
    "called-length": lambda place, size: called.over_length(place, size.of_asked),
}


async def measure(bootstrap_servers: str, directory: Path, over: str, size: Size) -> Findings:
    """One of `OVER`."""
    folder = directory / f"growth-{over}"
    folder.mkdir()
    with running(simulator(folder, *AT_ONCE)) as provider:
        await provider.ready("/healthz")
        place = Place(bootstrap_servers=bootstrap_servers, directory=folder, provider=provider)
        return await OVER[over](place, size)
