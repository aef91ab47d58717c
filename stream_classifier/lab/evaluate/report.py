"""All that is told of an evaluation, worked out once: for the terminal, the page and programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stream_classifier.core.prompt import visible
from stream_classifier.lab.evaluate.comparison import Agreement, Comparison, agreements, comparisons
from stream_classifier.lab.evaluate.outcome import Evaluation, Run
from stream_classifier.lab.evaluate.positions import Positions, positions
from stream_classifier.lab.evaluate.scores import LabelScore, Scores, scores
from stream_classifier.lab.evaluate.statistics import CONFIDENCE, Proportion
from stream_classifier.lab.evaluate.texts import Answer, Answers, Text, answers, texts

AS_CONFIGURED = "The configuration"  # the name of a single configuration, which nothing sets apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """A text that not every configuration got right. `answers` are by the run's place, None where it was not
    asked; `split`: the configurations did not all say the same."""

    text: Text
    answers: Sequence[Answer | None]

    @property
    def split(self) -> bool:
        return len({answer.given for answer in self.answers if answer is not None}) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Figures by the run's place. `chosen` is the run whose details are shown: the cheapest that was asked
    all and was not shown to be less accurate than another."""

    evaluation: Evaluation
    texts: Sequence[Text]
    answers: Sequence[Answers]
    scores: Sequence[Scores]
    comparisons: Sequence[Comparison]
    agreements: Sequence[Agreement]
    positions: Sequence[Positions]
    disagreements: Sequence[Disagreement]
    chosen: int

    @property
    def runs(self) -> Sequence[Run]:
        return self.evaluation.runs

    def name(self, run: int) -> str:
        """What sets this run apart."""
        return self.runs[run].name or AS_CONFIGURED

    def comparison(self, run: int) -> Comparison | None:
        """With the first run; None of the first itself."""
        return self.comparisons[run - 1] if run else None


def report(evaluation: Evaluation) -> Report:
    """Everything that can be told of it."""
    found = texts(evaluation)
    by_run = [answers(run, found) for run in evaluation.runs]
    scored = [scores(run, list(its.values())) for run, its in zip(evaluation.runs, by_run, strict=True)]
    compared = comparisons(by_run)
    return Report(
        evaluation=evaluation,
        texts=found,
        answers=by_run,
        scores=scored,
        comparisons=compared,
        agreements=agreements(evaluation.runs, by_run),
        positions=positions([its.values() for its in by_run]),
        disagreements=_disagreements(found, by_run),
        chosen=_chosen(scored, compared, len(found)),
    )


def _disagreements(found: Sequence[Text], by_run: Sequence[Answers]) -> list[Disagreement]:
    """Those on which configurations are split first, then those that all got wrong."""
    all_texts = (Disagreement(text=text, answers=[its.get(text.digest) for its in by_run]) for text in found)
    wrong = [each for each in all_texts if not all(answer.right for answer in each.answers if answer)]
    return sorted(wrong, key=lambda each: not each.split)


def _chosen(scored: Sequence[Scores], compared: Sequence[Comparison], number: int) -> int:
    """Better than the first where one was shown to be, else as good as can be told; of those the cheapest."""
    better = [each.other for each in compared if each.shown and each.difference > 0]
    as_good = [0, *(each.other for each in compared if not each.shown)]
    asked = [run for run in better or as_good if scored[run].texts == number] or [0]
    prices = {run: scored[run].usd_per_1000 for run in asked}
    priced = {run: price for run, price in prices.items() if price is not None}
    if len(priced) == len(asked):
        return min(asked, key=priced.__getitem__)
    return asked[0]


def shown(text: str) -> str:
    """A text as it may be shown to people. It is the one that the model saw, so what `ticket.redact` masks is
    masked in it; every text of a report passes here."""
    return visible(text).strip()


def shortened(text: str, chars: int) -> str:
    """The beginning of it, in one line."""
    line = " ".join(shown(text).split())
    return line if len(line) <= chars else f"{line[: chars - 1].rstrip()}…"


