"""What `ticket.redact` finds and what it takes for it wrongly, on made sentences; what it costs; and what it
does to the cache's hits.

Recall counts a value whole: one digit left over is a miss. Precision counts every find that is not where
something was put. Both are of what was made here, by whoever wrote the patterns, too: they hold the patterns
to what they claim, and say little of what people write elsewhere.
"""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson

from benchmarks.figures import Figure, Findings
from benchmarks.redaction_texts import UNTOLD, Made, made_lookalikes, made_sentences
from stream_classifier.core.redact import KINDS, Redactor
from stream_classifier.core.text import clean, model_text, normalise
from stream_classifier.core.ticket import NotATicket, Ticket, TicketReader
from stream_classifier.lab.backlog import open_backlog
from stream_classifier.lab.made_tickets import made_tickets
from stream_classifier.lab.rows import TicketRow

RECALL_AT_LEAST = 95.0  # per cent, of each group but the one that has no form
PRECISION_AT_LEAST = 95.0  # per cent, of each kind
MAX_CHARS = 8_000  # `ticket.max_chars`
LARGE_CHARS = 1 << 20
HOSTILE = (
    "01 01 ",
    "4444 ",
    "password:",
    "0123 4567 ",
    "10.1.2.3 ",
    "://a:",
    "-----BEGIN PRIVATE KEY-----",
    "a@a.",
)
_NUMBERED = re.compile(rf"\[({'|'.join(KINDS)}) \d+\]")


@dataclass(slots=True)
class Account:
    """What was put there, what was found of it, and what was found elsewhere."""

    made: Counter[tuple[str, str]] = field(default_factory=Counter)
    found: Counter[tuple[str, str]] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)  # finds, by their kind
    wrong: Counter[str] = field(default_factory=Counter)
    missed: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    mistaken: list[str] = field(default_factory=list)

    def take(self, made: Made, redactor: Redactor) -> None:
        """One sentence."""
        text, place = clean(made.text), (made.kind, made.group)
        finds = redactor.finds(text)
        masked = {at for find in finds for at in range(find.start, find.end)}
        for find in finds:
            beside = find.end <= made.start or find.start >= made.end
            (self.wrong if beside else self.right)[find.kind] += 1
            if beside:
                self.mistaken.append(f"{find.kind}: {text}")
        if made.end:
            self.made[place] += 1
            if all(at in masked for at in range(made.start, made.end) if text[at].isalnum()):
                self.found[place] += 1
            else:
                self.missed[place].append(text)

    def recall(self, place: tuple[str, str]) -> float:
        """Per cent of what was put there."""
        return 100 * self.found[place] / self.made[place]

    def precision(self, kind: str) -> float:
        """Per cent of the finds."""
        return 100 * self.right[kind] / max(self.right[kind] + self.wrong[kind], 1)


def account(each: int, seed: int) -> Account:
    """`each` sentences of every group, and as many in all with nothing to mask."""
    redactor, found = Redactor(KINDS), Account()
    for made in made_sentences(each, seed):
        found.take(made, redactor)
    for made in made_lookalikes(sum(found.made.values()), seed):
        found.take(made, redactor)
    return found


def measure(each: int, seed: int, source: Path | None) -> Findings:
    """All of it. `source` is a file of tickets to see the effect on, beside made ones."""
    found = account(each, seed)
    sentences = sum(found.made.values())
    figures = [*_quality(found), *_cost(), *_hits(seed)]
    if source is not None:
        figures += _effect(source)
    title = f"Redaction: {sentences} made sentences with something to mask, as many without, seed {seed}"
    return Findings(title=title, figures=figures)


def _quality(found: Account) -> Iterator[Figure]:
    for kind, group in found.made:
        needed = None if group == UNTOLD else RECALL_AT_LEAST
        yield Figure(
            name=f"{kind}, {group}: recall", values=[found.recall((kind, group))], unit="%", at_least=needed
        )
    for kind in KINDS:
        yield Figure(
            name=f"{kind}: precision",
            values=[found.precision(kind)],
            unit="%",
            at_least=PRECISION_AT_LEAST,
        )


