"""What a rate of tickets needs, on paper: the formulas of docs/sizing.md. `sizing_tables` prints them.

Every constant is what a benchmark measured, named beside it, or an assumption, which the documentation says.
Who measures anew changes it here and pastes what `python -m benchmarks sizing` prints: a test holds the page
to it.
"""

from dataclasses import dataclass
from math import ceil

from stream_classifier.settings.prices import KNOWN_PRICES

# Measured, on one core of the machine of docs/performance.md.
KNOWN_CPU_US = 18.0  # `growth --over partitions`: a known ticket of 1 KiB, 4 partitions
EXACTLY_ONCE_CPU_US = 22.0  # the same, exactly-once
ASKED_CPU_US = 300.0  # `growth --over batch`: a ticket of 1 KiB that is asked, beside its part of the call
CALL_CPU_US = 2_700.0  # the same: a call
EVENT_BYTES = 780  # `hot-path`: what the service writes for a ticket of 1 KiB
CALL_TOKENS, RECORD_TOKENS = 254.0, 20.8  # `cost`, 20 labels: a call's input, and a ticket's beside its text
REPLY_TOKENS, ANSWER_TOKENS = 1.0, 6.0  # `cost`: a call's output, and a ticket's
REDIS_ENTRY_BYTES = 300  # `cache`
IDLE_MIB, TICKET_KIB = 70, 3  # `memory`: a process, and each ticket in flight
MAP_RUNS = 1_522  # core/finished_map.py: finished runs beyond a gap that a partition's commit can hold
CALLS_A_POD = 64  # at the peak; twice as many are allowed, and `goodput` measures one process with up to 256

# Assumed: each is yours to replace.
TEXT_TOKENS = 100.0  # of a ticket's text; `profile` counts yours
TICKET_BYTES = 1024
FIRST_TOKEN_S, OUTPUT_TOKENS_PER_S = 0.8, 80.0  # of the provider, as `profile` assumes
PEAK = 2.0  # the busiest minute to the day's mean
CORE_SHARE = 0.5  # of a core, that a pod uses at the peak: the rest is for a backlog, or a lost pod's work
LEAST_CONCURRENCY = 8  # the default of llm.concurrency
LEAST_CPU_M = 250  # k8s/base requests so many thousandths of a core
FEWEST_PODS = 2  # one that goes leaves one that works
FEWEST_PARTITIONS = 6  # what `stream-classifier topics --create` makes
PARTITIONS_A_POD = 2  # room to double the pods without new partitions
COPIES = 3  # of each partition, in Kafka
RETENTION_DAYS = 7
MODEL = "gpt-4o-mini"
DAY_S, MONTH_DAYS = 86_400, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Tickets a second, the day's mean; what is set for them; which shares of them are repeats and urgent."""

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
    def cores(self) -> float:
        """Busy at the peak, all pods together."""
        return self._cores(self.tickets_a_call)

    @property
    def exactly_once_cores(self) -> float:
        """The same with `kafka.delivery: exactly-once`."""
        return self.cores + self.peak * (EXACTLY_ONCE_CPU_US - KNOWN_CPU_US) / 1e6

    @property
    def pods(self) -> int:
        """Enough for the CPU and for the calls side by side. Each pod gathers batches of its own, so more
        pods make more calls, and those perhaps more pods."""
        pods = FEWEST_PODS
        while (enough := self._pods_for(self._tickets_a_call(pods))) > pods:
            pods = enough
        return pods

    @property
    def cpu_m(self) -> int:
        """Thousandths of a core to request for a pod, in steps of 50; as k8s/base does, at the least."""
        return max(LEAST_CPU_M, 50 * ceil(self.cores / self.pods * 20))

    @property
    def partitions(self) -> int:
        """A multiple of the pods, and enough for what may be finished beyond a gap."""
        fewest = max(FEWEST_PARTITIONS, PARTITIONS_A_POD * self.pods, ceil(self.peak / self.partition_rate))
        return ceil(fewest / self.pods) * self.pods

    @property
    def partition_rate(self) -> float:
        """Tickets a second that a partition's commit can follow. Known ones are finished runs beyond a gap
        for as long as asked ones before them wait."""
        runs_a_ticket = self.asked * self.repeats
        return MAP_RUNS / (runs_a_ticket * self.answered_s) if runs_a_ticket else float("inf")

    @property
    def tickets_a_call(self) -> float:
        """The one that opens a batch and those that come while it waits, in one pod, at the day's mean."""
        return self._tickets_a_call(self.pods)

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
        return self._calls(self.tickets_a_call)

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
        """`llm.concurrency` of a pod: twice what the peak needs, so that a backlog goes down again."""
        return max(LEAST_CONCURRENCY, ceil(2 * self.calls_at_once / self.pods))

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

    def _tickets_a_call(self, pods: int) -> float:
        return min(self.max_tickets, 1 + self._bulk_asked / pods * self.max_wait_s)

    def _pods_for(self, tickets_a_call: float) -> int:
        for_cpu = ceil(self._cores(tickets_a_call) / CORE_SHARE)
        return max(for_cpu, ceil(self._calls_at_once(tickets_a_call) / CALLS_A_POD))

    def _cores(self, tickets_a_call: float) -> float:
        known = self.rate * self.repeats * KNOWN_CPU_US
        asked = self.rate * self.asked * ASKED_CPU_US
        return (PEAK * (known + asked) + self._calls(tickets_a_call) * CALL_CPU_US) / 1e6

    def _calls(self, tickets_a_call: float) -> float:
        return PEAK * (self._bulk_asked / tickets_a_call + self._urgent_asked)

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
