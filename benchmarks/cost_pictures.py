"""Cost over the floor as pictures: for each source a line a taxonomy over the size of the batch."""

import re
from collections.abc import Iterator, Sequence

from benchmarks.cost import Measured
from benchmarks.figures import Curve, Picture


def of(measured: Sequence[Measured]) -> list[Picture]:
    """Two pictures for each source long enough for what is required: without and with a prefix cache."""
    by_source: dict[str, list[Measured]] = {}
    for one in measured:
        if one.source.held:
            by_source.setdefault(one.source.name, []).append(one)
    return [picture for name, runs in by_source.items() for picture in _pictures(name, runs)]


def _pictures(source: str, runs: Sequence[Measured]) -> Iterator[Picture]:
    slug = re.sub(r"\W+", "-", source)
    for cached, told in ((False, "no prefix cache"), (True, "prefix cached, at a tenth of the price")):
        yield Picture(
            name=f"cost-{slug}{'-cached' if cached else ''}",
            title=f"Cost over the floor: {source}, {told}",
            x="tickets in a call",
            y="multiple of the floor",
            curves=_curves(runs, cached=cached),
            log_x=True,
            log_y=True,
        )


def _curves(runs: Sequence[Measured], *, cached: bool) -> list[Curve]:
    points: dict[str, dict[float, Sequence[float]]] = {}
    for one in runs:
        multiple = one.account.multiple(one.account.cached if cached else 0)
        points.setdefault(one.case.name, {})[one.size] = [multiple]
    return [Curve(name=name, points=found) for name, found in points.items()]
