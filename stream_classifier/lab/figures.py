"""What the demo shows, as data, and how numbers are written for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """From the record's timestamp to its label, in milliseconds; None until there is one."""

    p50_ms: float | None = None
    p99_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentTicket:
    """One event as it was published; no label and no `decided_by` where a person must look."""

    ticket_id: str
    lane: str
    label: str | None
    decided_by: str | None
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFigures:
    """One moment of the demo. Counts are since its start and of tickets, where nothing else is said."""

    elapsed_s: float
    planned: int | None = None  # how many the demo will send; None: until it is stopped
    tickets_in: int = 0  # records read, of which a few may prove to be no tickets
    labelled: Mapping[str, int] = field(default_factory=dict)  # by lane
    labels: Mapping[str, int] = field(default_factory=dict)  # by label
    needs_review: Mapping[str, int] = field(default_factory=dict)  # by reason
    dead_letters: int = 0  # records
    passed_over: int = 0  # records
    left: int = 0  # records not done when it was stopped: still Kafka's, a restart takes them up
    lost: int = 0  # records that neither came out nor are Kafka's to deliver again; known at the end
    repeated: int = 0  # what came out beyond once a record; known at the end
    in_flight: int = 0
    rate_per_s: float = 0.0
    hits: int = 0  # answered from the cache
    shared: int = 0  # answered by a call that another ticket had asked for
    calls: int = 0  # in both lanes
    urgent_calls: int = 0  # of one text each
    texts_per_call: float = 0.0  # of the bulk lane's
    tokens: int = 0  # in and out, as the provider counted them
    cost_usd: float = 0.0
    single_cost_usd: float = 0.0  # the same tickets with one call each
    single_cached_cost_usd: float | None = None  # ... at the price of a prefix cache; None: not known
    urgent: Latency = field(default_factory=Latency)
    bulk: Latency = field(default_factory=Latency)
    provider: str = "answering"  # a word or two: how it does, or why work is paused
    provider_well: bool = True
    recent: Sequence[RecentTicket] = ()  # newest first

    @property
    def labelled_in_all(self) -> int:
        """Over both lanes."""
        return sum(self.labelled.values())

    @property
    def reviews(self) -> int:
        """Over all reasons."""
        return sum(self.needs_review.values())

    @property
    def done(self) -> int:
        """What has come out: a label, a review, a dead letter, or passed over by a rule."""
        return self.labelled_in_all + self.reviews + self.dead_letters + self.passed_over

    @property
    def known(self) -> float:
        """The share of labelled tickets that no call was made for: from the cache, or with another."""
        return (self.hits + self.shared) / max(self.labelled_in_all, 1)

    @property
    def saved(self) -> float:
        """The share of the cost that one call a ticket would have had and that was not spent."""
        return 1 - self.cost_usd / self.single_cost_usd if self.single_cost_usd else 0.0


def usd(amount: float) -> str:
    """Dollars and cents; four decimals below a dollar, where a cent is coarse."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def milliseconds(value: float | None) -> str:
    """`312 ms`, `1.9 s`, or a point where there is none yet."""
    if value is None:
        return "·"
    return f"{value:.0f} ms" if value < 1000 else f"{value / 1000:.1f} s"


def clock(elapsed_s: float) -> str:
    """Minutes and seconds: `0:42`."""
    return f"{int(elapsed_s) // 60}:{int(elapsed_s) % 60:02}"


def listed(counts: Mapping[str, int]) -> str:
    """`2 unsure, 1 no text`: the larger first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in ordered if count)


def plain_line(figures: DemoFigures) -> str:
    """Progress on one line, for a log or a pipe."""
    parts = [
        clock(figures.elapsed_s),
        f"in {figures.tickets_in:,}",
        f"labelled {figures.labelled_in_all:,} ({figures.labelled.get('urgent', 0):,} urgent)",
        f"in flight {figures.in_flight:,}",
        f"calls {figures.calls:,}",
        f"cost {usd(figures.cost_usd)}",
    ]
    if figures.reviews:
        parts.append(f"needs review {figures.reviews:,}")
    if figures.dead_letters:
        parts.append(f"dead letters {figures.dead_letters:,}")
    if not figures.provider_well:
        parts.append(f"provider: {figures.provider}")
    return "  ".join(parts)
