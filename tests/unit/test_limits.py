"""The limiter against made providers, on a clock that jumps: no test waits."""

import heapq
from dataclasses import dataclass, field, replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Outcome, RateHeaders, Signal, Usage
from stream_classifier.core.charging import CHARGES, Rule, Size
from stream_classifier.core.limits import PACE_MAX, URGENT_SHARE, Bucket, Limiter, Reservation
from stream_classifier.core.rate_headers import read_rate_headers
from stream_classifier.lab.simulator.limits import RateLimiter

REQUESTS, TOKENS = 120, 60_000
WARM_UP_S, END_S = 10.0, 130.0


def limiter(requests: int | None = REQUESTS, tokens: int | None = TOKENS, *, stock: int = 8) -> Limiter:
    return Limiter(Bucket(requests), Bucket(tokens), stock=stock)


def size(prompt: int = 500) -> Size:
    return Size(prompt=prompt, budget=140, reply=65)


@dataclass
class Run:
    """Backlogs behind limiters, on one account whose provider counts by `rule`."""

    rule: Rule
    burst_s: float
    prompts: tuple[int, int]
    limiters: list[Limiter]
    concurrency: int = 8
    rng: Random = field(default_factory=lambda: Random(7))
    used_requests: int = 0
    used_tokens: int = 0
    calls: int = 0
    refused: int = 0

    def go(self) -> None:
        provider = RateLimiter(rpm=REQUESTS, tpm=TOKENS, burst_s=self.burst_s, now=0.0)
        queue = [(0.0, number, "free") for number in range(self.concurrency * len(self.limiters))]
        under_way: dict[int, tuple[Reservation, Outcome]] = {}
        heapq.heapify(queue)
        while queue and queue[0][0] < END_S:
            now, slot, what = heapq.heappop(queue)
            own = self.limiters[slot % len(self.limiters)]
            if what == "ended":
                reservation, outcome = under_way.pop(slot)
                own.settle(reservation, self._with_headers(outcome, provider, now), now)
            call = size(self.rng.randint(*self.prompts))
            wait_s = own.wait_s(Lane.BULK, call, now)
            if wait_s > 0:
                heapq.heappush(queue, (now + wait_s + 1e-6, slot, "free"))
                continue
            under_way[slot] = (own.reserve(Lane.BULK, call, now), self._call(provider, call, now))
            retry_s = under_way[slot][1].rate.retry_after_s
            heapq.heappush(queue, (now + (0.9 if retry_s is None else retry_s), slot, "ended"))

    def _call(self, provider: RateLimiter, call: Size, now: float) -> Outcome:
        true = Size(prompt=round(call.prompt * self.rng.uniform(0.97, 1.03)), budget=140, reply=65)
        charge = CHARGES[self.rule](true)
        self.calls += 1
        limited = provider.admit(charge, now + self.rng.uniform(0, 0.004))
        if limited is not None:
            self.refused += 1
            return Outcome(signal=Signal.RATE_LIMITED, rate=RateHeaders(retry_after_s=limited.retry_after_s))
        if now >= WARM_UP_S:
            self.used_requests += 1
            self.used_tokens += charge
        return Outcome(signal=Signal.ANSWERED, usage=Usage(true.prompt, true.reply))

    def _with_headers(self, outcome: Outcome, provider: RateLimiter, now: float) -> Outcome:
        told = read_rate_headers(provider.headers(now), 0.0)
        return replace(outcome, rate=replace(told, retry_after_s=outcome.rate.retry_after_s))

    @property
    def share_used(self) -> float:
        """Of the scarcer limit, between second 10 and 130."""
        minutes = (END_S - WARM_UP_S) / 60
        return max(self.used_requests / (REQUESTS * minutes), self.used_tokens / (TOKENS * minutes))


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize(
    "prompts", [(200, 300), (700, 1100)], ids=["requests are scarce", "tokens are scarce"]
)
@pytest.mark.parametrize("known", [True, False], ids=["by settings", "by headers"])
def test_the_scarcer_limit_is_used_up_and_seldom_overstepped(
    rule: Rule, prompts: tuple[int, int], known: bool
) -> None:
    own = limiter() if known else limiter(None, None)
    run = Run(rule=rule, burst_s=10.0, prompts=prompts, limiters=[own])
    run.go()
    assert run.share_used >= 0.97
    assert run.refused <= 0.01 * run.calls + (0 if known else run.concurrency)


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize(
    "prompts", [(200, 300), (400, 500), (700, 1100), (900, 1500)], ids=["small", "both", "large", "largest"]
)
def test_four_replicas_on_one_account_use_it_up_together_and_seldom_overstep(
    rule: Rule, prompts: tuple[int, int]
) -> None:
    four = [limiter() for _ in range(4)]
    for one in four:
        one.share = 0.25
    run = Run(rule=rule, burst_s=10.0, prompts=prompts, limiters=four)
    run.go()
    assert 0.97 <= run.share_used <= 1.0 + 10.0 / 120  # and what the provider held at the start
    assert run.refused <= 0.01 * run.calls


