"""The arithmetic of an evaluation: counts in, figures out. Each formula names the paper it comes from.

Rules
-----
* What is counted are distinct texts, each once: rows that repeat a text are one question with one answer,
  and tests that took them for several would believe too much.
* Intervals are two-sided at `CONFIDENCE`. Two configurations are compared on the same texts, so their
  difference is judged by the texts on which they differ, never by whether two intervals overlap.
* What could not be computed is None, never 0 or 1: a share of nothing, a test without a difference to test.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, fsum, lgamma, log, sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
POWER = 0.8  # "would probably have been found": four times in five, the usual choice
LEAST_EXPECTED = 5.0  # in each cell; below it the chi-square approximation does not hold (Cochran 1954)
BISECTIONS = 60  # beyond the precision of a float

_NORMAL = NormalDist()
Z = _NORMAL.inv_cdf(1 - ALPHA / 2)


@dataclass(frozen=True, slots=True)
class Proportion:
    """So many of so many, with its Wilson interval (E. B. Wilson, JASA 22, 1927), which holds for small
    numbers and near 0 and 1, too."""

    count: int
    of: int

    @property
    def share(self) -> float | None:
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound; 0 to 1 of nothing."""
        if not self.of:
            return 0.0, 1.0
        share, z2 = self.count / self.of, Z * Z
        middle = (share + z2 / (2 * self.of)) / (1 + z2 / self.of)
        half = Z * sqrt(share * (1 - share) / self.of + z2 / (4 * self.of**2)) / (1 + z2 / self.of)
        low = max(middle - half, 0.0) if self.count else 0.0
        high = min(middle + half, 1.0) if self.count < self.of else 1.0
        return low, high


def mcnemar(only_first: int, only_other: int) -> float:
    """How probable so uneven a split of the texts that only one of two got right would be if both were
    equally good: McNemar's test in its exact, binomial form (Q. McNemar, Psychometrika 12, 1947). 1 without
    any."""
    differing = only_first + only_other
    fewer = min(only_first, only_other)
    if 2 * fewer == differing:
        return 1.0
    logs = (_log_choose(differing, count) - differing * log(2) for count in range(fewer + 1))
    return min(2 * fsum(map(exp, logs)), 1.0)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of tests made together, each raised so that one false alarm among them stays as rare as
    one alone would be (S. Holm, Scandinavian Journal of Statistics 6, 1979)."""
    adjusted = [1.0] * len(values)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min((len(values) - rank) * values[place], 1.0))
        adjusted[place] = least
    return adjusted


def difference(only_first: int, only_other: int, texts: int) -> tuple[float, float]:
    """Bounds of how much larger the other's accuracy is than the first's, on the same texts: the adjusted
    Wald interval for paired data (D. G. Bonett and R. M. Price, J. Educ. Behav. Stat. 37, 2012)."""
    first, other = (only_first + 1) / (texts + 2), (only_other + 1) / (texts + 2)
    middle = other - first
    half = Z * sqrt(max(first + other - middle * middle, 0.0) / (texts + 2))
    return max(middle - half, -1.0), min(middle + half, 1.0)


def detectable(differing: int, texts: int, tests: int = 1) -> float | None:
    """The smallest true difference in accuracy that so many texts would have shown with `POWER`, where so
    many of them are right in one only: the sample size for McNemar's test (R. J. Connor, Biometrics 43,
    1987) solved for the difference. With several tests at the level that Holm's first step asks. None where
    even a difference of 1 would not."""
    if not texts:
        return None
    z_level, z_power = _NORMAL.inv_cdf(1 - ALPHA / (2 * tests)), _NORMAL.inv_cdf(POWER)

    def shown(size: float) -> bool:
        apart = max(differing / texts, size)  # a difference needs texts that differ, at the least as many
        return z_level * sqrt(apart) + z_power * sqrt(apart - size * size) <= size * sqrt(texts)

    low, high = 0.0, 1.0
    if not shown(high):
        return None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Agreement of two beyond what chance would give by how often each says what (J. Cohen, Educ. Psychol.
    Meas. 20, 1960): 1 is full, 0 is chance's. None where both always say the same one thing, or nothing."""
    if not pairs:
        return None
    firsts, others = Counter(first for first, _ in pairs), Counter(other for _, other in pairs)
    by_chance = sum(firsts[name] * others[name] for name in firsts) / len(pairs) ** 2
    if by_chance == 1:
        return None
    same = sum(first == other for first, other in pairs) / len(pairs)
    return (same - by_chance) / (1 - by_chance)


def trend(places: Sequence[float], right: Sequence[bool]) -> float | None:
    """How probable so strong a rise or fall of accuracy with the place would be by chance: the
    Cochran-Armitage test (W. G. Cochran, Biometrics 10, 1954; P. Armitage, Biometrics 11, 1955). None where
    all are right or none, or all stand at one place."""
    if not places:
        return None
    share = sum(right) / len(right)
    middle = fsum(places) / len(places)
    spread = fsum((place - middle) ** 2 for place in places)
    if share in {0.0, 1.0} or not spread:
        return None
    slope = fsum(
        (place - middle) * (was_right - share) for place, was_right in zip(places, right, strict=True)
    )
    return _two_sided(slope / sqrt(share * (1 - share) * spread))


def _two_sided(z: float) -> float:
    return 2 * _NORMAL.cdf(-abs(z))


def unequal(parts: tuple[Proportion, Proportion, Proportion]) -> float | None:
    """How probable so unequal shares would be if all three were the same: Pearson's chi-square with two
    degrees of freedom. None where a cell would be expected to hold fewer than `LEAST_EXPECTED`."""
    number = sum(part.of for part in parts)
    share = sum(part.count for part in parts) / number if number else 0.0
    if min(part.of * min(share, 1 - share) for part in parts) < LEAST_EXPECTED:
        return None
    squares = ((part.count - part.of * share) ** 2 / (part.of * share * (1 - share)) for part in parts)
    return exp(-fsum(squares) / 2)


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all do not exceed (nearest rank)."""
    return sorted(values)[max(ceil(share * len(values)), 1) - 1] if values else None
