"""Tickets that must be asked: over tickets a call, the size of the taxonomy, the length of a ticket.

Every ticket has a text of its own, and the simulated provider answers at once, so that the service's own work
is what is seen. Tokens are the simulated provider's counts; `cost` has those of a real tokenizer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from benchmarks.cost_taxonomies import TOPICS
from benchmarks.figures import Curve, Figure, Findings, Picture
from benchmarks.growth.crew import ONCE, Groups, Lot, a_crew
from benchmarks.growth.known import LENGTHS, TICKET_BYTES, Place
from benchmarks.growth.tickets import new_lot
from stream_classifier.core.prompt import Prompt
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.simulator.tokens import count_tokens

TICKETS_A_CALL = (1, 5, 10, 20, 50)
LABELS = (3, 20, 50, 150, 500)
BATCH_TICKETS = 10  # the default of batch.max_tickets
MANY_TOKENS = 20_000  # that it is the count which closes the largest batch
SHORT_LOT_BYTES = 12 * 2**20  # of long tickets a lot has fewer,
SHORT_LOT_CALLS = 300  # and where they are asked alone
QUICK_LAST_BATCH_S = 0.2  # nothing fills a lot's last batch, and the clock waits for it

Found = Mapping[float, Sequence[Lot]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`lots` at each point, of so many tickets."""

    lots: int = 5
    tickets: int = 3_000


def taxonomy_of(labels: int) -> Mapping[str, Any]:
    """So many labels without descriptions: single words, then pairs of them."""
    names = [*TOPICS, *(f"{one} {other}" for one, other in permutations(TOPICS, 2))]
    return {"labels": names[:labels]}


def constant_tokens(labels: int) -> int:
    """What every call of `BATCH_TICKETS` tickets says of the task: system message and schema."""
    prompt = Prompt(read_taxonomy(taxonomy_of(labels)))
    return count_tokens(prompt.system) + count_tokens(prompt.schema_text(BATCH_TICKETS))


async def over_batch(place: Place, size: Size) -> Findings:
    """From one ticket a call, which is also what an urgent ticket takes, to fifty."""
    found = {}
    for tickets in TICKETS_A_CALL:
        settings = {"batch": {"max_tickets": tickets, "max_tokens": MANY_TOKENS}}
        found[float(tickets)] = await _lots(place, size, settings)
    return Findings(
        title=_title("tickets a call", size),
        figures=_figures(found, "tickets a call at the most"),
        pictures=_pictures("batch", "tickets a call at the most", found),
    )


async def over_taxonomy(place: Place, size: Size) -> Findings:
    """From three labels to five hundred."""
    found = {float(n): await _lots(place, size, {"taxonomy": taxonomy_of(n)}) for n in LABELS}
    constant = [
        Figure(name=f"{n} labels: constant part of a call", values=[constant_tokens(n)], unit="tokens")
        for n in LABELS
    ]
    return Findings(
        title=_title("labels of the taxonomy", size),
        figures=[*constant, *_figures(found, "labels")],
        pictures=_pictures("taxonomy", "labels", found),
    )


async def over_length(place: Place, size: Size) -> Findings:
    """From the shortest tickets to 256 KiB, of which the model sees `ticket.max_chars`."""
    found = {float(n): await _lots(place, size, {}, ticket_bytes=n) for n in LENGTHS}
    return Findings(
        title=_title("bytes of a ticket", size),
        figures=_figures(found, "bytes a ticket"),
        pictures=_pictures("called-length", "bytes a ticket", found),
    )


async def _lots(
    place: Place, size: Size, settings: Groups, *, ticket_bytes: int = TICKET_BYTES
) -> Sequence[Lot]:
    batch = {"max_tickets": BATCH_TICKETS, "max_wait_s": QUICK_LAST_BATCH_S, **settings.get("batch", {})}
    tickets = min(size.tickets, SHORT_LOT_BYTES // ticket_bytes, SHORT_LOT_CALLS * batch["max_tickets"])
    async with a_crew(
        place.bootstrap_servers,
        place.directory,
        place.provider,
        ONCE,
        partitions=4,
        settings={"cache": {"backend": "memory"}, **settings, "batch": batch},
    ) as crew:
        await crew.work(new_lot(0, tickets, ticket_bytes))  # the endpoint and the tokenizer are learned
        return [await crew.work(new_lot(crew.written, tickets, ticket_bytes)) for _ in range(size.lots)]


@dataclass(frozen=True, slots=True)
class _Measure:
    name: str
    unit: str
    of: Callable[[Lot], float]


_MEASURES = (
    _Measure("rate", "tickets/s", lambda lot: lot.rate),
    _Measure("CPU", "µs/ticket", lambda lot: lot.cpu_us),
    _Measure("tickets a call", "", lambda lot: lot.tickets / lot.calls),
    _Measure("input tokens a ticket", "tokens", lambda lot: lot.tokens_in / lot.tickets),
    _Measure("output tokens a ticket", "tokens", lambda lot: lot.tokens_out / lot.tickets),
)


def _figures(found: Found, unit: str) -> list[Figure]:
    return [
        Figure(name=f"{x:,.0f} {unit}: {measure.name}", values=list(map(measure.of, lots)), unit=measure.unit)
        for x, lots in found.items()
        for measure in _MEASURES
    ]


def _pictures(name: str, x: str, found: Found) -> list[Picture]:
    return [
        Picture(
            name=f"growth-{name}-{measure.name.replace(' ', '-').lower()}",
            title=f"Asked tickets by {x}: {measure.name}",
            x=x,
            y=measure.unit or measure.name,
            curves=[
                Curve(name="service", points={n: list(map(measure.of, lots)) for n, lots in found.items()})
            ],
            log_x=True,
            log_y=True,
        )
        for measure in _MEASURES[:-1]
    ]


def _title(over: str, size: Size) -> str:
    return (
        f"Growth over {over}: tickets that are asked, {size.lots} lots of {size.tickets:,} "
        f"({SHORT_LOT_BYTES // 2**20} MiB and {SHORT_LOT_CALLS} calls at the most), a provider that "
        f"answers at once; where nothing else is said, {BATCH_TICKETS} a call at the most"
    )
