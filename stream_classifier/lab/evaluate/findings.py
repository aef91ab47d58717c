"""An evaluation in sentences: first what a person decides by, then what the figures rest on.

A sentence never says that two configurations are equally good, since no test can show that: it says what the
texts could not show, and how large a difference they would have.
"""

from collections.abc import Iterator

from stream_classifier.lab.evaluate.comparison import Agreement, Comparison
from stream_classifier.lab.evaluate.outcome import StoppedFor
from stream_classifier.lab.evaluate.positions import Positions
from stream_classifier.lab.evaluate.report import Report
from stream_classifier.lab.evaluate.statistics import POWER, Proportion
from stream_classifier.lab.figures import listed, usd

FEW_TEXTS = 10  # of a label: its figures may be anything
SKIPPED_TOLD = 3
WHY = {
    StoppedFor.BUDGET: "the budget (--max-cost) did not suffice for more",
    StoppedFor.INTERRUPT: "it was interrupted; the same command goes on",
}


def findings(report: Report) -> Iterator[str]:
    """What was found, the most important first."""
    if report.evaluation.simulated:
        yield (
            "A simulated provider answered: this shows that everything works, and nothing of how right a "
            "model is."
        )
    yield _accuracy(report, report.chosen)
    yield from _cheapest(report)
    yield from (compared(report, each) for each in report.comparisons)
    yield from (_agreement(report, each) for each in report.agreements if each.run == report.chosen)
    yield from _places(report)
    yield from _reviews(report)


def caveats(report: Report) -> Iterator[str]:
    """What the figures rest on, and what they do not tell."""
    evaluation = report.evaluation
    for place, run in enumerate(report.runs):
        if run.not_asked:
            why = f": {WHY[run.stopped_for]}" if run.stopped_for else ""
            yield (
                f"{report.name(place)} was not asked {run.not_asked:,} of {evaluation.rows:,} rows{why}. "
                "Its figures are over the others, and so is its comparison."
            )
    yield from _skipped(report)
    yield from _texts(report)
    yield from _few(report)
    if not report.agreements:
        yield (
            "No batches are held against one text a call: for that, --grid batch.max_tickets=1,10 with the "
            "sizes that are in question."
        )
    yield (
        "The labels in the data are taken for right. Asked again, a model may answer otherwise, also with "
        "one text a call: some disagreement is that."
    )
    urgent = report.scores[report.chosen].urgent
    if urgent:
        yield (
            f"{_number(urgent)} urgent by the rules of triage, with a call of its own by llm.urgent_model: "
            "batches and llm.model do not touch it."
        )
    yield "All this is of these texts: other months, languages or customers may give other figures."


def _accuracy(report: Report, place: int) -> str:
    scored = report.scores[place]
    if not scored.texts:
        return f"{report.name(place)} was asked nothing: there is nothing to tell."
    told = f"is right on {bounded(scored.accuracy)} of {_texts_of(scored.texts)}"
    if scored.usd_per_1000 is not None:
        told += f", at {usd(scored.usd_per_1000)} for 1,000"
    return f"{report.name(place)} {told}."


def _cheapest(report: Report) -> Iterator[str]:
    """Why the chosen one, and what taking it may cost in accuracy."""
    prices = [scored.usd_per_1000 for scored in report.scores]
    if len(report.runs) == 1 or any(price is None for price in prices):
        return
    first, comparison = report.name(0), report.comparison(report.chosen)
    if comparison is None:
        yield from _nothing_cheaper(report)
    elif comparison.shown:
        yield f"Of those that were shown to be more accurate than {first} it is the cheapest."
    else:
        low, _ = comparison.interval
        yield (
            f"It is the cheapest that was not shown to be less accurate than {first}. That is no proof: it "
            f"may be up to {points(max(-low, 0.0))} less accurate."
        )


def _nothing_cheaper(report: Report) -> Iterator[str]:
    """Of the first run, where it is the chosen one."""
    price = report.scores[0].usd_per_1000 or 0.0
    cheaper = [each for each in report.comparisons if (report.scores[each.other].usd_per_1000 or 0.0) < price]
    if not cheaper:
        yield "None of the others is cheaper."
    elif all(each.shown for each in cheaper):
        yield "All that are cheaper were shown to be less accurate."


def compared(report: Report, each: Comparison) -> str:
    """The comparison of two configurations in a sentence or two."""
    first, other = report.name(each.first), report.name(each.other)
    if not each.texts:
        return f"{other} and {first} were not asked the same texts: they cannot be compared."
    low, high = each.interval
    counted = _counted(each)
    if each.shown:
        kind = "more" if each.difference > 0 else "less"
        return (
            f"{other} is {kind} accurate than {first} by {points(abs(each.difference))} ({signed(low)} to "
            f"{signed(high)}; {probability(each.p_adjusted)}): {counted}."
        )
    return (
        f"{other} against {first}: no difference that these texts could show "
        f"({probability(each.p_adjusted)}): {counted}. The true one lies between {signed(low)} and "
        f"{signed(high)} points. {_detectable(each)}"
    )


