"""Everything that the page shows, as texts by the name of their place.

The words are made here and nowhere else: the server fills the page with them, and the script in the page
only puts newer ones into the same places. A view is a flat mapping, so that what has changed between two of
them is found by comparing.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TypeAlias

from stream_classifier.core.answer import Lane
from stream_classifier.observe.live.answers import HELD, PAUSED, working
from stream_classifier.observe.live.blame import outage
from stream_classifier.observe.live.history import KEPT_S, MINUTE_S, History, Period, Rate
from stream_classifier.observe.live.questions import QUESTIONS
from stream_classifier.observe.live.recent import Decided, Line, Recent
from stream_classifier.observe.live.state import Identity, LaneNow, ModelNow, Now, PartitionNow
from stream_classifier.observe.live.words import (
    clock,
    count,
    duration,
    rate,
    share,
    some,
    usd,
)
from stream_classifier.observe.summary import Snapshot, summarise

Row: TypeAlias = tuple[str, Sequence[str]]
"""A tone (empty for none) and the cells."""

View: TypeAlias = Mapping[str, str | Sequence[Row]]
"""By `text:NAME`, `tone:NAME` and `line:NAME` a string, by `rows:NAME` rows."""

MAX_PARTITIONS = 32  # shown; of more, those that are oldest and furthest behind
CHART_WIDTH, CHART_HEIGHT = 300, 48  # of the page's drawings, in their own units
NOW_S = 10.0  # the time that "now" is of: shorter ones jump with every batch
LATENCY_S = 300.0  # the time that the lanes' latencies are of
INFO_LEVELS = ("debug", "info")


def new_view(now: Now, history: History, recent: Recent) -> View:
    """What is to be shown of this moment."""
    return {
        **_head(now),
        **_answers(now, history.last(MINUTE_S)),
        **_lanes(now, history),
        **_partitions(now),
        **_provider(now),
        **_counts(now.counts),
        **_told(now.identity, recent),
    }


def changes(before: View, after: View) -> View:
    """The part of `after` that `before` does not say."""
    return {name: value for name, value in after.items() if before.get(name) != value}


def _head(now: Now) -> View:
    who = now.identity
    owned = f"{len(now.partitions)} of {some(who.partitions, 'partition')}" if who.partitions else ""
    parts = (who.host, f"group {who.group_id}", owned, who.delivery, f"version {who.version}")
    return {
        "text:taken-at": clock(now.unix_s),
        "text:identity": "  ·  ".join(part for part in parts if part),
        "text:up": f"·  up {duration(now.up_s)}",
    }


def _answers(now: Now, minute: Period) -> View:
    first = working(now, minute)
    state, tone = first.headline, first.tone
    shown: dict[str, str] = {}
    for name, (_, answer) in QUESTIONS.items():
        said = answer(now, minute)
        shown |= {f"text:{name}": said.short, f"text:{name}-rest": said.rest, f"tone:{name}": said.tone}
    return {**shown, "text:state": state, "tone:state": tone, "text:title": f"{state} · stream-classifier"}


def _lanes(now: Now, history: History) -> View:
    last, while_ago = history.last(NOW_S), history.last(LATENCY_S)
    shown: dict[str, str] = {}
    for name in Lane:
        lane = now.lanes[name]
        came, left = (history.rates(partial(read, lane=name)) for read in (Period.came, Period.left))
        peak = max((n for _, n in (*came, *left)), default=0.0)
        shown |= {
            f"text:{name}-in": rate(last.came(name)),
            f"text:{name}-waiting": count(lane.waiting),
            f"text:{name}-calling": count(lane.calling),
            f"text:{name}-calls": f"{lane.calls} of {some(lane.slots, 'call')}",
            f"text:{name}-out": rate(last.left(name)),
            f"text:{name}-note": _lane_note(name, lane, while_ago),
            f"tone:{name}": "bad" if lane.held_by in PAUSED else "wait" if lane.held_by else "",
            f"text:{name}-peak": f"Last 15 minutes, at most {rate(peak)} a second",
            f"line:{name}-in": points(came, peak),
            f"line:{name}-out": points(left, peak),
        }
    return shown


def _lane_note(name: Lane, lane: LaneNow, lately: Period) -> str:
    if lane.held_by is not None:
        return f"Waits: {HELD[lane.held_by]}."
    half, most = lately.within_s(name, 0.5), lately.within_s(name, 0.95)
    if half is None or most is None:
        return "No ticket in the last 5 minutes."
    return f"Of the last 5 minutes, half were out {_within(half)}, 95 % {_within(most)}."


def _within(bound_s: float) -> str:
    return "later than half an hour" if bound_s == float("inf") else f"within {bound_s:g} s"


def points(rates: Sequence[Rate], peak: float) -> str:
    """A line for the drawing, from left (15 minutes ago) to right (now); empty where there is nothing yet."""
    if not rates:
        return ""
    drawn = [
        (_x(ago_s), CHART_HEIGHT - 1 - (n / peak * (CHART_HEIGHT - 3) if peak else 0)) for ago_s, n in rates
    ]
    ends = (drawn[0][0], CHART_HEIGHT), (drawn[-1][0], CHART_HEIGHT)
    return " ".join(f"{x:.4g},{y:.3g}" for x, y in (ends[0], *drawn, ends[1]))


def _x(ago_s: float) -> float:
    return CHART_WIDTH * max(1 - ago_s / KEPT_S, 0)


def _partitions(now: Now) -> View:
    worst = sorted(now.partitions, key=_badness, reverse=True)[:MAX_PARTITIONS]
    left_out = len(now.partitions) - len(worst)
    note = "" if now.partitions else "No partitions are assigned to this replica."
    if left_out:
        note = f"And {some(left_out, 'partition')} more, none older and none further behind."
    if now.at_bounds:
        note = f"As much is in work as may be, so reading rests until some of it is done. {note}"
    rows = [_partition(partition, now) for partition in sorted(worst, key=_number)]
    return {"rows:partitions": rows, "text:partitions-note": note.strip()}


def _partition(partition: PartitionNow, now: Now) -> Row:
    late = partition.oldest_s > now.identity.late_after_s
    state = ""
    if partition.map_full:
        state = "reading rests: too much is finished beyond a gap"
    if partition.schema_unknown:
        state = "reading rests: the next record's schema is not known yet"
    if partition.still_s:
        state = f"stands still for {duration(partition.still_s)}"
    cells = [
        str(partition.number),
        count(partition.committed),
        count(partition.unfinished),
        count(partition.done_ahead),
        "" if partition.lag is None else count(partition.lag),
        duration(partition.oldest_s) if partition.unfinished else "",
        state,
    ]
    return ("bad" if partition.still_s else "wait" if late or state else "", cells)


def _badness(partition: PartitionNow) -> tuple[float, float, int]:
    return partition.still_s, partition.oldest_s, partition.lag or 0


def _number(partition: PartitionNow) -> int:
    return partition.number


def _provider(now: Now) -> View:
    budgets = [
        ("bad" if part >= 1 else "", [lane, share(part, 1), "spent" if part >= 1 else "left"])
        for lane, part in now.budgets.items()
    ]
    return {
        "rows:models": [_model(model) for model in now.models],
        "rows:budgets": budgets,
        "text:budgets-note": "" if budgets else "No budget is set.",
    }


def _model(model: ModelNow) -> Row:
    lanes = ", ".join(model.lanes)
    if model.reason is not None:
        return ("bad", [model.name, lanes, outage(model), _limits(model)])
    state = "takes calls" if model.introduced else "not asked yet"
    return ("", [model.name, lanes, state, _limits(model)])


def _limits(model: ModelNow) -> str:
    """What the provider says is left of the account's limits."""
    told = model.rate
    if told is None:
        return "the provider tells none"
    parts = [
        f"{count(left)} of {count(limit)} {unit}" if limit else f"{count(left)} {unit}"
        for left, limit, unit in (
            (told.remaining_requests, told.limit_requests, "requests"),
            (told.remaining_tokens, told.limit_tokens, "tokens"),
        )
        if left is not None
    ]
    return f"{', '.join(parts)} left, told {duration(model.told_s)} ago"


