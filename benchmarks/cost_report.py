"""The costs as tables in Markdown: multiples of the floor by source, and where the tokens go."""

from collections.abc import Iterator, Mapping, Sequence

from benchmarks.cost import SIZES, Measured
from benchmarks.cost_account import Account

PARTS = {
    "schema": "schema",
    "system": "system message",
    "chat": "what a chat wraps around messages",
    "framing": "a record's key, check, quotes",
    "text": "text",
    "escapes": "the text's escapes as a JSON string",
    "frame": "reply: keys, quotes, commas",
    "check": "reply: check",
    "label": "reply: label",
}


SIZE = 20  # at which taxonomies are compared
CASE = "20 labels"  # by which sizes are


def tables(measured: Sequence[Measured]) -> str:
    """A table a source; then the parts, of the first."""
    by_source: dict[str, list[Measured]] = {}
    for one in measured:
        by_source.setdefault(one.source.name, []).append(one)
    first = next(iter(by_source.values()))
    by_size = {f"{one.size}": one.account for one in first if one.case.name == CASE}
    by_case = {one.case.name: one.account for one in first if one.size == SIZE}
    return "\n\n".join(
        [
            *map(_multiples, by_source.values()),
            _parts(f"Where they go, {first[0].source.name}, {CASE}, by size of batch:", by_size),
            _parts(f"Where they go, {first[0].source.name}, {SIZE} a call, by taxonomy:", by_case),
        ]
    )


def _multiples(measured: Sequence[Measured]) -> str:
    account = measured[-1].account
    size = f"{account.texts:,} distinct, {account.text_tokens:.0f} tokens on average"
    head = _head(["taxonomy", "prefix cache", *map(str, SIZES), f"constant part at {SIZE}"])
    rows = [row for case in _cases(measured) for row in _case(case)]
    return "\n".join([f"**{measured[0].source.name}**: {size}", "", *head, *rows])


def _cases(measured: Sequence[Measured]) -> Iterator[Sequence[Measured]]:
    for first in range(0, len(measured), len(SIZES)):
        yield measured[first : first + len(SIZES)]


def _case(case: Sequence[Measured]) -> Iterator[str]:
    accounts = [one.account for one in case]
    constant = next(f"{one.account.largest_constant:,}" for one in case if one.size == SIZE)
    yield _row([case[0].case.name, "none", *(f"{a.multiple():.2f}" for a in accounts), constant])
    yield _row(["", "from 1,024 tokens", *(f"{a.multiple(a.cached_long):.2f}" for a in accounts), ""])
    yield _row(["", "of any length", *(f"{a.multiple(a.cached):.2f}" for a in accounts), ""])


def _parts(title: str, accounts: Mapping[str, Account]) -> str:
    shares = [dict(account.shares()) for account in accounts.values()]
    rows = [_row([told, *(f"{share[name]:.1f}" for share in shares)]) for name, told in PARTS.items()]
    total = _row(["all", *(f"{sum(share.values()):.1f}" for share in shares)])
    floor = _row(["the floor", *(f"{a.floor / a.texts:.1f}" for a in accounts.values())])
    return "\n".join([title, "", *_head(["part", *accounts]), *rows, total, floor])


def _head(cells: Sequence[str]) -> tuple[str, str]:
    return _row(cells), _row(["---"] * len(cells))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
