"""What a person sees on stderr while a backlog is labelled: how far it is, and what it waits for.

Rules
-----
* A bar only on a terminal; into a pipe nothing but what is the matter.
* Pauses and their ends are told in a sentence, from the log's own lines: there is no second account of them.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import orjson
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from stream_classifier.core.answer import DecidedBy
from stream_classifier.lab.backlog import count_lines
from stream_classifier.lab.classify import Job
from stream_classifier.lab.classify.files import told
from stream_classifier.lab.figures import clock, usd
from stream_classifier.lab.screen import bar
from stream_classifier.observe import logs
from stream_classifier.settings import Settings

REFRESH_PER_S = 4
RATE_OVER_S = 30.0  # long enough to hold still, short enough to follow a pause
BAR_STYLE, BAR_CHARS = "green", 16
PAUSED, RESUMED = ("provider_paused", "budget_spent"), ("provider_resumed", "budget_renewed")
UNTOLD = frozenset({"dead_letter", "log_suppressed", "storm"})
"""Warnings that say nothing new here: rejected rows have a file, and repeats are what a backlog is full
of."""


@dataclass(slots=True)
class Notices:
    """Takes the log's lines. What a person must know is told as a sentence; `log` takes all of them."""

    tell: Callable[[str], None]
    log: TextIO | None = None
    paused: str | None = None  # a word or two, while something waits

    def write(self, line: str) -> None:
        """A line of the log."""
        if self.log is not None:
            self.log.write(line)
        entry = orjson.loads(line)
        event = entry["event"]
        if event in PAUSED:
            self.paused = entry.get("reason", "budget")
        elif event in RESUMED:
            self.paused = None
        if event in RESUMED or (entry["level"] in ("warning", "error") and event not in UNTOLD):
            self.tell(sentence(entry))

    def flush(self) -> None:
        """Lines are told at once; the log's own file is flushed."""
        if self.log is not None:
            self.log.flush()

    def isatty(self) -> bool:
        """What it takes is JSON."""
        return False


def sentence(entry: Mapping[str, Any]) -> str:
    """A line of the log as a person reads it."""
    event = entry["event"]
    if event == "provider_paused":
        status = f", status {entry['status']}" if entry["status"] else ""
        return f"Paused: {entry['remedy']} ({entry['model']}: {entry['reason']}{status})"
    if event == "provider_resumed":
        return f"Resumed: {entry['model']} works again, after {clock(entry['paused_s'])}."
    if event == "budget_spent":
        return _budget_spent(entry)
    if event == "budget_renewed":
        return f"Resumed: a new day, and a new budget for {entry['lane']} tickets."
    fields = {name: entry[name] for name in entry if name not in ("timestamp", "level", "logger", "event")}
    return f"{event}: {', '.join(f'{name} {value}' for name, value in fields.items())}"


def _budget_spent(entry: Mapping[str, Any]) -> str:
    lane, group = entry["lane"], "urgent" if entry["lane"] == "urgent" else "llm"
    return (
        f"Paused: the day's budget for {lane} tickets is spent ({usd(entry['budget_usd'])}). It goes on by"
        f" itself at 00:00 UTC. To go on today, end this with Ctrl-C, raise {group}.budget_usd_per_day, and"
        " run the same command again."
    )


@dataclass(slots=True)
class Progress:
    """How far a job is. `lines` is what the input has, None where that is not known (yet); `to_count` is a
    file whose lines can be counted beside the work."""

    job: Job
    notices: Notices
    to_count: str | None = None
    lines: int | None = None
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    async def count(self) -> None:
        """Find out how many lines there are, beside the work."""
        if self.to_count is not None:
            self.lines = await asyncio.to_thread(count_lines, self.to_count)

    def render(self) -> RenderableType:
        """A line of figures, after a bar where the end is known."""
        line = Table.grid(padding=(0, 2, 0, 0))
        line.add_column(width=BAR_CHARS if self.lines else 0)
        line.add_column(no_wrap=True, overflow="ellipsis")
        line.add_row(bar(self.job.line / (self.lines or 1), BAR_CHARS, BAR_STYLE), self._figures())
        return line

    def _figures(self) -> Text:
        account, spent = self.job.account, self.job.spent
        parts = [f"{account.rows:,} rows"]
        if self.lines:
            parts.append(f"{100 * self.job.line / self.lines:.0f} %")
        per_s = self._per_s()
        if not self.notices.paused:
            parts.append(f"{per_s:,.0f}/s")
            parts += [f"{clock(left_s)} left"] if (left_s := self._left_s(per_s)) else []
        if spent.usd is not None:
            parts.append(usd(spent.usd))
        if known := account.decided_by[DecidedBy.CACHE] + account.decided_by[DecidedBy.SHARED]:
            parts.append(f"{100 * known / account.labelled:.0f} % known")
        if amiss := account.rows - account.labelled:
            parts.append(f"{amiss:,} not labelled")
        paused = f"paused: {self.notices.paused}  " if self.notices.paused else ""
        return Text.assemble((paused, "bold red"), "  ".join(parts))

    def _per_s(self) -> float:
        """Rows a second, of late; what an earlier run has written has no part in it."""
        if not self.job.seconds:
            return 0.0
        self._seen.append((self.job.seconds, self.job.account.rows))
        (then, before), (now, rows) = self._seen[0], self._seen[-1]
        while now - self._seen[0][0] > RATE_OVER_S:
            self._seen.popleft()
        return (rows - before) / (now - then) if now > then else 0.0

    def _left_s(self, per_s: float) -> float | None:
        if not (self.lines and per_s):
            return None
        lines_per_row = self.job.line / self.job.account.rows
        return (self.lines - self.job.line) / (per_s * lines_per_row)


@contextmanager
def noticing(settings: Settings, log: Path | None) -> Iterator[Notices]:
    """Sends the log to a `Notices` while the block lasts, and to the file `log` if there is one."""
    with _appended(log) if log else nullcontext() as file:
        notices = Notices(lambda text: print(text, file=sys.stderr, flush=True), file)
        level = settings.log.level if log else "info"
        flush = logs.configure(level, "json", settings.log.max_per_event_per_s, cast(TextIO, notices))
        try:
            yield notices
        finally:
            flush()


def _appended(path: Path) -> TextIO:
    with told(str(path)):
        return path.open("a", encoding="utf-8")


class Drawn(Protocol):
    """What is drawn again and again."""

    def render(self) -> RenderableType:
        """How it stands now."""


@contextmanager
def showing(progress: Drawn) -> Iterator[None]:
    """A bar on stderr while the block lasts, where somebody is there to see it."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    with Live(
        get_renderable=progress.render, console=console, refresh_per_second=REFRESH_PER_S, transient=True
    ):
        yield
