"""The report for people who decide and have no terminal: one page that needs nothing else.

Whatever comes from tickets, labels or settings is escaped. All disagreements are in it, with their whole
texts: who may not read the tickets may not have the page.
"""

from collections.abc import Iterator
from pathlib import PurePath

from stream_classifier.lab.evaluate.findings import bounded, caveats, exact, findings, probability, signed
from stream_classifier.lab.evaluate.html_details import (
    agreement,
    bounds,
    confusion,
    disagreements,
    labels,
    places,
    with_small,
)
from stream_classifier.lab.evaluate.outcome import Evaluation
from stream_classifier.lab.evaluate.report import Report, report
from stream_classifier.lab.figures import milliseconds, usd
from stream_classifier.lab.pages.intervals import Interval, intervals
from stream_classifier.lab.pages.page import Bar, bars, note, page, sections, sentences, tiles, told


def html(evaluation: Evaluation) -> str:
    """The whole page."""
    found = report(evaluation)
    first, *others = findings(found)
    name = found.name(found.chosen)
    apart = f": {name}" if len(found.runs) > 1 else ""
    parts = [
        ("How often each is right", _accuracies(found)),
        ("What each takes", _costs(found)),
        ("All figures", _table(found)),
        (f"Label by label{apart}", labels(found.scores[found.chosen])),
        (f"Which label was given for which{apart}", confusion(found)),
        ("The same as alone in a call?", agreement(found)),
        ("Does the place in a call matter?", places(found)),
        (f"Disagreements ({len(found.disagreements):,})", disagreements(found)),
        ("What this rests on", sentences(caveats(found))),
    ]
    content = tiles(_tiles(found)) + sentences(others) + "".join(sections(parts))
    return page("evaluate", PurePath(evaluation.source).name, first, content)


def _tiles(found: Report) -> Iterator[tuple[str, str]]:
    scored = found.scores[found.chosen]
    yield f"{scored.texts:,}", "different texts"
    yield exact(scored.accuracy.share), "right"
    if scored.macro_f1 is not None:
        yield f"{scored.macro_f1:.2f}", "macro F1"
    yield exact(scored.coverage.share), "got a label"
    if scored.usd_per_1000 is not None:
        yield usd(scored.usd_per_1000), "for 1,000 texts"


def _accuracies(found: Report) -> str:
    rows = [
        Interval(
            label=_numbered(found, place),
            value=scored.accuracy.share,
            low=scored.accuracy.interval[0],
            high=scored.accuracy.interval[1],
            told=bounded(scored.accuracy),
            kind="good" if place == found.chosen and len(found.runs) > 1 else "plain",
        )
        for place, scored in enumerate(found.scores)
        if scored.accuracy.share is not None
    ]
    if not rows:
        return ""
    return intervals(rows) + note(
        "The stroke is the share of texts that were labelled rightly, the band where the true share lies "
        "(95 % sure). The scale does not begin at 0. Bands that overlap are no proof that two are equal, nor "
        "of the contrary: the sentences above compare them text by text."
    )


def _numbered(found: Report, place: int) -> str:
    return f"{place + 1}. {found.name(place)}" if len(found.runs) > 1 else found.name(place)


def _costs(found: Report) -> str:
    measures = [scored.usd_per_1000 for scored in found.scores]
    priced = [measure for measure in measures if measure is not None]
    if len(found.runs) == 1 or len(priced) < len(measures):
        return ""
    longest = max(priced) or 1.0
    rows = [
        Bar(
            label=_numbered(found, place),
            share=price / longest,
            value=f"{usd(price)}, {found.runs[place].calls:,} calls",
            kind="good" if place == found.chosen else "plain",
        )
        for place, price in enumerate(priced)
    ]
    return bars(rows) + note(
        "USD for 1,000 different texts, attempts that failed included; calls for all of them."
    )


def _table(found: Report) -> str:
    """A row a configuration."""
    heads = ("", "right", "macro F1", "got a label", "calls", "tokens in, out", "cost", "p50, p90, p99")
    several = len(found.runs) > 1
    head = "".join(f"<th>{name}</th>" for name in (*heads, *(["against 1."] if several else [])))
    rows = "".join(f"<tr>{_row(found, place)}</tr>" for place in range(len(found.runs)))
    table = f'<div class="beyond scroll"><table class="figures"><tr>{head}</tr>{rows}</table></div>'
    return table + note(
        "Latency is that of the calls, without waiting for a batch to fill."
        + (
            " Against 1.: points of accuracy, on the texts that both were asked, with p by Holm."
            if several
            else ""
        )
    )


def _row(found: Report, place: int) -> str:
    run, scored, compared = found.runs[place], found.scores[place], found.comparison(place)
    latency = scored.latency
    cells = [
        told(_numbered(found, place)),
        with_small(exact(scored.accuracy.share), bounds(scored.accuracy)),
        "·" if scored.macro_f1 is None else f"{scored.macro_f1:.3f}",
        told(exact(scored.coverage.share)),
        f"{run.calls:,}",
        with_small(f"{run.tokens_in:,}", f"{run.tokens_out:,}"),
        "no price" if run.cost_usd is None else usd(run.cost_usd),
        with_small(
            milliseconds(latency.p50_ms), f"{milliseconds(latency.p90_ms)}, {milliseconds(latency.p99_ms)}"
        ),
    ]
    if compared is not None:
        cells.append(with_small(signed(compared.difference), probability(compared.p_adjusted)))
    elif len(found.runs) > 1:
        cells.append("")
    return "".join(f"<td>{cell}</td>" for cell in cells)