def _counts(counts: Snapshot) -> View:
    sums = summarise(Snapshot(), counts)
    events = counts.events
    known = counts.cache_hits + counts.shared + counts.overridden
    money = [
        ("Spent", usd(sums["cost_usd"])),
        ("One call a ticket", usd(counts.single_cost_usd)),
        ("One call a ticket, prefix cached", usd(counts.single_cached_cost_usd)),
        ("Saved", usd(sums["saved_usd"])),
        ("A thousand events", usd(1000 * counts.cost_usd / events if counts.cost_usd and events else None)),
    ]
    answered = [
        ("Records in", count(counts.records)),
        ("Events out", count(events)),
        ("Calls to the provider", count(counts.calls)),
        ("Answered without a call of their own", f"{share(known, events)}"),
        ("of them from the cache", count(counts.cache_hits)),
        ("of them by another ticket's call", count(counts.shared)),
        ("of them by a person's correction", count(counts.overridden)),
        ("Needs review", count(counts.needs_review)),
        ("Dead letters", count(counts.dead_letters)),
    ]
    return {"rows:money": [("", row) for row in money], "rows:counts": [("", row) for row in answered]}


def _told(who: Identity, recent: Recent) -> View:
    reviews, dead = list(recent.reviews)[::-1], list(recent.dead_letters)[::-1]
    lines = recent.lines()
    silent = "" if who.log_level in INFO_LEVELS else f"log.level is {who.log_level}, so the log has none."
    return {
        "rows:reviews": [("", [_time(it), it.ticket_id, it.reason, it.record]) for it in reviews],
        "text:reviews-note": "" if reviews else silent or "None since the start.",
        "rows:dead-letters": [("", [_time(it), it.record, it.reason]) for it in dead],
        "text:dead-letters-note": "" if dead else "None since the start.",
        "rows:log": [_line(line) for line in lines],
        "text:log-note": "" if lines else "Nothing that matters since the start.",
    }


def _line(line: Line) -> Row:
    tone = "bad" if line.level in ("error", "critical") else "wait" if line.level == "warning" else ""
    times = f" (no. {line.number})" if line.number > 1 else ""
    return (tone, [_time(line), line.level, f"{line.event}{times}", line.said])


def _time(told: Line | Decided) -> str:
    """`12:03:04` of an RFC 3339 timestamp."""
    return told.timestamp[11:19]
