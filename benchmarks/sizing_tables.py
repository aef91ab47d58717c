"""The tables of docs/sizing.md, from the formulas and the constants of `sizing`."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmarks.sizing import (
    COPIES,
    DAY_S,
    EVENT_BYTES,
    MONTH_DAYS,
    PEAK,
    REDIS_ENTRY_BYTES,
    RETENTION_DAYS,
    STREAMS,
    TICKET_BYTES,
    Stream,
    call_s,
)

REPEATS = (0.0, 0.2, 0.5, 0.8)
SHARES_AT = STREAMS[1]  # the one that the tables of shares are about
URGENT = (0.0, 0.02, 0.1, 0.5)

Row = tuple[str, Callable[[Stream], str]]

SETTINGS: Sequence[Row] = (
    ("`batch.max_tickets`, `max_wait_s`", lambda s: f"{s.max_tickets}, {s.max_wait_s:g} s"),
    ("`cache.ttl_s`", lambda s: f"{s.ttl_s / 3600:g} h"),
)
NEEDS: Sequence[Row] = (
    ("tickets a day", lambda s: _short(s.rate * DAY_S)),
    ("asked of the model, mean, a second", lambda s: _number(s.rate * s.asked)),
    ("tickets a call", lambda s: _number(s.tickets_a_call)),
    ("a call, bulk / urgent", lambda s: f"{s.call_s:.1f} / {call_s(1):.1f} s"),
    ("cores busy at the peak, at-least-once", lambda s: _number(s.cores)),
    ("the same, exactly-once", lambda s: _number(s.exactly_once_cores)),
    ("**pods**", lambda s: f"**{s.pods}**"),
    ("CPU to request for a pod", lambda s: f"{s.cpu_m}m"),
    ("memory of a pod at the peak", lambda s: f"{_number(s.memory_mib)} MiB"),
    ("**partitions**", lambda s: f"**{s.partitions}**"),
    ("tickets a second that a partition can follow", lambda s: _number(s.partition_rate)),
    ("bulk calls side by side, all pods, at the peak", lambda s: _number(s.calls_at_once)),
    ("urgent calls side by side, all pods, at the peak", lambda s: _number(s.urgent_calls_at_once)),
    ("`llm.concurrency` of a pod", lambda s: _number(s.concurrency)),
    ("**requests a minute** to ask the provider for", lambda s: f"**{_short(60 * s.calls)}**"),
    ("**tokens a minute**, input", lambda s: f"**{_short(60 * PEAK * s.tokens_in)}**"),
    ("tokens a minute, output", lambda s: _short(60 * PEAK * s.tokens_out)),
    ("**USD a day**", lambda s: f"**{_money(s.usd_a_day)}**"),
    ("USD a month", lambda s: _money(s.usd_a_day * MONTH_DAYS)),
    ("the same with one call a ticket, no cache", lambda s: _money(s.single_usd_a_day * MONTH_DAYS)),
    ("entries in the cache", lambda s: _short(s.entries)),
    ("Redis' memory for them", lambda s: _bytes(s.entries * REDIS_ENTRY_BYTES)),
    ("look-ups a second in Redis, at the peak, at the most", lambda s: _short(s.peak)),
    (
        "Kafka in / out at the peak",
        lambda s: f"{_bytes(s.peak * TICKET_BYTES)}/s / {_bytes(s.peak * EVENT_BYTES)}/s",
    ),
    (
        f"disk of both topics, {RETENTION_DAYS} days, {COPIES} copies",
        lambda s: _bytes(s.rate * DAY_S * RETENTION_DAYS * COPIES * (TICKET_BYTES + EVENT_BYTES)),
    ),
)
SHARES: Sequence[Row] = (
    ("requests a minute", lambda s: _short(60 * s.calls)),
    ("tokens a minute, input", lambda s: _short(60 * PEAK * s.tokens_in)),
    ("calls side by side", lambda s: _number(s.calls_at_once + s.urgent_calls_at_once)),
    ("cores", lambda s: _number(s.cores)),
    ("USD a day", lambda s: _money(s.usd_a_day)),
)


def examples() -> str:
    """The three streams, a column each."""
    head = [f"{stream.rate:,.0f} a second" for stream in STREAMS]
    return _table(head, [*SETTINGS, *NEEDS], STREAMS)


def by_repeats() -> str:
    """One stream by the share of repeats."""
    streams = [replace(SHARES_AT, repeats=share) for share in REPEATS]
    return _table([f"{share:.0%} repeats".replace("%", " %") for share in REPEATS], SHARES, streams)


def by_urgent() -> str:
    """One stream by the share of urgent tickets."""
    streams = [replace(SHARES_AT, urgent=share) for share in URGENT]
    return _table([f"{share:.0%} urgent".replace("%", " %") for share in URGENT], SHARES, streams)


def tables() -> str:
    """All tables, as they stand in the documentation."""
    return "\n\n".join([examples(), by_repeats(), by_urgent()])


def _table(head: Sequence[str], rows: Sequence[Row], streams: Sequence[Stream]) -> str:
    lines = [["", *head], ["---"] * (len(head) + 1)]
    lines += [[name, *map(cell, streams)] for name, cell in rows]
    return "\n".join(f"| {' | '.join(line)} |".replace("|  |", "| |") for line in lines)


def _number(value: float) -> str:
    """Two significant digits below a hundred, whole above."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _short(value: float) -> str:
    """Three significant digits, millions by name."""
    if value >= 1e6:
        return f"{float(f'{value / 1e6:.3g}'):g} million"
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 10 else f"{value:.2g}"


def _money(usd: float) -> str:
    return f"{float(f'{usd:.3g}'):,.0f}" if usd >= 10 else f"{usd:.2f}"


def _bytes(value: float) -> str:
    """In the unit that leaves a number between 1 and 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{float(f'{value:.3g}'):g} {unit}"
        value /= 1000
    return f"{float(f'{value:.3g}'):g} TB"