def as_data(evaluation: Evaluation) -> dict[str, Any]:
    """All of it as plain data, as docs/evaluate.md describes it. Shares are from 0 to 1, None of nothing."""
    found = report(evaluation)
    return {
        "source": evaluation.source,
        "label_field": evaluation.label_field,
        "question": evaluation.question,
        "simulated": evaluation.simulated,
        "confidence": CONFIDENCE,
        "rows": evaluation.rows,
        "texts": len(found.texts),
        "disputed_texts": sum(text.disputed for text in found.texts),
        "skipped": [asdict(each) for each in evaluation.skipped],
        "max_cost_usd": evaluation.max_cost_usd,
        "configurations": [_configuration(found, place) for place in range(len(found.runs))],
        "comparisons": [_comparison(found, each) for each in found.comparisons],
        "agreement_with_one_text_a_call": [_agreement(found, each) for each in found.agreements],
        "positions": [_position(found, each) for each in found.positions],
        "disagreements": [_disagreement(found, each) for each in found.disagreements],
    }


def _configuration(found: Report, place: int) -> dict[str, Any]:
    run, scored = found.runs[place], found.scores[place]
    return {
        "name": found.name(place),
        "settings": dict(run.settings),
        "model": run.model,
        "batch_size": run.batch_size,
        "texts": scored.texts,
        "rows_not_asked": run.not_asked,
        "stopped_for": run.stopped_for,
        "accuracy": _share(scored.accuracy),
        "coverage": _share(scored.coverage),
        "accuracy_labelled": _share(scored.accuracy_labelled),
        "needs_review": dict(scored.reviews),
        "macro_f1": scored.macro_f1,
        "labels": [_label(each) for each in scored.per_label],
        "confusion": [
            {"expected": expected, "given": given, "texts": number}
            for (expected, given), number in scored.confusion.items()
        ],
        "urgent_texts": scored.urgent,
        "latency": asdict(scored.latency),
        "calls": run.calls,
        "tokens_in": run.tokens_in,
        "tokens_out": run.tokens_out,
        "cost_usd": run.cost_usd,
        "usd_per_1000_texts": scored.usd_per_1000,
        "spent_usd": run.spent_usd,
        "elapsed_s": run.elapsed_s,
    }


def _share(part: Proportion) -> dict[str, Any]:
    low, high = part.interval
    return {"count": part.count, "of": part.of, "share": part.share, "low": low, "high": high}


def _label(each: LabelScore) -> dict[str, Any]:
    return {
        "label": each.label,
        "support": each.support,
        "given": each.given,
        "precision": _share(each.precision),
        "recall": _share(each.recall),
        "f1": each.f1,
    }


def _comparison(found: Report, each: Comparison) -> dict[str, Any]:
    low, high = each.interval
    return {
        "first": found.name(each.first),
        "other": found.name(each.other),
        "texts": each.texts,
        "first_right": each.first_right,
        "other_right": each.other_right,
        "only_first_right": each.only_first,
        "only_other_right": each.only_other,
        "difference": {"share": each.difference, "low": low, "high": high},
        "p": each.p,
        "p_adjusted": each.p_adjusted,
        "shown": each.shown,
        "detectable_difference": each.detectable,
    }


def _agreement(found: Report, each: Agreement) -> dict[str, Any]:
    return {
        "configuration": found.name(each.run),
        "one_text_a_call": found.name(each.reference),
        "same": _share(each.same),
        "kappa": each.kappa,
    }


def _position(found: Report, each: Positions) -> dict[str, Any]:
    first, middle, last = map(_share, each.thirds)
    return {
        "configuration": found.name(each.run),
        "texts": each.texts,
        "first_third": first,
        "middle_third": middle,
        "last_third": last,
        "by_position": [_share(part) for part in each.by_place],
        "trend_p_adjusted": each.trend_p,
        "unequal_p_adjusted": each.unequal_p,
    }


def _disagreement(found: Report, each: Disagreement) -> dict[str, Any]:
    return {
        "lines": list(each.text.lines),
        "text": shown(each.text.text),
        "expected": each.text.expected,
        "disputed": each.text.disputed,
        "given": {
            found.name(place): {"label": answer.given, "reason": answer.verdict.reason}
            for place, answer in enumerate(each.answers)
            if answer is not None
        },
    }
