"""Two configurations on the same texts: is one more often right, and do they say the same.

Where one was not asked all (a budget, an interruption) only the texts that both answered are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stream_classifier.lab.evaluate.outcome import Run
from stream_classifier.lab.evaluate.statistics import (
    ALPHA,
    Proportion,
    detectable,
    difference,
    holm,
    kappa,
    mcnemar,
)
from stream_classifier.lab.evaluate.texts import Answers

SIZE_PATH = "batch.max_tickets"
NO_LABEL = ""  # stands for "needs review" among labels, whose names are never empty


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How often only one of two was right, on the `texts` that both were asked; `first` and `other` are the
    runs' places. `p` is the test's own, `p_adjusted` for the number of tests made together; `detectable` is
    the smallest true difference that would probably have shown."""

    first: int
    other: int
    texts: int
    first_right: int
    other_right: int
    only_first: int
    only_other: int
    p: float
    p_adjusted: float
    detectable: float | None

    @property
    def difference(self) -> float:
        """The other's accuracy less the first's."""
        return (self.only_other - self.only_first) / self.texts if self.texts else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Where the true difference lies, most likely."""
        return difference(self.only_first, self.only_other, self.texts)

    @property
    def shown(self) -> bool:
        """Whether it is more than chance may well have made."""
        return self.p_adjusted < ALPHA


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How often a run says what `reference` says, the same configuration at one text a call; `kappa` is what
    is left of it when chance is taken out, with "needs review" as one more answer."""

    run: int
    reference: int
    same: Proportion
    kappa: float | None


def comparisons(runs: Sequence[Answers]) -> list[Comparison]:
    """Every run against the first, as one family of tests."""
    if not runs:
        return []
    first, *others = runs
    tables = [_table(first, other) for other in others]
    values = [mcnemar(only_first, only_other) for _, _, only_first, only_other in tables]
    return [
        Comparison(
            first=0,
            other=place,
            texts=both + only_first + only_other + neither,
            first_right=both + only_first,
            other_right=both + only_other,
            only_first=only_first,
            only_other=only_other,
            p=p,
            p_adjusted=p_adjusted,
            detectable=detectable(
                only_first + only_other, both + only_first + only_other + neither, len(others)
            ),
        )
        for place, ((both, neither, only_first, only_other), p, p_adjusted) in enumerate(
            zip(tables, values, holm(values), strict=True), 1
        )
    ]


def _table(first: Answers, other: Answers) -> tuple[int, int, int, int]:
    """Texts that both got right, neither, only the first, only the other."""
    both = neither = only_first = only_other = 0
    for digest in first.keys() & other.keys():
        rights = first[digest].right, other[digest].right
        both += rights == (True, True)
        neither += rights == (False, False)
        only_first += rights == (True, False)
        only_other += rights == (False, True)
    return both, neither, only_first, only_other


def agreements(runs: Sequence[Run], answers: Sequence[Answers]) -> list[Agreement]:
    """Every run that batches against its like at one text a call, where the grid has one."""
    found = []
    for place, run in enumerate(runs):
        reference = _alone(run, runs)
        if reference is not None and run.batch_size > 1:
            found.append(_agreement(place, reference, answers))
    return found


def _alone(run: Run, runs: Sequence[Run]) -> int | None:
    for place, other in enumerate(runs):
        if other.batch_size == 1 and _without_size(other) == _without_size(run):
            return place
    return None


def _without_size(run: Run) -> Mapping[str, str]:
    return {path: value for path, value in run.settings.items() if path != SIZE_PATH}


def _agreement(place: int, reference: int, answers: Sequence[Answers]) -> Agreement:
    run, alone = answers[place], answers[reference]
    pairs = [
        (run[digest].given or NO_LABEL, alone[digest].given or NO_LABEL) for digest in run if digest in alone
    ]
    same = sum(given == at_one for given, at_one in pairs)
    return Agreement(run=place, reference=reference, same=Proportion(same, len(pairs)), kappa=kappa(pairs))
