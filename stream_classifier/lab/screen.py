"""The demo's live screen: drawn from one moment's figures, whole at 80 by 24, never wider than 100.

Colour is spare: bold for numbers, one colour for the urgent lane, one for what was saved, and red only
where a person should look. The tickets at the foot take the lines that are left.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stream_classifier.lab.figures import DemoFigures, RecentTicket, clock, milliseconds, usd

MAX_WIDTH = 100
"""Wider lines are harder to follow than empty margins are ugly."""

FIXED_LINES = 20
"""What stands above the tickets, the line below them, and one that is left free."""

MAX_RECENT = 18

DIM, GOOD, BAD, URGENT, BULK = "dim", "green", "red", "magenta", "cyan"

NAME_WIDTH = 20
"""The column of names at the left, the same in every part, so that the figures stand in line."""

Side = Literal["left", "right"]


def screen(figures: DemoFigures, foot: str = "") -> RenderableType:
    """The whole screen for this moment, with a line at its foot; it fits itself to the terminal when it is
    drawn."""
    return _Screen(figures, foot)


def bar(share: float, width: int, style: str) -> ProgressBar:
    """A line as long as this share of the width, on a faint one of the whole width."""
    return ProgressBar(
        1.0, min(max(share, 0.0), 1.0), max(width, 1), complete_style=style, finished_style=style
    )


def cost_bars(figures: DemoFigures, width: int) -> Table:
    """The bill as bars: one call a ticket, the same with a prefix cache where known, and ours."""
    rows = [("one call a ticket", figures.single_cost_usd, "default")]
    if figures.single_cached_cost_usd is not None:
        rows.append(("with prefix cache", figures.single_cached_cost_usd, "default"))
    rows.append(("batched and cached", figures.cost_usd, GOOD))
    longest = max(cost for _, cost, _ in rows) or 1.0
    table = grid(NAME_WIDTH, width - 44, 12, 12, sides=("left", "left", "right", "right"))
    for name, cost, style in rows:
        less = f"{figures.saved * 100:.0f} % less" if style == GOOD and figures.saved > 0 else ""
        table.add_row(name, bar(cost / longest, width - 45, style), Text(usd(cost), "bold"), Text(less, GOOD))
    return table


def latency_rows(figures: DemoFigures) -> Table:
    """How long a ticket waits, by lane: half of them, and all but one in a hundred."""
    table = grid(NAME_WIDTH, 14, 14, sides=("left", "right", "right"))
    table.add_row(Text("from Kafka to label", DIM), Text("half within", DIM), Text("99 % within", DIM))
    for name, latency, style in (("urgent", figures.urgent, URGENT), ("bulk", figures.bulk, BULK)):
        bounds = (milliseconds(latency.p50_ms), milliseconds(latency.p99_ms))
        table.add_row(Text(name, style), *(Text(bound, "bold") for bound in bounds))
    return table


def grid(*widths: int, sides: Sequence[Side]) -> Table:
    """Columns of these widths, of which the last is a blank; a cell stays on one line whatever it holds."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for width, side in zip(widths, sides, strict=True):
        table.add_column(width=max(width - 1, 1), justify=side, no_wrap=True, overflow="ellipsis")
    return table


class _Screen:
    """Lays the parts out when it is drawn, for that terminal's width and height."""

    def __init__(self, figures: DemoFigures, foot: str) -> None:
        self._figures = figures
        self._foot = foot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, MAX_WIDTH)
        room = min(options.size.height - FIXED_LINES, MAX_RECENT)
        yield from console.render(Group(*self._parts(width - 2, room)), options.update(width=width))

    def _parts(self, width: int, room: int) -> Iterator[RenderableType]:
        figures = self._figures
        yield _head(figures, width)
        yield Rule(style=DIM)
        for part in (_progress(figures, width), _counts(figures, width), cost_bars(figures, width)):
            yield Padding(part, (0, 1, 1, 1))
        yield Padding(latency_rows(figures), (0, 1, 1, 1))
        yield Padding(_state(figures), (0, 1))
        if room > 0:
            yield Rule(style=DIM)
            yield Padding(_recent(figures.recent[:room], width), (0, 1))
        yield Padding(Text(self._foot, DIM, no_wrap=True, overflow="ellipsis"), (0, 1))


def _head(figures: DemoFigures, width: int) -> RenderableType:
    table = Table.grid(expand=True)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_row(
        Text.assemble(("stream-classifier", "bold"), " demo"),
        Text.assemble(("simulated provider  ", DIM), (clock(figures.elapsed_s), "bold")),
    )
    return Padding(table, (0, 1))


def _progress(figures: DemoFigures, width: int) -> RenderableType:
    rate = Text(f"{figures.rate_per_s:,.0f} labels/s", "bold")
    if figures.planned is None:
        return rate
    counted = f"{figures.done:,} of {figures.planned:,}"
    table = grid(width - 38, 20, 18, sides=("left", "right", "right"))
    table.add_row(bar(figures.done / max(figures.planned, 1), width - 39, BULK), counted, rate)
    return table


def _counts(figures: DemoFigures, width: int) -> RenderableType:
    """Three lines: what came, who answered, what was asked of the model."""
    came = _figures(
        (figures.tickets_in, "in"),
        (figures.labelled.get("bulk", 0), "bulk labelled"),
        (figures.labelled.get("urgent", 0), "urgent labelled"),
    )
    known = _figures(
        (figures.hits, "from the cache"),
        (figures.shared, "with another ticket"),
        (f"{figures.known * 100:.0f} %", "of all"),
    )
    asked = _figures(
        (figures.calls - figures.urgent_calls, f"calls of {figures.texts_per_call:.1f} texts"),
        (figures.urgent_calls, "urgent calls"),
        (figures.tokens, "tokens"),
    )
    table = grid(NAME_WIDTH, width - NAME_WIDTH, sides=("left", "left"))
    for name, line in (("tickets", came), ("answered without", known), ("asked the model", asked)):
        table.add_row(name, line)
    return table


def _state(figures: DemoFigures) -> RenderableType:
    """One line: how the provider does, what is under way, and what people must look at."""
    mark = ("●", GOOD if figures.provider_well else BAD)
    line = Text.assemble(mark, f" provider {figures.provider}   ", no_wrap=True, overflow="ellipsis")
    line.append(f"{figures.in_flight:,} in flight")
    if figures.dead_letters:
        line.append(f"   {figures.dead_letters:,} dead letters")
    if figures.reviews:
        line.append(f"   {figures.reviews:,} need review")
    return line


def _recent(recent: Sequence[RecentTicket], width: int) -> RenderableType:
    table = grid(width - 58, 8, 22, 12, 12, sides=("left", "left", "left", "left", "right"))
    for ticket in recent:
        label = Text(ticket.label, "bold") if ticket.label else Text("needs review", BAD)
        table.add_row(
            Text(ticket.ticket_id),
            Text(ticket.lane, URGENT if ticket.lane == "urgent" else BULK),
            label,
            Text(ticket.decided_by or "", DIM),
            milliseconds(ticket.latency_ms),
        )
    return table


def _figures(*figures: tuple[int | str, str]) -> Text:
    line = Text()
    for number, name in figures:
        shown = f"{number:,}" if isinstance(number, int) else number
        line.append("   " if line else "").append(shown, "bold").append(f" {name}")
    return line
