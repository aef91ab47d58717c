"""What a benchmark found: figures, each with what is required of it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured: a value a round, or one in all. What is required holds of the median."""

    name: str
    values: Sequence[float]
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def middle(self) -> float:
        """The median over the rounds."""
        return median(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether it is as required; None where nothing is."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.middle >= self.at_least) and (
            self.at_most is None or self.middle <= self.at_most
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, with the verdict."""
        return asdict(self) | {"median": self.middle, "holds": self.holds}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One line of a picture: for each x the values of every run."""

    name: str
    points: Mapping[float, Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Curves over the same x. `name` is also the name of its file, without an ending."""

    name: str
    title: str
    x: str  # what stands below, with its unit
    y: str
    curves: Sequence[Curve]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A bar for each name, as long as the median of its values. `baselines` are those compared with."""

    name: str
    title: str
    x: str  # what stands below, with its unit
    bars: Mapping[str, Sequence[float]]
    baselines: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The figures of one benchmark, and a sentence that says what was run. `detail` are further figures, for
    which no table has room."""

    title: str
    figures: Sequence[Figure]
    pictures: Sequence[Picture] = ()
    detail: Sequence[Figure] = ()

    @property
    def hold(self) -> bool:
        """True where every figure is as required."""
        return all(figure.holds is not False for figure in self.figures)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed (nearest rank). Raises ValueError
    where there are none."""
    if not values:
        raise ValueError("a percentile needs at least one value")
    return sorted(values)[max(ceil(share * len(values)), 1) - 1]
