"""The floor of cost: tokens that were really sent and received, as a multiple of what no prompt can go below.

The service's own pipeline and client label texts before a simulated provider, by size of batch and taxonomy;
the bodies of its requests and of the replies are counted by a real tokenizer (o200k). The floor is, over the
distinct texts, a text's tokens and one token of label at the price of output. What is required holds of texts
of at least 100 tokens and labels of one.

The simulated provider answers in the contract's form and writes as little as that allows. A model may write
more, and which answers are right is no matter here.
"""

import asyncio
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.cost_account import Account, Count
from benchmarks.cost_taxonomies import TAXONOMIES
from benchmarks.cost_wire import label
from benchmarks.figures import Figure, Findings
from stream_classifier.core.ladder import Rung
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.rows import TicketRow
from stream_classifier.observe import logs

SIZES = (1, 5, 10, 20, 32, 64)  # of a batch
SMALL, SAMPLED = 5, 1_000
"""Batches of up to so many are measured on every n-th text, a thousand or somewhat more: they take many
calls, each like the next."""
TEXT_TOKENS = 100  # from which on what is required holds
MADE_TEXTS = 1_280  # twenty full batches of the largest size
LINES_PER_S = 50  # of the log, which nobody reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Required:
    """At most such multiples of the floor, in batches of this size, where the constant part has no more than
    `constant` tokens. `cached` is with the constant part at a tenth of the price."""

    constant: int
    plain: float
    cached: float


REQUIRED = {
    20: Required(constant=600, plain=1.55, cached=1.30),
    64: Required(constant=1_300, plain=1.46, cached=1.29),
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked: by which taxonomy, and in which format of reply."""

    taxonomy: str
    rung: Rung = Rung.JSON_SCHEMA

    @property
    def name(self) -> str:
        """As the tables have it."""
        return self.taxonomy if self.rung is Rung.JSON_SCHEMA else f"{self.taxonomy}, no schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Texts that are labelled. `held` says that they are long enough for what is required."""

    name: str
    texts: Sequence[str]
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One source, case and size of batch."""

    source: Source
    case: Case
    size: int
    account: Account
    unlabelled: int


def measure(
    files: Sequence[Path], count: Count, *, limit: int, price_ratio: float, tell: Callable[[str], None]
) -> list[Measured]:
    """On made texts, and on at most `limit` rows of each file. Raises `OperatorFault` for a file that cannot
    be read."""
    logs.configure("error", "json", LINES_PER_S, io.StringIO())
    found = []
    for source in _sources(files, count, limit):
        for case in _cases(source):
            found += [_run(source, case, size, Account(count, price_ratio)) for size in SIZES]
            tell(f"{source.name}, {case.name}")
    return found


def findings(measured: Sequence[Measured]) -> Findings:
    """What is required, and whether it holds; all multiples, as details."""
    unlabelled = sum(one.unlabelled for one in measured)
    figures = [
        Figure(name="texts without a label", values=[unlabelled], at_most=0),
        *(figure for one in measured for figure in _held(one)),
    ]
    return Findings(
        title="Cost as a multiple of the floor, where something is required",
        figures=figures,
        detail=[figure for one in measured for figure in _multiples(one)],
    )


def _multiples(one: Measured) -> Iterator[Figure]:
    name = f"{one.source.name}, {one.case.name}, {one.size} a call"
    cached = (("", 0), (", 1,024 cached", one.account.cached_long), (", cached", one.account.cached))
    for told, tokens in cached:
        yield Figure(name=name + told, values=[one.account.multiple(tokens)])


def made_texts(count: Count, limit: int) -> Iterator[str]:
    """Made texts of as many tokens as the requirement names, no two alike."""
    words: list[str] = []
    for record in made_tickets(limit * 10, seed=0, repeats=0.0, urgent=0.0, not_tickets=0.0):
        ticket = orjson.loads(record.value)
        if ticket["language"] != "en" or ticket["revision"] > 1:
            continue
        for word in ticket["body"].split():
            words.append(word)
            if count(" ".join(words)) >= TEXT_TOKENS:
                yield " ".join(words)
                words = []


def _sources(files: Sequence[Path], count: Count, limit: int) -> Iterator[Source]:
    made = list(dict.fromkeys(islice(made_texts(count, limit), min(limit, MADE_TEXTS))))
    yield Source(name=f"made texts of {TEXT_TOKENS} tokens", texts=made, held=True)
    read = [Source(name=file.name, texts=list(islice(_texts(file), limit))) for file in files]
    yield from read
    long = [text for source in read for text in source.texts if count(text) >= TEXT_TOKENS]
    if long:
        yield Source(name=f"those of all files with {TEXT_TOKENS} tokens or more", texts=long, held=True)


def _texts(file: Path) -> Iterator[str]:
    with open_backlog(str(file)) as rows:
        for row in rows:
            if isinstance(row, TicketRow) and (text := _text(row.ticket)).strip():
                yield text


def _text(ticket: Mapping[str, Any]) -> str:
    parts = (ticket.get(name) for name in (("text",) if ticket.get("text") else ("subject", "body")))
    return "\n\n".join(str(part) for part in parts if part)


def _cases(source: Source) -> Iterator[Case]:
    yield from map(Case, TAXONOMIES)
    if source.held:
        yield Case("20 labels", Rung.JSON_OBJECT)


def _run(source: Source, case: Case, size: int, account: Account) -> Measured:
    taxonomy = TAXONOMIES[case.taxonomy]
    texts = source.texts[:: max(len(source.texts) // SAMPLED, 1)] if size <= SMALL else source.texts
    unlabelled = len(texts) - asyncio.run(label(texts, taxonomy, size, account.add, rung=case.rung))
    return Measured(source=source, case=case, size=size, account=account, unlabelled=unlabelled)


def _held(one: Measured) -> Iterator[Figure]:
    required, account = REQUIRED.get(one.size), one.account
    if not one.source.held or required is None or account.largest_constant > required.constant:
        return
    name = f"{one.source.name}, {one.case.name}, {one.size} a call"
    yield Figure(name=name, values=[account.multiple()], at_most=required.plain)
    yield Figure(
        name=f"{name}, prefix cached", values=[account.multiple(account.cached)], at_most=required.cached
    )
