"""How a profile is shown on a terminal, or in a pipe: sentences first, then plots, then what to paste."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream_classifier.core.prompt import visible
from stream_classifier.lab.figures import duration, percent, rate, seconds, usd
from stream_classifier.lab.profile.findings import caveats, findings
from stream_classifier.lab.profile.profiling import Profile
from stream_classifier.lab.profile.projection import Projection
from stream_classifier.lab.screen import BAD, BULK, DIM, GOOD, bar, grid

WIDTH = 78
NAME, FIGURE = 22, 16
SHOWN = 8  # rows of a list
STEPS, ASCII_STEPS = "▁▂▃▄▅▆▇█", "_.:-=+*#"


def show(profile: Profile) -> None:
    """Print it all."""
    console = Console(highlight=False)
    for part in _parts(profile):
        console.print(Constrain(Padding(part, (0, 1, 1, 1)), WIDTH + 2))
    console.print(Text(" A configuration to paste", "bold"))
    print(file=sys.stdout)
    print(profile.yaml, end="")  # as it is: what is pasted may not be wrapped


def _parts(profile: Profile) -> Iterator[RenderableType]:
    yield _titled(f"{profile.source}: {profile.tickets:,} tickets", _sentences(findings(profile), "• "))
    yield _titled(f"What it costs, at the list prices of {profile.model}", _costs(profile))
    yield _titled("What batches save and how late they are, by size and deadline", *_batches(profile))
    if profile.hits:
        yield _titled("Tickets that need no call, by how long answers are kept", _hits(profile))
    yield _titled(_arrival_title(profile), Spark(profile.arrivals.buckets), _peak(profile))
    yield _titled(_length_title(profile), _lengths(profile))
    yield _titled("Scripts", _shares(profile.texts.scripts))
    if profile.texts.languages:
        yield _titled("Languages, as the tickets say", _shares(profile.texts.languages))
    if profile.texts.top:
        yield _titled("Texts that come most often", _top(profile))
    yield _titled("What this rests on", _sentences(caveats(profile), "• ", DIM))


def _titled(title: str, *parts: RenderableType) -> RenderableType:
    return Group(Text(title, "bold"), *parts)


def _sentences(sentences: Iterable[str], mark: str, style: str = "") -> RenderableType:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row(mark.strip(), Text(sentence, style))
    return table


def _costs(profile: Profile) -> RenderableType:
    single, advice = profile.one_call_a_ticket, profile.advice
    rows: list[tuple[str, float | None, float, str]] = [
        ("one call a ticket", single.cost_usd, single.calls, "default"),
        ("with prefix cache", single.prefix_cached_cost_usd, single.calls, "default"),
        ("cached, one text a call", advice.one.cost_usd, advice.one.calls, BULK),
        ("as recommended", advice.chosen.cost_usd, advice.chosen.calls, GOOD),
    ]
    priced = all(cost is not None for _, cost, _, _ in rows)
    measures = [cost if cost is not None and priced else calls for _, cost, calls, _ in rows]
    longest = max(measures) or 1.0
    room = WIDTH - NAME - 4 - 2 * FIGURE
    table = grid(NAME + 4, room, FIGURE, FIGURE, sides=("left", "left", "right", "right"))
    for (name, cost, calls, style), measure in zip(rows, measures, strict=True):
        amount = "no price" if cost is None else usd(cost)
        table.add_row(
            name, bar(measure / longest, room - 1, style), Text(amount, "bold"), f"{calls:,.0f} calls"
        )
    return table


def _batches(profile: Profile) -> Iterator[RenderableType]:
    """A row a size, a column a deadline: what is saved of one text a call, and the p99."""
    advice = profile.advice
    deadlines = sorted({each.max_wait_s for each in advice.grid})
    by_place = {(each.max_tickets, each.max_wait_s): each for each in advice.grid}
    table = Table(box=None, pad_edge=False, header_style=DIM, padding=(0, 2, 0, 0))
    table.add_column("tickets")
    for deadline in deadlines:
        table.add_column(f"{deadline:g} s", justify="right")
    for size in sorted({each.max_tickets for each in advice.grid}):
        row = [by_place[size, deadline] for deadline in deadlines]
        table.add_row(str(size), *(_saved(each, profile) for each in row))
        table.add_row("", *(_late(each, profile) for each in row))
    yield table
    yield Text(
        f"Saved of one text a call, and below it the time within which 99 % are labelled; red is later than "
        f"{profile.within_s:g} s.",
        DIM,
    )


def _saved(each: Projection, profile: Profile) -> Text:
    one, chosen = profile.advice.one, profile.advice.chosen
    saved = 1 - each.weight / one.weight if one.weight else 0.0
    is_chosen = (each.max_tickets, each.max_wait_s) == (chosen.max_tickets, chosen.max_wait_s)
    return Text(
        f"{'▸ ' if is_chosen else ''}{percent(max(saved, 0.0))}", f"bold {GOOD}" if is_chosen else "bold"
    )


def _late(each: Projection, profile: Profile) -> Text:
    late = (each.bulk.p99_s or 0.0) > profile.within_s
    return Text(seconds(each.bulk.p99_s), BAD if late else DIM)


def _hits(profile: Profile) -> RenderableType:
    table = grid(NAME, WIDTH - NAME - FIGURE, FIGURE, sides=("left", "left", "right"))
    for hit in profile.hits:
        name = Text(duration(hit.ttl_s), f"bold {GOOD}" if hit.ttl_s == profile.ttl_s else "")
        table.add_row(name, bar(hit.share, WIDTH - NAME - FIGURE - 1, BULK), percent(hit.share))
    return table


class Spark:
    """Columns side by side, each as high as its count, in one line."""

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = counts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        steps = ASCII_STEPS if options.ascii_only else STEPS
        most = max(self._counts) or 1
        places = [-(-count * len(steps) // most) - 1 if count else 0 for count in self._counts]
        yield Text(
            "".join(steps[place] if n else " " for place, n in zip(places, self._counts, strict=True)), BULK
        )


def _arrival_title(profile: Profile) -> str:
    came = profile.arrivals
    made = " (drawn)" if came.made else ""
    return f"Arrivals{made}: {rate(came.per_s)} over {duration(came.span_s)}"


def _peak(profile: Profile) -> RenderableType:
    came = profile.arrivals
    if came.busiest_hour is None:
        told = f"The busiest minute brought {came.busiest_minute:,}: {came.peak:.1f} times the mean."
    else:
        told = (
            f"The busiest hour brought {came.busiest_hour:,}: {came.peak:.1f} times the mean; the busiest "
            f"minute {came.busiest_minute:,}."
        )
    urgent = f" {profile.urgent:,} are urgent, {profile.alone:,} must be asked alone."
    return Text(told + urgent, DIM)


def _length_title(profile: Profile) -> str:
    texts = profile.texts
    return (
        f"Tokens a text: {texts.tokens_p50:,} (p50), {texts.tokens_p90:,} (p90), {texts.tokens_p99:,} (p99), "
        f"{texts.tokens_longest:,} at most"
    )


def _lengths(profile: Profile) -> RenderableType:
    most = max((count for _, _, count in profile.texts.histogram), default=1)
    table = grid(NAME, WIDTH - NAME - FIGURE, FIGURE, sides=("right", "left", "right"))
    for low, high, count in profile.texts.histogram:
        table.add_row(
            f"{low:,} to {high:,}", bar(count / most, WIDTH - NAME - FIGURE - 1, BULK), f"{count:,}"
        )
    return table


def _shares(counts: Mapping[str, int]) -> RenderableType:
    total = sum(counts.values()) or 1
    table = grid(NAME, WIDTH - NAME - FIGURE, FIGURE, sides=("left", "left", "right"))
    for name, count in list(counts.items())[:SHOWN]:
        share = count / total
        table.add_row(Text(visible(name)), bar(share, WIDTH - NAME - FIGURE - 1, BULK), percent(share))
    return table


def _top(profile: Profile) -> RenderableType:
    table = grid(9, WIDTH - 9, sides=("right", "left"))
    for text in profile.texts.top[:SHOWN]:
        table.add_row(Text(f"{text.times:,}", "bold"), Text(text.text or "(not kept)"))
    return table
