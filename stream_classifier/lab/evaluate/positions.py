"""Whether a text's place in its call changes how often it is right.

The order of the texts in a call is drawn at random for every attempt, so places differ in nothing but the
place. Two tests are made, since two things are known to happen: accuracy falls (or rises) towards the end,
or it sags in the middle. Answers of one call are not wholly independent; where they are right or wrong
together, as in a call that went astray, the tests find a little less than there is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from stream_classifier.lab.evaluate.statistics import ALPHA, Proportion, holm, trend, unequal
from stream_classifier.lab.evaluate.texts import Answer

SMALLEST_CALL = 3  # with a first, a middle and a last


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """Accuracy by place, over the texts that were answered in calls of at least `SMALLEST_CALL`. `by_place`
    counts from 0. The p-values are None where there is too little to test; those of all runs are adjusted
    together."""

    run: int
    by_place: Sequence[Proportion]
    thirds: tuple[Proportion, Proportion, Proportion]
    trend_p: float | None
    unequal_p: float | None

    @property
    def texts(self) -> int:
        return sum(part.of for part in self.thirds)

    @property
    def tested(self) -> bool:
        return self.trend_p is not None or self.unequal_p is not None

    @property
    def shown(self) -> bool:
        """Whether the place matters more than chance may well have made it seem."""
        return any(p is not None and p < ALPHA for p in (self.trend_p, self.unequal_p))


def positions(runs: Sequence[Iterable[Answer]]) -> list[Positions]:
    """Of every run that had such calls."""
    found = [_positions(place, run) for place, run in enumerate(runs)]
    return _adjusted([each for each in found if each.texts])


def _positions(run: int, answers: Iterable[Answer]) -> Positions:
    places: list[float] = []
    rights: list[bool] = []
    by_place: dict[int, list[bool]] = defaultdict(list)
    thirds: tuple[list[bool], list[bool], list[bool]] = ([], [], [])
    for each in answers:
        place, size = each.verdict.position, each.verdict.batch_size
        if place is None or size is None or size < SMALLEST_CALL:
            continue
        places.append((2 * place + 1) / (2 * size))
        rights.append(each.right)
        by_place[place].append(each.right)
        thirds[third(place, size)].append(each.right)
    first, middle, last = map(_proportion, thirds)
    return Positions(
        run=run,
        by_place=[_proportion(by_place[place]) for place in range(max(by_place, default=-1) + 1)],
        thirds=(first, middle, last),
        trend_p=trend(places, rights),
        unequal_p=unequal((first, middle, last)),
    )


def third(place: int, size: int) -> int:
    """0, 1 or 2: the third of a call of this size in which the middle of the place lies; the outer ones hold
    equally many."""
    return 3 * (2 * place + 1) // (2 * size)


def _proportion(right: Sequence[bool]) -> Proportion:
    return Proportion(sum(right), len(right))


def _adjusted(found: Sequence[Positions]) -> list[Positions]:
    values = [p for each in found for p in (each.trend_p, each.unequal_p) if p is not None]
    left = iter(holm(values))
    return [
        replace(
            each,
            trend_p=next(left) if each.trend_p is not None else None,
            unequal_p=next(left) if each.unequal_p is not None else None,
        )
        for each in found
    ]
