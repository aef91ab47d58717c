"""What the demo shows, as data, and how numbers are written for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LEAST_SHARE = 0.0005  # that is written in figures
UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


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


def percent(share: float) -> str:
    """`61 %`; with a decimal below ten, where it matters."""
    if 0 < share < LEAST_SHARE:
        return "under 0.1 %"
    return f"{share * 100:.1f} %" if 0 < abs(share) < 0.0995 else f"{share * 100:.0f} %"


def seconds(value: float | None) -> str:
    """`6.9 s`; a point where there is none."""
    if value is None:
        return "·"
    return f"{value:.1f} s" if value < 100 else f"{value:,.0f} s"


def duration(value_s: float) -> str:
    """`4 h`, `15 min`, `1.5 d`: in the largest unit that it fills."""
    unit_s, name = next(((unit, name) for unit, name in UNITS if value_s >= unit), (1, "s"))
    return f"{round(value_s / unit_s, 1):g} {name}"


def rate(per_s: float) -> str:
    """`2.3 a second`, `14 a minute`, `3 an hour`: so that the number is above one."""
    if per_s >= 1:
        return f"{per_s:,.3g} a second"
    return f"{per_s * 60:.3g} a minute" if per_s * 60 >= 1 else f"{per_s * 3600:.3g} an hour"


def clock(elapsed_s: float) -> str:
    """Minutes and seconds, from an hour on with the hours: `0:42`, `3:05:09`."""
    minutes, seconds = divmod(int(elapsed_s), 60)
    hours, minutes_of_hour = divmod(minutes, 60)
    return f"{hours:,}:{minutes_of_hour:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


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