def _counted(each: Comparison) -> str:
    if not each.only_first + each.only_other:
        return f"they are right on the same {each.first_right:,} of {_texts_of(each.texts)}"
    return (
        f"only it is right on {each.only_other:,} of {_texts_of(each.texts)}, only the other on "
        f"{each.only_first:,}"
    )


def _detectable(each: Comparison) -> str:
    if each.detectable is None:
        return "So few texts could show none at all."
    return f"One of {points(each.detectable)} would have been found {POWER * 10:.0f} times in ten."


def _agreement(report: Report, each: Agreement) -> str:
    if not each.same.of:
        return f"{report.name(each.run)} and one text a call were not asked the same texts."
    beyond = "" if each.kappa is None else f"; kappa {each.kappa:.2f}"
    return (
        f"{report.name(each.run)} says the same as {report.name(each.reference)} on {bounded(each.same)} of "
        f"{_texts_of(each.same.of)}{beyond}."
    )


def _places(report: Report) -> Iterator[str]:
    shown = [each for each in report.positions if each.shown]
    for each in shown:
        first, middle, last = (exact(part.share) for part in each.thirds)
        yield (
            f"{report.name(each.run)}: the place in a call matters. Of the texts in its first third {first} "
            f"are right, {middle} in the middle, {last} in the last ({tests(each)}). Smaller batches may "
            "mend it."
        )
    if report.positions and not any(each.tested for each in report.positions):
        yield "Whether the place in a call matters cannot be tested: too few texts, or too few mistakes."
    elif report.positions and not shown:
        yield "The place in a call has no effect that these texts could show."


def tests(each: Positions) -> str:
    """What was tested of the places in a call, with the p-values."""
    named = (("trend", each.trend_p), ("any difference", each.unequal_p))
    told = [f"{name} {probability(p)}" for name, p in named if p is not None]
    return ", ".join(told) or "too little to test"


def _reviews(report: Report) -> Iterator[str]:
    scored = report.scores[report.chosen]
    if scored.reviews:
        yield (
            f"{_texts_of(sum(scored.reviews.values()))} got no label ({listed(scored.reviews)}), which "
            f"counts as wrong. With those left out, {bounded(scored.accuracy_labelled)} are right."
        )


def _skipped(report: Report) -> Iterator[str]:
    skipped = report.evaluation.skipped
    if skipped:
        told = " ".join(f"Line {each.line}: {each.sentence}" for each in skipped[:SKIPPED_TOLD])
        rows = "1 row was" if len(skipped) == 1 else f"{len(skipped):,} rows were"
        yield f"{rows} left out. {told}"


def _texts(report: Report) -> Iterator[str]:
    rows = sum(len(text.lines) for text in report.texts)
    if rows > len(report.texts):
        yield (
            f"{rows:,} rows hold {len(report.texts):,} different texts, and each counts once: a text that "
            "comes again gets the same answer again, which proves nothing more."
        )
    disputed = sum(text.disputed for text in report.texts)
    if disputed:
        yield (
            f"Rows of {_texts_of(disputed)} differ in the label that is right; that of most rows counts. See "
            "whether people agree on it."
        )


def _few(report: Report) -> Iterator[str]:
    few = sum(0 < each.support < FEW_TEXTS for each in report.scores[report.chosen].per_label)
    if few:
        labels = "1 label is" if few == 1 else f"{few:,} labels are"
        yield f"{labels} right for fewer than {FEW_TEXTS} texts: its figures may be anything."
    unmet = set(report.evaluation.labels) - {text.expected for text in report.texts}
    if unmet:
        labels = "1 label" if len(unmet) == 1 else f"{len(unmet):,} labels"
        yield f"No text has {labels} of the taxonomy: how right those are is not known."


def _texts_of(number: int) -> str:
    return "1 text" if number == 1 else f"{number:,} texts"


def _number(texts: int) -> str:
    return "1 text is" if texts == 1 else f"Each of {texts:,} texts is"


def exact(share: float | None) -> str:
    """`91.2 %`; a point where there is none."""
    return "·" if share is None else f"{share * 100:.1f} %"


def bounded(part: Proportion) -> str:
    """`91.2 % (88.0 to 93.6)`."""
    low, high = part.interval
    return f"{exact(part.share)} ({low * 100:.1f} to {high * 100:.1f})"


def points(share: float) -> str:
    """A difference of two shares: `4.8 points`."""
    return f"{share * 100:.1f} points"


def signed(share: float) -> str:
    """With its sign, in points: `+1.4`."""
    return f"{share * 100:+.1f}".replace("-", "−")  # noqa: RUF001


def probability(p: float) -> str:
    """`p = 0.034`; three places are as many as anybody needs."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
