"""Tickets that the cache knows: over partitions, over replicas, over the length of a ticket.

The service is held against the bare loop on topics of the same shape, lot by lot. On a machine whose cores
are shared with the broker a rate soon says more of the machine than of the service; CPU a ticket does not.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import Curve, Figure, Findings, Picture
from benchmarks.growth.crew import BARE, EXACTLY, ONCE, Crew, Groups, Lot, a_crew
from benchmarks.growth.tickets import every_text_everywhere, known_lot
from benchmarks.processes import Process

PARTITIONS = (1, 2, 4, 8, 16)
REPLICAS = (1, 2, 3, 4)
LENGTHS = (100, 1024, 4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024)  # bytes
TICKET_BYTES = 1024
SHARED_PARTITIONS = 12  # of the replicas: a multiple of each of their numbers
SHORT_LOT_BYTES = 48 * 2**20  # of long tickets a lot has fewer
TEXTS_BYTES = 8 * 2**20  # all texts together: they stay in the service's memo of texts (32 MiB)
SETTINGS: Groups = {"cache": {"backend": "memory"}, "batch": {"max_tickets": 50}}

Found = Mapping[str, Mapping[float, Sequence[Lot]]]
"""Lots by variant and by what they are measured over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """`lots` of each variant in turn, of so many tickets with so many distinct texts."""

    lots: int = 5
    tickets: int = 30_000
    texts: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One x: which crews take turns, and on what."""

    variants: Sequence[str]
    partitions: int = 4
    replicas: int = 1
    ticket_bytes: int = TICKET_BYTES

    def tickets(self, size: Size) -> int:
        """In a lot."""
        return min(size.tickets, SHORT_LOT_BYTES // self.ticket_bytes)

    def texts(self, size: Size) -> int:
        """Distinct ones among them."""
        return min(size.texts, TEXTS_BYTES // self.ticket_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it is measured."""

    bootstrap_servers: str
    directory: Path
    provider: Process


async def over_partitions(place: Place, size: Size) -> Findings:
    """In both delivery modes: exactly-once has a producer and a transaction of its own for each partition."""
    variants = (BARE, ONCE, EXACTLY)
    points = {float(n): Point(variants=variants, partitions=n) for n in PARTITIONS}
    found = await _measure(place, size, points)
    return _findings("partitions", "partitions", _title("partitions of the topics", size), found)


async def over_replicas(place: Place, size: Size) -> Findings:
    """Of the service and of the bare loop, in one group on the same partitions."""
    points = {
        float(n): Point(variants=(BARE, ONCE), partitions=SHARED_PARTITIONS, replicas=n) for n in REPLICAS
    }
    found = await _measure(place, size, points)
    findings = _findings("replicas", "replicas", _title("replicas of one group", size), found)
    own_cores = Curve(
        name="service, with a core for each replica (from its CPU)",
        points={n: [n * 1e6 / r.cpu_us for r in lots] for n, lots in found[ONCE].items()},
    )
    rate, cpu = findings.pictures
    rate = Picture(name=rate.name, title=rate.title, x=rate.x, y=rate.y, curves=[*rate.curves, own_cores])
    return Findings(title=findings.title, figures=findings.figures, pictures=[rate, cpu])


async def over_length(place: Place, size: Size) -> Findings:
    """From the shortest tickets to those that a broker's default limit of a record allows four of."""
    points = {float(n): Point(variants=(BARE, ONCE), ticket_bytes=n) for n in LENGTHS}
    found = await _measure(place, size, points)
    findings = _findings("length", "bytes a ticket", _title("bytes of a ticket", size), found, log=True)
    volume = Picture(
        name="growth-length-volume",
        title="Known tickets: MiB a second by the length of a ticket",
        x="bytes a ticket",
        y="MiB/s",
        curves=_curves(found, lambda n, r: n * r.rate / 2**20),
        log_x=True,
        log_y=True,
    )
    return Findings(title=findings.title, figures=findings.figures, pictures=[*findings.pictures, volume])


