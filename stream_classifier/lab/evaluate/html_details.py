"""The long parts of the report: label by label, place by place, text by text. Each is HTML."""

from collections.abc import Sequence
from html import escape

from stream_classifier.lab.evaluate.findings import bounded, exact, tests
from stream_classifier.lab.evaluate.positions import Positions
from stream_classifier.lab.evaluate.report import Disagreement, Report, shortened, shown
from stream_classifier.lab.evaluate.scores import LabelScore, Scores
from stream_classifier.lab.evaluate.statistics import Proportion
from stream_classifier.lab.pages.intervals import Interval, dots, intervals
from stream_classifier.lab.pages.matrix import MOST_LABELS, REVIEW, matrix
from stream_classifier.lab.pages.page import note, told

HEAD_CHARS = 240  # of a text: longer ones unfold
MOST_ROWS = 25  # of labels: the others unfold
LEAST_DOTS = 5  # places with fewer texts than that say nothing and stretch the scale


def with_small(figure: str, small: str) -> str:
    """A figure with what belongs to it below."""
    return f"{told(figure)}<small>{told(small)}</small>"


def bounds(part: Proportion) -> str:
    """`88.0 to 93.6`: percent."""
    low, high = part.interval
    return f"{low * 100:.1f} to {high * 100:.1f}"


def labels(scored: Scores) -> str:
    """A row a label: precision, recall and F1."""
    if not scored.per_label:
        return ""
    shown, others = scored.per_label[:MOST_ROWS], scored.per_label[MOST_ROWS:]
    rest = (
        f"<details><summary>{len(others):,} labels more</summary>{_table(others)}</details>" if others else ""
    )
    return (
        _table(shown)
        + rest
        + note(
            "Precision: of the texts that were given the label, those that have it. Recall: of those that "
            "have it, those that were given it. F1 is their harmonic mean."
        )
    )


def _table(scores: Sequence[LabelScore]) -> str:
    heads = ("", "texts", "given", "precision", "recall", "F1")
    head = "".join(f"<th>{name}</th>" for name in heads)
    rows = "".join(map(_label, scores))
    return f'<div class="scroll"><table class="figures"><tr>{head}</tr>{rows}</table></div>'


def _label(each: LabelScore) -> str:
    parts = (
        with_small(exact(part.share), bounds(part)) if part.of else "·"
        for part in (each.precision, each.recall)
    )
    f1 = "·" if each.f1 is None else f"{each.f1:.2f}"
    cells = (told(each.label), f"{each.support:,}", f"{each.given:,}", *parts, f1)
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def confusion(found: Report) -> str:
    """The chosen configuration's matrix."""
    scored = found.scores[found.chosen]
    if not scored.texts:
        return ""
    names, counts = pooled(scored, found.evaluation.labels)
    told_of = (
        "Rows are the right label, columns the one that was given. Blue is right, orange is wrong; the "
        "stronger, the larger the share of the row."
    )
    if len(scored.per_label) > len(names):
        told_of += (
            f" The {MOST_LABELS - 1} labels with the most mistakes are shown, the others together: there the "
            "diagonal also holds mistakes among them."
        )
    return f'<div class="beyond scroll">{matrix(names, counts)}</div>' + note(told_of)


def pooled(scored: Scores, order: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Labels and counts for a matrix, in this order; beyond `MOST_LABELS` those with the fewest mistakes as
    one."""
    mistakes = {each.label: each.support + each.given - 2 * each.hits for each in scored.per_label}
    place = {label: at for at, label in enumerate(order)}
    names = sorted(mistakes, key=lambda label: (place.get(label, len(place)), label))
    if len(names) > MOST_LABELS:
        most = sorted(names, key=lambda label: -mistakes[label])[: MOST_LABELS - 1]
        names = [*(label for label in names if label in set(most)), f"{len(names) - len(most)} others"]
    at = {label: index for index, label in enumerate(names)}
    others = len(names) - 1
    counts = [[0] * (len(names) + 1) for _ in names]
    for (expected, given), number in scored.confusion.items():
        column = len(names) if given is None else at.get(given, others)
        counts[at.get(expected, others)][column] += number
    return names, counts


def agreement(found: Report) -> str:
    """How often each configuration that batches says what it says to one text a call."""
    rows = [
        Interval(
            label=found.name(each.run),
            value=each.same.share,
            low=each.same.interval[0],
            high=each.same.interval[1],
            told=bounded(each.same) + ("" if each.kappa is None else f", kappa {each.kappa:.2f}"),
        )
        for each in found.agreements
        if each.same.share is not None
    ]
    if not rows:
        return ""
    return intervals(rows) + note(
        "The share of texts that get the same answer as with one text a call, right or wrong; kappa is "
        "what is left of it when chance is taken out (1 is full agreement)."
    )


def places(found: Report) -> str:
    """A plot for each configuration that batches: accuracy by place in the call."""
    return "".join(_position(found, each) for each in found.positions)


def _position(found: Report, each: Positions) -> str:
    points = [
        Interval(
            label=str(place + 1),
            value=part.count / part.of,
            low=part.interval[0],
            high=part.interval[1],
        )
        for place, part in enumerate(each.by_place)
        if part.of >= LEAST_DOTS
    ]
    if not points:
        return ""
    plot = dots(f"Accuracy by place in the call: {found.name(each.run)}", points)
    return f"<h3>{told(found.name(each.run))}</h3>{plot}" + note(
        f"The share that is right, by the place of the text in its call (1 is the first), with its bounds; "
        f"{each.texts:,} texts in calls of three and more. Thirds of the calls: "
        f"{', '.join(exact(part.share) for part in each.thirds)} ({tests(each)})."
    )


def disagreements(found: Report) -> str:
    """Every text that not all got right, with what each said."""
    if not found.disagreements:
        return ""
    several = len(found.runs) > 1
    rows = "".join(_disagreement(each, several=several) for each in found.disagreements)
    head = "<tr><th>line</th><th>text</th><th>right</th><th>given</th></tr>"
    told_of = (
        "Texts that not every configuration labelled rightly: first those on which they differ, then those "
        "that all got wrong. Numbers are those of the configurations above."
        if several
        else "Texts that were not labelled rightly."
    )
    return f'{note(told_of)}<div class="beyond scroll"><table class="answers">{head}{rows}</table></div>'


def _disagreement(each: Disagreement, *, several: bool) -> str:
    lines = ", ".join(map(str, each.text.lines))
    by_answer: dict[str, list[int]] = {}
    for place, answer in enumerate(each.answers):
        if answer is not None:
            given = answer.given or f"{REVIEW} ({answer.verdict.reason or 'unknown'})"
            by_answer.setdefault(given, []).append(place + 1)
    given = "<br>".join(
        (f"{', '.join(map(str, places))}: " if several else "")
        + _answer(name, right=name == each.text.expected)
        for name, places in by_answer.items()
    )
    return (
        f'<tr><td>{lines}</td><td class="text">{_text(each.text.text)}</td>'
        f'<td class="label">{escape(each.text.expected)}</td><td class="label">{given}</td></tr>'
    )


def _answer(name: str, *, right: bool) -> str:
    return escape(name) if right else f"<b>{escape(name)}</b>"


def _text(text: str) -> str:
    whole = shown(text)
    if len(whole) <= HEAD_CHARS:
        return escape(whole)
    return f"<details><summary>{escape(shortened(text, HEAD_CHARS))}</summary>{escape(whole)}</details>"
