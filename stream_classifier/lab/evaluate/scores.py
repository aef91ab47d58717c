"""How right one configuration was, label by label, and what it took.

A text that needs review counts as wrong, since nobody got a label for it; apart from that it is told how
many got one (the coverage) and how many of those were right."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from stream_classifier.lab.evaluate.outcome import Run
from stream_classifier.lab.evaluate.statistics import Proportion, percentile
from stream_classifier.lab.evaluate.texts import Answer

Confusion = Mapping[tuple[str, str | None], int]
"""Texts by the label that is right and the one that was given; None is "needs review"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """One label: `support` texts have it by right, `given` were given it, `hits` of them rightly."""

    label: str
    support: int
    given: int
    hits: int

    @property
    def precision(self) -> Proportion:
        """Of the texts that were given the label, those that have it."""
        return Proportion(self.hits, self.given)

    @property
    def recall(self) -> Proportion:
        """Of the texts that have the label, those that were given it."""
        return Proportion(self.hits, self.support)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where no text has the label nor was given it."""
        return 2 * self.hits / (self.support + self.given) if self.support + self.given else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Of the call that answered, in milliseconds; None where no call did."""

    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Of one configuration. `per_label` has every label that a text has or was given, the most frequent
    first."""

    texts: int
    rows: int
    accuracy: Proportion
    coverage: Proportion  # texts that got a label
    accuracy_labelled: Proportion  # of those
    reviews: Mapping[str, int]  # texts by reason
    urgent: int  # texts that had a call of their own, whatever the batch
    per_label: Sequence[LabelScore]
    confusion: Confusion
    latency: Latency
    usd_per_1000: float | None  # texts

    @property
    def macro_f1(self) -> float | None:
        """The mean F1 of all labels that a text has, each weighing the same: a label that no text has cannot
        be measured, and giving it wrongly costs the others their recall."""
        found = [label.f1 or 0.0 for label in self.per_label if label.support]
        return sum(found) / len(found) if found else None


def scores(run: Run, answers: Sequence[Answer]) -> Scores:
    """How right these answers of the run were, one for each text."""
    labelled = [each for each in answers if each.given is not None]
    confusion = Counter((each.text.expected, each.given) for each in answers)
    per_1000 = run.cost_usd / len(answers) * 1000 if answers and run.cost_usd is not None else None
    return Scores(
        texts=len(answers),
        rows=sum(len(each.text.lines) for each in answers),
        accuracy=_right(answers),
        coverage=Proportion(len(labelled), len(answers)),
        accuracy_labelled=_right(labelled),
        reviews=dict(
            Counter(each.verdict.reason or "unknown" for each in answers if each.given is None).most_common()
        ),
        urgent=sum(each.verdict.lane == "urgent" for each in answers),
        per_label=_per_label(confusion),
        confusion=confusion,
        latency=_latency(answers),
        usd_per_1000=per_1000,
    )


def _right(answers: Iterable[Answer]) -> Proportion:
    right = [each.right for each in answers]
    return Proportion(sum(right), len(right))


def _per_label(confusion: Confusion) -> Sequence[LabelScore]:
    support, given = Counter[str](), Counter[str]()
    for (expected, label), texts in confusion.items():
        support[expected] += texts
        if label is not None:
            given[label] += texts
    found = [
        LabelScore(
            label=label, support=support[label], given=given[label], hits=confusion.get((label, label), 0)
        )
        for label in support | given
    ]
    return sorted(found, key=lambda score: (-score.support, score.label))


def _latency(answers: Iterable[Answer]) -> Latency:
    values = sorted(each.verdict.latency_ms for each in answers if each.verdict.latency_ms is not None)
    return Latency(
        p50_ms=percentile(values, 0.5), p90_ms=percentile(values, 0.9), p99_ms=percentile(values, 0.99)
    )
