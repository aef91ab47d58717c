"""The account for people: a table for a terminal, or as Markdown."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.account import Account, Times
from tests.chaos.repeats import COMMITTED_WITHIN_MS

Cells = tuple[str, str, str]

HEAD: Cells = ("", "found", "allowed")
EXPLAINED = (
    "Twice: allowed is what was published and in no commit when its partition got its next owner, where a "
    "kill, a freeze, a lost session or a node's absence came before. The brokers' stamps and their own log "
    "of commits tell it. A repeat that none of these explains is a breach."
)


def report(account: Account, *, markdown: bool) -> str:
    """The disturbances, the table, what its figures mean, and every breach."""
    done = Counter(str(strike.kind) for strike in account.history.strikes)
    parts = [f"Disturbances: {_counts(done)}.", table(list(rows(account)), markdown=markdown)]
    if account.slowest_amid:
        parts.append(f"The slowest urgent ticket was on its way amid: {', '.join(account.slowest_amid)}.")
    if account.delivery == "at-least-once":
        parts.append(EXPLAINED)
    parts += [f"BROKEN: {breach}" for breach in account.breaches]
    parts.append("Every promise held." if account.holds else "Promises were broken.")
    return "\n\n".join(parts)


def rows(account: Account) -> Iterator[Cells]:
    """A figure each: its name, what was found, what is allowed."""
    history, repeats = account.history, account.repeats
    yield "tickets", f"{account.tickets:,}", ""
    yield "records: tombstones, not tickets", f"{account.tombstones:,}, {account.dead_letters:,}", ""
    yield "lost", f"{len(account.lost):,}", "0"
    yield "twice", f"{repeats.count:,}{_by_cause(repeats.counted)}", _allowed(account)
    if account.delivery == "at-least-once":
        waited, most = repeats.oldest_ms / 1000, COMMITTED_WITHIN_MS / 1000
        yield "not committed when killed or frozen, since", f"{waited:.1f} s", f"{most:.1f} s"
    yield "neither asked for nor passed over", f"{len(account.uncalled_for):,}", "0"
    yield "out of key order", f"{len(account.out_of_order):,}", "0"
    yield "overtook, and say so", f"{account.overtook:,}", ""
    yield "records committed past a gap", f"{len(account.past_a_gap):,}, in {account.commits:,} commits", "0"
    yield "commits that went back", f"{len(account.rewound):,}", "0"
    yield "wrong labels", f"{len(account.wrong):,}", "0"
    yield "for review", _counts(account.reviews), "deadline"
    yield "replicas that failed, or stood still", f"{len(history.complaints):,}", "0"
    yield "calls", f"{history.calls:,}", ""
    yield "texts asked, twice or more", f"{history.texts_asked:,}, {history.texts_asked_twice:,}", ""
    yield "urgent during disturbances, p50, p99, max", _times(account.during), ""
    yield "urgent apart from them, p50, p99, max", _times(account.apart), ""
    yield "duration", f"{history.length_s:.0f} s", ""


def table(cells: Sequence[Cells], *, markdown: bool) -> str:
    """Three columns, as wide as they need."""
    if markdown:
        rule: Cells = ("---", "---", "---")
        return "\n".join(f"| {' | '.join(row)} |" for row in (HEAD, rule, *cells))
    name, found, _ = (max(map(len, column)) for column in zip(HEAD, *cells, strict=True))
    return "\n".join(f"{row[0]:<{name}}  {row[1]:<{found}}  {row[2]}".rstrip() for row in (HEAD, *cells))


def _allowed(account: Account) -> str:
    if account.delivery == "exactly-once":
        return "0"
    allowed = account.repeats.allowed
    return f"{sum(allowed.values()):,}{_by_cause(allowed)}"


def _by_cause(counts: Mapping[str, int]) -> str:
    return f" ({_counts(counts)})" if any(counts.values()) else ""


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "none"


def _times(times: Times) -> str:
    shown = [times.percentile(share) for share in (0.5, 0.99, 1.0)]
    return ", ".join(f"{ms / 1000:.2f} s" for ms in shown if ms is not None) or "none"
