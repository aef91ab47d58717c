"""How an evaluation is shown on a terminal, or in a pipe: sentences first, then tables."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream_classifier.lab.evaluate.findings import caveats, exact, findings, probability
from stream_classifier.lab.evaluate.outcome import Evaluation
from stream_classifier.lab.evaluate.report import Disagreement, Report, report, shortened
from stream_classifier.lab.evaluate.scores import Scores
from stream_classifier.lab.figures import milliseconds, usd
from stream_classifier.lab.screen import BAD, DIM, GOOD

WIDTH = 78
LABELS = 25  # the most frequent
CONFUSED = 10  # pairs of labels
DISAGREEMENTS = 20
TEXT_CHARS = 150
REVIEW = "needs review"
MORE = "--html FILE or --json has all."


def rendered(evaluation: Evaluation) -> Iterable[RenderableType]:
    """What to print, part by part."""
    for part in _parts(report(evaluation)):
        yield Constrain(Padding(part, (0, 1, 1, 1)), WIDTH + 2)


def _parts(found: Report) -> Iterator[RenderableType]:
    evaluation, scored = found.evaluation, found.scores[found.chosen]
    title = f"{evaluation.source}: {len(found.texts):,} texts, right by {evaluation.label_field}"
    yield _titled(title, _sentences(findings(found)))
    yield _titled("Configurations", *_names(found), _configurations(found), *_read(found))
    if found.positions or found.agreements:
        yield _titled("Batches", *_batches(found))
    apart = f": {found.name(found.chosen)}" if len(found.runs) > 1 else ""
    if scored.per_label:
        yield _titled(f"Label by label{apart}", *_labels(scored))
    if any(given != expected for expected, given in scored.confusion):
        yield _titled(f"Most often confused{apart}", _confused(scored))
    if found.disagreements:
        yield _titled(f"Disagreements ({len(found.disagreements):,})", *_disagreements(found))
    yield _titled("What this rests on", _sentences(caveats(found), DIM))


def _titled(title: str, *parts: RenderableType) -> RenderableType:
    return Group(Text(title, "bold"), *parts)


def _sentences(sentences: Iterable[str], style: str = "") -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row("•", Text(sentence, style))
    return table


def _figures(*names: str) -> Table:
    """A table whose first column is words and all others figures."""
    table = Table(box=None, pad_edge=False, header_style=DIM, padding=(0, 2, 0, 0))
    table.add_column(names[0], overflow="fold", ratio=1)
    for name in names[1:]:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _names(found: Report) -> Iterator[RenderableType]:
    if len(found.runs) > 1:
        for place in range(len(found.runs)):
            chosen = place == found.chosen
            yield Text(f"{place + 1}. {found.name(place)}", GOOD if chosen else "", overflow="fold")


def _number(found: Report, place: int) -> Text:
    number = f"{place + 1}." if len(found.runs) > 1 else ""
    return Text(number, GOOD if place == found.chosen else "")


def _configurations(found: Report) -> RenderableType:
    several = ["p"] if len(found.runs) > 1 else []
    table = _figures("", "right", "95 %", "F1", "labelled", "calls", "$/1,000", "p50", "p99", *several)
    for place, (run, scored) in enumerate(zip(found.runs, found.scores, strict=True)):
        compared = found.comparison(place)
        table.add_row(
            _number(found, place),
            Text(exact(scored.accuracy.share), "bold"),
            "{:.1f}-{:.1f}".format(*(100 * bound for bound in scored.accuracy.interval)),
            "·" if scored.macro_f1 is None else f"{scored.macro_f1:.2f}",
            exact(scored.coverage.share),
            f"{run.calls:,}",
            "·" if scored.usd_per_1000 is None else usd(scored.usd_per_1000),
            milliseconds(scored.latency.p50_ms),
            milliseconds(scored.latency.p99_ms),
            *([_probability(compared.p_adjusted) if compared else ""] if several else []),
        )
    return table


def _probability(p: float | None) -> str:
    return "·" if p is None else probability(p).removeprefix("p ").removeprefix("= ")


def _read(found: Report) -> Iterator[RenderableType]:
    told = "F1 is the mean of all labels', latency that of the calls."
    if len(found.runs) > 1:
        told += " p is of McNemar's test against 1., by Holm; green is the one whose details follow."
    yield Text(told, DIM)


def _batches(found: Report) -> Iterator[RenderableType]:
    """A row a configuration that batches: agreement with one text a call, accuracy by place in the call."""
    table = _figures("", "as alone", "kappa", "first third", "middle", "last", "trend p", "any p")
    agreements = {each.run: each for each in found.agreements}
    places = {each.run: each for each in found.positions}
    for run in sorted(agreements.keys() | places.keys()):
        agreement, place = agreements.get(run), places.get(run)
        same = exact(agreement.same.share) if agreement else "·"
        kappa = "·" if agreement is None or agreement.kappa is None else f"{agreement.kappa:.2f}"
        thirds = [exact(part.share) for part in place.thirds] if place else ["·"] * 3
        ps = [_probability(place.trend_p), _probability(place.unequal_p)] if place else ["·"] * 2
        table.add_row(_number(found, run), same, kappa, *thirds, *ps)
    yield table
    yield Text(
        "How many texts get the label that they get alone in a call; accuracy by their place in the call.",
        DIM,
    )


def _labels(scored: Scores) -> Iterator[RenderableType]:
    table = _figures("", "texts", "given", "precision", "recall", "F1")
    for each in scored.per_label[:LABELS]:
        table.add_row(
            Text(each.label),
            f"{each.support:,}",
            f"{each.given:,}",
            exact(each.precision.share),
            exact(each.recall.share),
            "·" if each.f1 is None else f"{each.f1:.2f}",
        )
    yield table
    if len(scored.per_label) > LABELS:
        yield Text(f"And {len(scored.per_label) - LABELS:,} labels more: {MORE}", DIM)


def _confused(scored: Scores) -> RenderableType:
    support = {each.label: each.support for each in scored.per_label}
    wrong = [(pair, number) for pair, number in scored.confusion.items() if pair[0] != pair[1]]
    table = _figures("right", "given", "texts")
    table.columns[1].justify = "left"
    for (expected, given), number in sorted(wrong, key=lambda item: -item[1])[:CONFUSED]:
        table.add_row(Text(expected), Text(given or REVIEW), f"{number:,} of {support[expected]:,}")
    return table


def _disagreements(found: Report) -> Iterator[RenderableType]:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for each in found.disagreements[:DISAGREEMENTS]:
        table.add_row(Text(f"line {each.text.lines[0]:,}", DIM), Text(shortened(each.text.text, TEXT_CHARS)))
        table.add_row("", _given(each, several=len(found.runs) > 1))
    yield table
    if len(found.disagreements) > DISAGREEMENTS:
        yield Text(f"And {len(found.disagreements) - DISAGREEMENTS:,} more: {MORE}", DIM)


def _given(each: Disagreement, *, several: bool) -> Text:
    """The right label, then who said what."""
    line = Text.assemble(("right: ", DIM), each.text.expected, ("   given: ", DIM))
    by_answer: dict[str | None, list[str]] = {}
    for place, answer in enumerate(each.answers):
        if answer is not None:
            by_answer.setdefault(answer.given, []).append(str(place + 1))
    for number, (given, places) in enumerate(by_answer.items()):
        line.append("   " if number else "")
        line.append(given or REVIEW, "" if given == each.text.expected else BAD)
        if several:
            line.append(f" ({', '.join(places)})", DIM)
    return line
