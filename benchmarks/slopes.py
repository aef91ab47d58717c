"""Whether something grows with time: slopes of what was measured again and again.

Two ways, since each has its weakness. Least squares use every sample, and one high step pulls at them.
Theil and Sen's median of all pairs' slopes is drawn by no single step; its interval assumes nothing of how
the values are spread, but that they do not depend on one another. Samples that follow closely do, so it is
had from the medians of stretches that are long enough.
"""

from collections.abc import Sequence
from itertools import combinations, groupby
from math import sqrt
from statistics import NormalDist, linear_regression, median

Point = tuple[float, float]
"""A moment and a value."""

CONFIDENCE = 0.95


def least_squares(points: Sequence[Point]) -> float:
    """The slope. Raises ValueError where all points, or the only one, are of one moment."""
    moments, values = zip(*points, strict=True) if points else ((), ())
    if len(set(moments)) < 2:
        raise ValueError("a slope needs points of two moments")
    return linear_regression(moments, values).slope


def theil_sen(points: Sequence[Point], confidence: float = CONFIDENCE) -> tuple[float, float, float]:
    """The median of the slopes between all pairs, and the interval that holds the true one with this
    confidence: lower end, middle, upper end. Raises ValueError as `least_squares`."""
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2)
    if not slopes:
        raise ValueError("a slope needs points of two moments")
    count = len(points)
    spread = sqrt(count * (count - 1) * (2 * count + 5) / 18)  # of Kendall's statistic
    width = NormalDist().inv_cdf((1 + confidence) / 2) * spread
    lower = max(round((len(slopes) - width) / 2) - 1, 0)
    return slopes[lower], median(slopes), slopes[len(slopes) - 1 - lower]


def medians(points: Sequence[Point], length: float) -> list[Point]:
    """For each stretch of this length the median moment and the median value; the last one, where it is
    shorter than half, is left out."""
    if not points:
        return []
    first, last = points[0][0], points[-1][0]
    stretches = [list(group) for _, group in groupby(points, lambda point: (point[0] - first) // length)]
    if len(stretches) > 1 and (last - first) % length < length / 2:
        stretches.pop()
    return [(median(x for x, _ in stretch), median(y for _, y in stretch)) for stretch in stretches]
