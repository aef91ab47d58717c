"""What a rate of tickets needs, on paper: the formulas of docs/sizing.md, and its tables from them.

Every constant is what a benchmark measured, named beside it, or an assumption, which the documentation says. Who
measures anew changes it here and pastes what `python -m benchmarks sizing` prints; a test holds the page to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from stream_classifier.settings.prices import KNOWN_PRICES

# Measured, on one core of the machine of docs/performance.md.
KNOWN_CPU_US = 18.0  # `growth --over partitions`: a known ticket of 1 KiB, 4 partitions
EXACTLY_ONCE_CPU_US = 21.5  # the same, exactly-once
ASKED_CPU_US = 540.0  # `growth --over length`: a ticket of 1 KiB that is asked, ten a call
EVENT_BYTES = 780  # `hot-path`: what the service writes for a ticket of 1 KiB
CALL_TOKENS, RECORD_TOKENS = 254.0, 20.8  # `cost`, 20 labels: a call's input, and a ticket's beside its text
REPLY_TOKENS, ANSWER_TOKENS = 1.0, 6.0  # `cost`: a call's output, and a ticket's
REDIS_ENTRY_BYTES = 300  # `cache`
IDLE_MIB, TICKET_KIB = 70, 3  # `memory`: a process, and each ticket in flight
MAP_RUNS = 1_522  # core/finished_map.py: finished runs beyond a gap that a partition's commit can hold
CALLS_A_POD = 64  # `goodput`: calls side by side that one process was measured with

# Assumed: each is yours to replace.
TEXT_TOKENS = 100.0  # of a ticket's text; `profile` counts yours
TICKET_BYTES = 1024
FIRST_TOKEN_S, OUTPUT_TOKENS_PER_S = 0.8, 80.0  # of the provider, as `profile` assumes
PEAK = 2.0  # the busiest minute to the day's mean
CORE_SHARE = (
    0.5  # of a core that a pod may use at the peak: the rest is for a backlog and for a pod that is lost
)
FEWEST_PODS = 2  # one that goes leaves one that works
FEWEST_PARTITIONS = 6  # what `stream-classifier topics --create` makes
PARTITIONS_A_POD = 2  # room to double the pods without new partitions
COPIES = 3  # of each partition, in Kafka
RETENTION_DAYS = 7
MODEL = "gpt-4o-mini"
DAY_S, MONTH_DAYS = 86_400, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Tickets a second, the day's mean; what is set for them; and which shares of them are repeats and urgent."""

    rate: float
    max_tickets: int = 20
    max_wait_s: float = 2.0
    ttl_s: float = DAY_S
    repeats: float = 0.5
    urgent: float = 0.02

    @property
    def peak(self) -> float:
        """Tickets a second in the busiest minute."""
        return self.rate * PEAK

    @property
    def asked(self) -> float:
        """Of one ticket, the share that no cache answers."""
        return 1 - self.repeats

    @property
    def cpu_us(self) -> float:
        """Of one ticket, known ones and asked ones taken together."""
        return self.repeats * KNOWN_CPU_US + self.asked * ASKED_CPU_US

    @property
    def cores(self) -> float:
        """Busy at the peak."""
        return self.peak * self.cpu_us / 1e6

    @property
    def exactly_once_cores(self) -> float:
        """The same with `kafka.delivery: exactly-once`."""
        return self.cores + self.peak * (EXACTLY_ONCE_CPU_US - KNOWN_CPU_US) / 1e6

    @property
    def pods(self) -> int:
        """Enough for the CPU and for the calls side by side."""
        for_cpu = ceil(self.cores / CORE_SHARE)
        return max(FEWEST_PODS, for_cpu, ceil(self._calls_at_once(self.max_tickets) / CALLS_A_POD))

    @property
    def partitions(self) -> int:
        """A multiple of the pods, and enough for what may be finished beyond a gap."""
        fewest = max(FEWEST_PARTITIONS, PARTITIONS_A_POD * self.pods, ceil(self.peak / self.partition_rate))
        return ceil(fewest / self.pods) * self.pods

    @property
    def partition_rate(self) -> float:
        """Tickets a second that a partition's commit can follow: known ones between asked ones are finished runs
        beyond a gap for as long as the asked ones wait."""
        runs_a_ticket = self.asked * self.repeats
        return MAP_RUNS / (runs_a_ticket * self.answered_s) if runs_a_ticket else float("inf")

    @property
    def tickets_a_call(self) -> float:
        """The one that opens a batch and those that come while it waits, in one pod, at the day's mean."""
        return min(self.max_tickets, 1 + self._bulk_asked / self.pods * self.max_wait_s)

    @property
    def call_s(self) -> float:
        """Of a bulk call."""
        return call_s(self.tickets_a_call)

    @property
    def answered_s(self) -> float:
        """The longest that a bulk ticket waits while the provider keeps up."""
        return self.max_wait_s + call_s(self.max_tickets)

    @property
    def calls(self) -> float:
        """A second, of both lanes, at the peak."""
        return PEAK * (self._bulk_asked / self.tickets_a_call + self._urgent_asked)

    @property
    def calls_at_once(self) -> float:
        """Of the bulk lane, at the peak."""
        return self._calls_at_once(self.tickets_a_call)

    @property
    def urgent_calls_at_once(self) -> float:
        """At the peak."""
        return PEAK * self._urgent_asked * call_s(1)

    @property
    def concurrency(self) -> int:
        """`llm.concurrency` of a pod: twice what the peak needs, so that a backlog goes down again; the default at
        least."""
        return max(8, ceil(2 * self.calls_at_once / self.pods))

    @property
    def tokens_in(self) -> float:
        """Of input a second, the day's mean."""
        bulk = self._bulk_asked * input_tokens(self.tickets_a_call)
        return bulk + self._urgent_asked * input_tokens(1)

    @property
    def tokens_out(self) -> float:
        """Of output a second, the day's mean."""
        bulk = self._bulk_asked * output_tokens(self.tickets_a_call)
        return bulk + self._urgent_asked * output_tokens(1)

    @property
    def usd_a_day(self) -> float:
        """At `MODEL`'s list price, without a prefix cache."""
        price = KNOWN_PRICES[MODEL]
        return DAY_S * (self.tokens_in * price.input + self.tokens_out * price.output) / 1e6

    @property
    def single_usd_a_day(self) -> float:
        """Of one call a ticket, without a cache."""
        price = KNOWN_PRICES[MODEL]
        one = input_tokens(1) * price.input + output_tokens(1) * price.output
        return DAY_S * self.rate * one / 1e6

    @property
    def entries(self) -> float:
        """In the cache, when each has lived for its time."""
        return self.rate * self.asked * self.ttl_s

    @property
    def in_flight(self) -> float:
        """Tickets that wait in one pod at the peak."""
        return self.peak * self.asked / self.pods * self.answered_s

    @property
    def memory_mib(self) -> float:
        """Of a pod at the peak, without a backlog."""
        return IDLE_MIB + self.in_flight * TICKET_KIB / 1024

    @property
    def _bulk_asked(self) -> float:
        return self.rate * self.asked * (1 - self.urgent)

    @property
    def _urgent_asked(self) -> float:
        return self.rate * self.asked * self.urgent

    def _calls_at_once(self, tickets_a_call: float) -> float:
        return PEAK * self._bulk_asked / tickets_a_call * call_s(tickets_a_call)


def call_s(tickets: float) -> float:
    """How long a call of so many tickets takes."""
    return FIRST_TOKEN_S + (REPLY_TOKENS + ANSWER_TOKENS * tickets) / OUTPUT_TOKENS_PER_S


def input_tokens(tickets: float) -> float:
    """Of one ticket in a call of so many."""
    return CALL_TOKENS / tickets + RECORD_TOKENS + TEXT_TOKENS


def output_tokens(tickets: float) -> float:
    """Of one ticket in a call of so many."""
    return REPLY_TOKENS / tickets + ANSWER_TOKENS


STREAMS = (
    Stream(rate=1, max_wait_s=10.0),
    Stream(rate=100),
    Stream(rate=10_000, ttl_s=3_600),  # a day of them would be 130 GB
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
    return _table([f"{share:.0%} repeats" for share in REPEATS], SHARES, streams)


def by_urgent() -> str:
    """One stream by the share of urgent tickets."""
    streams = [replace(SHARES_AT, urgent=share) for share in URGENT]
    return _table([f"{share:.0%} urgent" for share in URGENT], SHARES, streams)


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