def _cost() -> Iterator[Figure]:
    """Of made tickets, as the service prepares them; and of texts made to be slow, a MiB each."""
    redactor = Redactor(KINDS)
    values = (record.value for record in made_tickets(4_000, seed=0, not_tickets=0.0))
    tickets = list(_tickets(values, TicketReader()))
    for name, used in (("off", None), ("on", redactor)):
        each_us = _us(tickets, used) / len(tickets)
        yield Figure(name=f"made tickets, redaction {name}", values=[each_us], unit="µs")
    slowest_us = max(_us([_large(piece)], redactor) for piece in HOSTILE)
    ordinary_us = _us([_large("The export stops at once. ")], redactor)
    yield Figure(name="1 MiB of ordinary words", values=[ordinary_us / 1000], unit="ms")
    yield Figure(name="1 MiB of what is slowest", values=[slowest_us / 1000], unit="ms")


def _large(piece: str) -> Ticket:
    body = piece * (LARGE_CHARS // len(piece))
    return Ticket("1", "", body, "text", None, (), None, None)


def _us(tickets: Sequence[Ticket], redactor: Redactor | None) -> float:
    """The process's own time for their texts, in microseconds: the least of three, since others use the
    machine."""
    times = []
    for _ in range(3):
        began = time.process_time()
        for ticket in tickets:
            model_text(ticket, MAX_CHARS, (), redactor)
        times.append(time.process_time() - began)
    return min(times) * 1e6


def _hits(seed: int) -> Iterator[Figure]:
    """Tickets whose text was there before, among those that differ in whose they are."""
    texts = [*_signed(seed, tickets=10_000)]
    redactor = Redactor(KINDS)
    masked = [redactor((text,))[0] for text in texts]
    yield Figure(name="repeats, redaction off", values=[_repeats(texts)], unit="%")
    yield Figure(name="repeats, masks as they are", values=[_repeats(masked)], unit="%")
    alike = (_NUMBERED.sub(r"[\1]", text) for text in masked)
    yield Figure(name="repeats, were masks not numbered", values=[_repeats(alike)], unit="%")


def _signed(seed: int, tickets: int) -> Iterator[str]:
    """Of 200 complaints, each with its sender's address or number; in a third of them a second person's."""
    rng = Random(seed)
    for _ in range(tickets):
        complaint = f"The export of list {rng.randrange(200)} stops. Please write to {_address(rng)}"
        second = rng.random()
        if second < 0.17:
            complaint += f" and to my colleague {_address(rng)}"
        elif second < 0.34:
            complaint += f" or call +49 30 {rng.randrange(10**6, 10**7)}"
        yield complaint


def _address(rng: Random) -> str:
    return f"user{rng.randrange(3_000)}@example.com"


def _repeats(texts: Iterable[str]) -> float:
    normalised = [normalise(text) for text in texts]
    return 100 * (1 - len(set(normalised)) / len(normalised))


def _effect(source: Path) -> Iterator[Figure]:
    """What becomes of somebody's own tickets."""
    reader, redactor = TicketReader(), Redactor(KINDS)
    with open_backlog(str(source)) as rows:
        values = [orjson.dumps(row.ticket) for row in rows if isinstance(row, TicketRow)]
    tickets = list(_tickets(values, reader))
    before = [model_text(ticket, MAX_CHARS)[0] for ticket in tickets]
    after = [model_text(ticket, MAX_CHARS, (), redactor)[0] for ticket in tickets]
    changed = sum(one != other for one, other in zip(before, after, strict=True))
    name = source.name
    yield Figure(name=f"{name}: tickets with a mask", values=[100 * changed / len(tickets)], unit="%")
    yield Figure(name=f"{name}: repeats, redaction off", values=[_repeats(before)], unit="%")
    yield Figure(name=f"{name}: repeats, on", values=[_repeats(after)], unit="%")


def _tickets(values: Iterable[bytes], reader: TicketReader) -> Iterator[Ticket]:
    for value in values:
        try:
            read: Sequence[Ticket] = reader.read(value)
        except NotATicket:
            continue
        yield from read
