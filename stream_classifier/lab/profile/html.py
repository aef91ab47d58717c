"""The report for people who decide and have no terminal: one page that needs nothing else.

Whatever comes from tickets or settings is escaped.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import PurePath

from stream_classifier.core.prompt import visible
from stream_classifier.lab.figures import UNITS, duration, percent, rate, seconds, usd
from stream_classifier.lab.pages.page import Bar, bars, note, page, sections, sentences, tiles
from stream_classifier.lab.pages.svg import MOST_TICKS, Point, columns, curve
from stream_classifier.lab.profile.arrivals import Arrivals
from stream_classifier.lab.profile.findings import caveats, findings
from stream_classifier.lab.profile.profiling import Profile
from stream_classifier.lab.profile.projection import Projection

SHOWN = 8  # rows of a list


def html(profile: Profile) -> str:
    """The whole page."""
    first, *others = findings(profile)
    parts = [
        ("What it costs", _costs(profile)),
        ("What batches save, and how late labels come", _batches(profile)),
        ("Tickets that need no call, by how long answers are kept", _hits(profile)),
        ("When tickets come", _arrivals(profile)),
        ("How long texts are", _lengths(profile)),
        ("Scripts", _shares(profile.texts.scripts)),
        ("Languages, as the tickets say", _shares(profile.texts.languages)),
        ("Texts that come most often", _top(profile)),
        ("The configuration", f"<pre>{escape(profile.yaml)}</pre>"),
        ("What this rests on", sentences(caveats(profile))),
    ]
    content = tiles(_tiles(profile)) + sentences(others) + "".join(sections(parts))
    return page("profile", PurePath(profile.source).name, first, content)


def _tiles(profile: Profile) -> Sequence[tuple[str, str]]:
    chosen, single = profile.advice.chosen, profile.one_call_a_ticket
    found = [
        (f"{profile.tickets:,}", "tickets"),
        (percent(profile.texts.repeated_share).replace("under ", "< "), "of texts had come before"),
    ]
    if chosen.cost_usd is not None and single.cost_usd:
        found += [
            (usd(chosen.cost_usd), "as recommended"),
            (percent(1 - chosen.cost_usd / single.cost_usd), "less than one call a ticket"),
        ]
    return [*found, (seconds(chosen.bulk.p99_s), "until 99 % are labelled")]


def _costs(profile: Profile) -> str:
    single, advice = profile.one_call_a_ticket, profile.advice
    rows: list[tuple[str, float | None, float, str]] = [
        ("One call a ticket", single.cost_usd, single.calls, "faint"),
        ("With a prefix cache", single.prefix_cached_cost_usd, single.calls, "faint"),
        ("Cached, one text a call", advice.one.cost_usd, advice.one.calls, "plain"),
        ("As recommended", advice.chosen.cost_usd, advice.chosen.calls, "good"),
    ]
    priced = [cost for _, cost, _, _ in rows if cost is not None]
    longest = max(priced if len(priced) == len(rows) else [calls for _, _, calls, _ in rows]) or 1.0
    drawn = []
    for name, cost, calls, kind in rows:
        measure = cost if cost is not None and len(priced) == len(rows) else calls
        value = f"{calls:,.0f} calls" if cost is None else f"{usd(cost)}, {calls:,.0f} calls"
        drawn.append(Bar(label=name, share=measure / longest, value=value, kind=kind))
    return bars(drawn)


def _batches(profile: Profile) -> str:
    """A row a size, a column a deadline."""
    advice = profile.advice
    deadlines = sorted({each.max_wait_s for each in advice.grid})
    by_place = {(each.max_tickets, each.max_wait_s): each for each in advice.grid}
    head = "".join(f"<th>{deadline:g} s</th>" for deadline in deadlines)
    rows = []
    for size in sorted({each.max_tickets for each in advice.grid}):
        cells = "".join(_cell(by_place[size, deadline], profile) for deadline in deadlines)
        rows.append(f'<tr><th scope="row">{size} tickets</th>{cells}</tr>')
    told = (
        "Rows are the most tickets of a batch, columns the longest that a ticket waits for others. The "
        "larger figure is saved of what one text a call costs with the same cache; below it is the time "
        f"within which 99 % of bulk tickets are labelled, struck out where it is later than "
        f"{profile.within_s:g} s."
    )
    table = f'<table class="grid"><tr><th></th>{head}</tr>{"".join(rows)}</table>'
    return f'<div class="scroll">{table}</div>{note(told)}'


def _cell(each: Projection, profile: Profile) -> str:
    one, chosen = profile.advice.one, profile.advice.chosen
    saved = max(1 - each.weight / one.weight, 0.0) if one.weight else 0.0
    late = (each.bulk.p99_s or 0.0) > profile.within_s
    is_chosen = (each.max_tickets, each.max_wait_s) == (chosen.max_tickets, chosen.max_wait_s)
    kind = " ".join(name for name, holds in (("chosen", is_chosen), ("late", late)) if holds)
    return f'<td class="{kind}"><strong>{percent(saved)}</strong><span>{seconds(each.bulk.p99_s)}</span></td>'


def _hits(profile: Profile) -> str:
    if not profile.hits:
        return ""
    points = [
        Point(
            label=duration(hit.ttl_s),
            value=hit.share,
            told=percent(hit.share),
            kind="good" if hit.ttl_s == profile.ttl_s else "plain",
        )
        for hit in profile.hits
    ]
    return curve("Share of tickets that need no call, by TTL", points)


def _arrivals(profile: Profile) -> str:
    came = profile.arrivals
    drawn = ", drawn at random, since the data does not say" if came.made else ""
    drawn = ", drawn at random at the rate that was given" if profile.rate_given else drawn
    peak = (
        f"The busiest minute brought {came.busiest_minute:,}"
        if came.busiest_hour is None
        else f"The busiest hour brought {came.busiest_hour:,}, the busiest minute {came.busiest_minute:,}"
    )
    urgent = f"{profile.urgent:,} tickets are urgent" if profile.urgent else "No ticket is urgent"
    told = (
        f"{rate(came.per_s)} over {duration(came.span_s)}{drawn}. {peak}: the peak is "
        f"{came.peak:.1f} times the mean. {urgent}."
    )
    return columns("Tickets over time", came.buckets, _ticks(came)) + note(told)


def _ticks(came: Arrivals) -> list[str]:
    width_s = came.span_s / len(came.buckets)
    starts = [place * width_s for place in range(len(came.buckets))]
    if came.made:
        unit_s, unit = next((u for u in UNITS if came.span_s / MOST_TICKS >= u[0]), UNITS[-1])
        return [f"{start / unit_s:.0f} {unit}" for start in starts]
    form = "%d %b" if came.span_s > 3 * 86_400 else "%H:%M"
    return [datetime.fromtimestamp(came.first_s + start, UTC).strftime(form) for start in starts]


def _lengths(profile: Profile) -> str:
    texts, histogram = profile.texts, profile.texts.histogram
    told = (
        f"Tokens a text, as estimated: half have at most {texts.tokens_p50:,}, nine in ten "
        f"{texts.tokens_p90:,}, 99 % {texts.tokens_p99:,}, the longest {texts.tokens_longest:,}."
    )
    if texts.truncated:
        told += f" {texts.truncated:,} are cut at ticket.max_chars."
    plot = columns(
        "Texts by tokens",
        [count for _, _, count in histogram],
        [f"to {high:,}" for _, high, _ in histogram],
        [f"{count:,}" for _, _, count in histogram],
    )
    return plot + note(told)


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return ""
    if len(counts) == 1:
        return note(f"{visible(*counts)}, all of them.")
    shown = list(counts.items())[:SHOWN]
    rows = [
        Bar(label=visible(name), share=count / total, value=percent(count / total)) for name, count in shown
    ]
    return bars(rows)


def _top(profile: Profile) -> str:
    top: Sequence[tuple[int, str]] = [(each.times, each.text or "(not kept)") for each in profile.texts.top]
    if not top:
        return ""
    rows = "".join(
        f"<tr><td class='figure'>{times:,}</td><td>{escape(text)}</td></tr>" for times, text in top
    )
    return f"<table class='top'>{rows}</table>"