def test_what_another_program_uses_of_the_account_is_not_used_twice() -> None:
    """It takes half; no setting tells us of it, only what the headers say is left."""
    ours, theirs = limiter(), limiter(REQUESTS // 2, TOKENS // 2)
    run = Run(rule=Rule.LARGER, burst_s=10.0, prompts=(700, 1100), limiters=[ours, theirs])
    run.go()
    assert run.share_used >= 0.97
    assert run.refused <= 0.01 * run.calls


def test_no_minute_s_worth_goes_out_at_the_start() -> None:
    own = limiter()
    sent = 0
    while own.wait_s(Lane.BULK, size(100), 0.0) == 0:
        own.reserve(Lane.BULK, size(100), 0.0)
        sent += 1
    assert sent <= REQUESTS / 60 + 1


def test_bulk_cannot_use_up_the_stock_of_urgent_calls() -> None:
    own = limiter(stock=8)
    while own.wait_s(Lane.BULK, size(), 0.0) == 0:
        own.reserve(Lane.BULK, size(), 0.0)
    for _ in range(8):
        assert own.wait_s(Lane.URGENT, size(), 0.0) == 0
        own.reserve(Lane.URGENT, size(), 0.0)
    assert own.wait_s(Lane.URGENT, size(), 0.0) > 0


def test_a_steady_stream_of_urgent_calls_never_waits_though_bulk_uses_all_the_rest() -> None:
    own = limiter(REQUESTS, None, stock=8)
    every = round(100 * 60 / REQUESTS / PACE_MAX / URGENT_SHARE) + 1  # steps between two urgent calls
    for step in range(12_000):
        now = step * 0.01
        if step % every == 0:
            assert own.wait_s(Lane.URGENT, size(), now) == 0
            own.reserve(Lane.URGENT, size(), now)
        while own.wait_s(Lane.BULK, size(), now) == 0:
            own.reserve(Lane.BULK, size(), now)


def test_however_many_urgent_calls_come_no_more_go_out_than_the_limit_and_the_stock() -> None:
    own = limiter(600, None, stock=8)
    sent = 0
    for step in range(6_000):
        for lane in Lane:
            while own.wait_s(lane, size(), step * 0.01) == 0:
                own.reserve(lane, size(), step * 0.01)
                sent += 1
    assert 0.95 * 600 <= sent <= 600 + 10 + 8


def test_what_urgent_calls_took_at_once_bulk_waits_for() -> None:
    plain, used = limiter(), limiter()
    used.reserve(Lane.URGENT, size(), 0.0)
    plain.reserve(Lane.BULK, size(), 0.0)
    assert used.wait_s(Lane.BULK, size(), 0.0) == plain.wait_s(Lane.BULK, size(), 0.0)


def test_a_call_larger_than_a_second_s_worth_waits_for_a_full_bucket_and_no_longer() -> None:
    own = limiter()
    own.reserve(Lane.BULK, size(900), 0.0)
    wait_s = own.wait_s(Lane.BULK, size(5000), 0.0)
    assert 0 < wait_s <= 1.1
    assert own.wait_s(Lane.BULK, size(5000), wait_s + 1e-6) == 0


def test_a_call_that_never_reached_the_provider_is_given_back() -> None:
    own = limiter()
    before_s = own.wait_s(Lane.BULK, size(1000), 0.0)
    own.settle(own.reserve(Lane.BULK, size(1000), 0.0), Outcome(signal=Signal.UNREACHABLE), 0.0)
    assert own.wait_s(Lane.BULK, size(1000), 0.0) == before_s


def test_a_cancelled_call_leaves_no_tokens_reserved() -> None:
    own = limiter(None)
    own.give_back(own.reserve(Lane.BULK, size(1000), 0.0), 0.0)
    assert own.wait_s(Lane.BULK, size(900), 0.0) == 0


def test_without_settings_and_headers_nothing_waits() -> None:
    own = limiter(None, None)
    for _ in range(1000):
        assert own.wait_s(Lane.BULK, size(10_000), 0.0) == 0
        own.settle(own.reserve(Lane.BULK, size(10_000), 0.0), Outcome(signal=Signal.ANSWERED), 0.0)


def test_a_stricter_header_holds_against_the_setting() -> None:
    own = limiter(6000)
    heard = Outcome(signal=Signal.ANSWERED, rate=RateHeaders(limit_requests=60))
    own.settle(own.reserve(Lane.BULK, size(1), 0.0), heard, 0.0)
    assert own.requests.per_minute == 60


def told(remaining: int | None, reset_s: float | None, *, limit: int | None = REQUESTS) -> float:
    """How a bucket's rate is corrected by these headers."""
    bucket = Bucket(REQUESTS)
    bucket.left(remaining, reset_s, limit, counted=1)
    return bucket.correction


@given(
    st.none() | st.integers(0, 10**15),
    st.none() | st.floats(0, 10**6),
    st.none() | st.integers(0, 10**9),
    st.integers(0, 10**6),
)
def test_whatever_headers_say_the_rate_is_at_least_half_and_at_most_a_tenth_more(
    remaining: int | None, reset_s: float | None, limit: int | None, counted: int
) -> None:
    bucket = Bucket(REQUESTS)
    bucket.left(remaining, reset_s, limit, counted)
    assert 0.5 <= bucket.correction <= 1.1 + 1e-9


def test_the_less_is_left_of_what_a_provider_holds_the_slower_we_go() -> None:
    held = 20  # ten seconds' worth of 120 a minute
    corrections = [told(left, (held - left) / 2) for left in range(held)]
    assert corrections == sorted(corrections)
    assert corrections[0] == pytest.approx(0.55)
    assert corrections[held // 2] == 1.0
    assert corrections[-1] == pytest.approx(1.1)


@pytest.mark.parametrize("left_s", [50, 30, 5])
def test_even_use_of_a_fixed_window_is_not_corrected(left_s: int) -> None:
    assert told(REQUESTS * left_s // 60, left_s) == 1.0


def test_a_provider_that_holds_one_second_s_worth_corrects_nothing_by_what_one_call_leaves() -> None:
    assert told(0, 1.0) == 1.0


def test_a_day_s_limit_corrects_nothing() -> None:
    assert told(1000, 179.0, limit=14_400) == 1.0


def test_a_setting_below_the_account_s_limit_is_never_exceeded_because_much_is_left() -> None:
    assert told(200, 0.0, limit=1200) == 1.0


@pytest.mark.parametrize(("remaining", "reset_s"), [(None, 1.0), (5, None)])
def test_half_a_word_corrects_nothing(remaining: int | None, reset_s: float | None) -> None:
    assert told(remaining, reset_s) == 1.0


def test_a_refusal_slows_the_pace_and_success_lets_it_recover() -> None:
    own = limiter()
    own.settle(own.reserve(Lane.BULK, size(), 0.0), Outcome(signal=Signal.RATE_LIMITED), 0.0)
    assert own.pace < PACE_MAX
    for _ in range(100):
        own.settle(own.reserve(Lane.BULK, size(), 0.0), Outcome(signal=Signal.ANSWERED), 0.0)
    assert own.pace == PACE_MAX


@given(st.lists(st.tuples(st.integers(1, 5000), st.floats(0, 5), st.sampled_from(Signal)), max_size=60))
def test_over_any_time_no_more_is_used_than_the_rate_and_one_burst(
    calls: list[tuple[int, float, Signal]],
) -> None:
    own = limiter(None, stock=0)
    now, used, largest = 0.0, 0, 0
    for tokens, pause_s, signal in calls:
        now += pause_s + own.wait_s(Lane.BULK, size(tokens), now + pause_s)
        reservation = own.reserve(Lane.BULK, size(tokens), now)
        own.settle(reservation, Outcome(signal=signal), now)
        counted = (
            0 if signal in (Signal.UNREACHABLE, Signal.RATE_LIMITED, Signal.SERVER_ERROR, Signal.RESET) else 1
        )
        used += reservation.charged * counted
        largest = max(largest, reservation.charged)
    assert used <= TOKENS / 60 * (now + 1) + largest + 1


ENDINGS = st.sampled_from([*Signal, None])  # None: cancelled


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 5000), ENDINGS), max_size=30), st.randoms())
def test_what_is_reserved_is_that_of_the_calls_under_way_whatever_becomes_of_them(
    calls: list[tuple[int, int, Signal | None]], order: Random
) -> None:
    own, under_way = limiter(), []
    for tokens, more, ending in calls:
        reservation = own.reserve(Lane.BULK, size(tokens), 0.0)
        under_way.append((own.enlarge(reservation, size(tokens + more), 0.0) or reservation, ending))
    order.shuffle(under_way)
    while under_way:
        assert own.reserved_calls == len(under_way)
        assert own.reserved_tokens == sum(reservation.charged for reservation, _ in under_way)
        reservation, ending = under_way.pop()
        if ending is None:
            own.give_back(reservation, 1.0)
        else:
            own.settle(reservation, Outcome(signal=ending), 1.0)
    assert (own.reserved_calls, own.reserved_tokens) == (0, 0)


# ---------------------------------------------------------------- a call that becomes larger


def test_a_call_that_is_enlarged_takes_what_it_would_have_taken_at_once() -> None:
    grown, at_once = limiter(), limiter()
    larger = grown.enlarge(grown.reserve(Lane.BULK, size(100), 0.0), size(300), 0.0)
    assert larger == at_once.reserve(Lane.BULK, size(300), 0.0)
    for again in (size(10), size(900)):
        assert grown.wait_s(Lane.BULK, again, 0.0) == at_once.wait_s(Lane.BULK, again, 0.0)


def test_a_call_is_not_enlarged_by_tokens_that_are_not_there_and_nothing_is_taken() -> None:
    one, other = limiter(), limiter()
    reserved = one.reserve(Lane.BULK, size(800), 0.0)
    other.reserve(Lane.BULK, size(800), 0.0)
    assert one.enlarge(reserved, size(1500), 0.0) is None
    assert one.wait_s(Lane.BULK, size(), 0.0) == other.wait_s(Lane.BULK, size(), 0.0)