async def _measure(place: Place, size: Size, points: Mapping[float, Point]) -> Found:
    found: defaultdict[str, dict[float, list[Lot]]] = defaultdict(dict)
    for x, point in points.items():
        async with AsyncExitStack() as stack:
            crews = [await _warm(stack, place, point, variant, size) for variant in point.variants]
            for _ in range(size.lots):
                for crew in crews:
                    found[crew.variant].setdefault(x, []).append(await _lot(crew, point, size))
    return found


async def _warm(stack: AsyncExitStack, place: Place, point: Point, variant: str, size: Size) -> Crew:
    crew = await stack.enter_async_context(
        a_crew(
            place.bootstrap_servers,
            place.directory,
            place.provider,
            variant,
            partitions=point.partitions,
            replicas=point.replicas,
            settings=SETTINGS,
        )
    )
    await crew.work(every_text_everywhere(point.texts(size), point.partitions, point.ticket_bytes))
    return crew


async def _lot(crew: Crew, point: Point, size: Size) -> Lot:
    return await crew.work(
        known_lot(crew.written, point.tickets(size), point.texts(size), point.ticket_bytes)
    )


def _findings(name: str, x: str, title: str, found: Found, *, log: bool = False) -> Findings:
    rate = Picture(
        name=f"growth-{name}-rate",
        title=f"Known tickets a second by {x}",
        x=x,
        y="tickets/s",
        curves=_curves(found, lambda _, r: r.rate),
        log_x=log,
        log_y=log,
    )
    cpu = Picture(
        name=f"growth-{name}-cpu",
        title=f"CPU of a known ticket by {x}",
        x=x,
        y="µs of CPU a ticket",
        curves=_curves(found, lambda _, r: r.cpu_us),
        log_x=log,
        log_y=log,
    )
    return Findings(title=title, figures=[*_figures(found, x)], pictures=[rate, cpu])


def _curves(found: Found, value: Callable[[float, Lot], float]) -> list[Curve]:
    return [
        Curve(name=variant, points={x: [value(x, r) for r in lots] for x, lots in points.items()})
        for variant, points in found.items()
    ]


def _figures(found: Found, unit: str) -> Sequence[Figure]:
    figures = []
    for variant, points in found.items():
        for x, lots in points.items():
            name = f"{variant}, {x:,.0f} {unit}"
            figures.append(Figure(name=f"{name}: rate", values=[r.rate for r in lots], unit="tickets/s"))
            figures.append(Figure(name=f"{name}: CPU", values=[r.cpu_us for r in lots], unit="µs/ticket"))
            if variant != BARE:
                figures += _against(name, found[BARE][x], lots)
            if variant == EXACTLY:
                held = [r.tickets / r.transactions for r in lots]
                figures.append(Figure(name=f"{name}: tickets a transaction", values=held))
    return figures


def _against(name: str, bare: Sequence[Lot], ours: Sequence[Lot]) -> Sequence[Figure]:
    """Lot by lot; and that it was the cache that answered."""
    pairs = list(zip(ours, bare, strict=True))
    return [
        Figure(name=f"{name}: rate to the bare loop's", values=[a.rate / b.rate for a, b in pairs]),
        Figure(name=f"{name}: CPU to the bare loop's", values=[a.cpu_us / b.cpu_us for a, b in pairs]),
        Figure(name=f"{name}: share from the cache", values=[a.known / a.tickets for a in ours], at_least=1),
    ]


def _title(over: str, size: Size) -> str:
    return (
        f"Growth over {over}: tickets that the cache knows, {size.lots} lots of {size.tickets:,} "
        f"({SHORT_LOT_BYTES // 2**20} MiB at the most) with {size.texts:,} texts "
        f"({TEXTS_BYTES // 2**20} MiB at the most)"
    )
