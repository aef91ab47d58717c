"""The projection: arrivals, hits, simulated batches, what they cost, and what is recommended."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.core.batch import BatchPolicy
from stream_classifier.core.known import EARLIEST_SHARE_OF_TTL
from stream_classifier.core.tally import Tally
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.profile.arrivals import BUCKETS, arrivals, poisson
from stream_classifier.lab.profile.columns import Tickets, Trait
from stream_classifier.lab.profile.costing import ENTRY_TOKENS, CallTimes, Costing
from stream_classifier.lab.profile.hits import Hit, asked, curve
from stream_classifier.lab.profile.profiling import Asked
from stream_classifier.lab.profile.projection import (
    STRETCH_TICKETS,
    STRETCHES,
    Projection,
    Projector,
    Wait,
    one_call_a_ticket,
    stretches,
)
from stream_classifier.lab.profile.recommendation import Project, advise, choose, ttl
from stream_classifier.lab.profile.simulation import Played, SimulatedLanes, Simulation
from stream_classifier.service.building import Builder
from stream_classifier.settings import Settings
from tests.unit.profile_world import LABELS, all_new, builder, every, rows, the_profile, the_settings, tickets

GAPS = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=80)
CALL_S = 1.0


def played(
    made: Tickets,
    *,
    size: int = 3,
    wait_s: float = 2.0,
    slots: int = 2,
    needs: Sequence[int] | None = None,
    one_model: bool = True,
) -> Played:
    lanes = SimulatedLanes(
        policy=BatchPolicy(max_tickets=size, max_tokens=1000, max_wait_s=wait_s),
        slots={Lane.BULK: slots, Lane.URGENT: 1},
        call_s=lambda _texts: CALL_S,
        one_model=one_model,
    )
    Simulation(tickets=made, needs=[1] * len(made) if needs is None else needs, lanes=lanes).play(
        range(len(made))
    )
    return lanes.played


def times(gaps: Sequence[float]) -> list[float]:
    at = 0.0
    return [at := at + gap for gap in gaps]


# ------------------------------------------------------------------------------------------ simulation


def test_a_batch_is_closed_when_it_is_full_or_its_oldest_text_has_waited() -> None:
    outcome = played(all_new([0.0, 0.1, 0.2, 5.0]))
    assert outcome.calls[Lane.BULK] == {3: 1, 1: 1}
    assert list(outcome.waits[Lane.BULK]) == pytest.approx([1.2, 1.1, 1.0, 3.0])


def test_texts_gather_while_every_call_is_under_way() -> None:
    outcome = played(all_new([0.0, 0.0, 0.0, 0.1, 0.2, 0.3, 0.4]), size=1, slots=1)
    assert outcome.calls[Lane.BULK] == {1: 7}
    assert max(outcome.waits[Lane.BULK]) == pytest.approx(6.6)


def test_what_the_cache_knows_waits_for_nothing() -> None:
    outcome = played(tickets((0.0, "a"), (50.0, "a")), needs=[1, 0])
    assert outcome.calls[Lane.BULK] == {1: 1}
    assert list(outcome.waits[Lane.BULK]) == pytest.approx([3.0, 0.0])


def test_the_same_text_in_flight_is_asked_once() -> None:
    outcome = played(tickets((0.0, "a"), (0.5, "a"), (2.5, "a")), needs=[1, 0, 0])
    assert outcome.texts[Lane.BULK] == 1
    assert list(outcome.waits[Lane.BULK]) == pytest.approx([3.0, 2.5, 0.5])


def test_a_text_that_gives_orders_has_a_call_of_its_own() -> None:
    made = tickets((0.0, "a"), (0.1, "b"), (0.2, "c"), traits={1: Trait.ALONE})
    outcome = played(made)
    assert outcome.calls[Lane.BULK] == {1: 1, 2: 1}


def test_an_urgent_ticket_waits_for_no_batch() -> None:
    outcome = played(tickets((0.0, "a"), (0.1, "b"), traits={1: Trait.URGENT}))
    assert list(outcome.waits[Lane.URGENT]) == pytest.approx([CALL_S])


def test_urgent_tickets_wait_for_one_another_where_their_calls_are_taken() -> None:
    urgent = dict.fromkeys(range(3), Trait.URGENT)
    outcome = played(tickets((0.0, "a"), (0.0, "b"), (0.0, "c"), traits=urgent))
    assert list(outcome.waits[Lane.URGENT]) == pytest.approx([1.0, 2.0, 3.0])


def test_an_urgent_answer_serves_bulk_where_both_ask_one_model() -> None:
    made = tickets((0.0, "a"), (0.1, "a"), traits={1: Trait.URGENT})
    assert played(made).texts == {Lane.URGENT: 1}
    assert played(made, one_model=False).texts == {Lane.URGENT: 1, Lane.BULK: 1}


def test_a_ticket_without_a_text_is_not_asked() -> None:
    assert not played(tickets((0.0, "a"), traits={0: Trait.EMPTY})).texts


@given(GAPS, st.integers(1, 6), st.floats(0.1, 4.0), st.integers(1, 4), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_every_ticket_is_served_once_and_no_batch_breaks_its_bounds(
    gaps: list[float], size: int, wait_s: float, slots: int, rng: Random
) -> None:
    made = tickets(
        *((at, f"t{rng.randrange(30)}") for at in times(gaps)),
        traits={place: rng.choice(list(Trait)) for place in range(0, len(gaps), 4)},
    )
    needs = [rng.random() < 0.7 for _ in gaps]
    outcome = played(made, size=size, wait_s=wait_s, slots=slots, needs=needs)
    with_text = sum(not traits & Trait.EMPTY for traits in made.traits)
    assert sum(len(waits) for waits in outcome.waits.values()) == with_text
    assert all(1 <= n <= size for n in outcome.calls[Lane.BULK])
    assert set(outcome.calls[Lane.URGENT]) <= {1}
    for lane in Lane:
        assert sum(n * calls for n, calls in outcome.calls[lane].items()) == outcome.texts[lane]


@given(GAPS, st.integers(1, 6), st.floats(0.1, 4.0))
def test_with_calls_to_spare_nobody_waits_longer_than_the_deadline_and_a_call(
    gaps: list[float], size: int, wait_s: float
) -> None:
    outcome = played(all_new(times(gaps)), size=size, wait_s=wait_s, slots=100)
    assert max(outcome.waits[Lane.BULK]) <= wait_s + CALL_S + 1e-9
    assert min(outcome.waits[Lane.BULK]) >= CALL_S - 1e-9


# ------------------------------------------------------------------------------------- arrivals, hits


def test_drawn_arrivals_have_the_rate_that_was_asked_for() -> None:
    drawn = arrivals(poisson(20_000, 4.0, seed=1), made=True)
    assert drawn.per_s == pytest.approx(4.0, rel=0.03)
    assert drawn.peak < 1.5


def test_a_seed_gives_the_same_arrivals() -> None:
    assert poisson(50, 1.0, 3) == poisson(50, 1.0, 3)
    assert poisson(50, 1.0, 3) != poisson(50, 1.0, 4)


def test_a_burst_shows_as_a_peak_over_the_mean() -> None:
    quiet = [hour * 3600.0 for hour in range(10)]
    found = arrivals(sorted([*quiet, *(5 * 3600 + second for second in range(90))]), made=False)
    assert (found.busiest_hour, found.busiest_minute) == (91, 61)
    assert found.peak == pytest.approx(91 / (100 / 9))
    assert sum(found.buckets) == 100
    assert len(found.buckets) == BUCKETS


def test_one_ticket_alone_has_no_rate() -> None:
    assert arrivals([5.0], made=False).per_s == 0.0


def test_an_answer_serves_until_its_ttl_is_over_and_use_does_not_extend_it() -> None:
    made = tickets((0.0, "a"), (80.0, "a"), (101.0, "a"), (102.0, "a"), (103.0, "b"))
    needs = asked(made, Counter(made.key), 100.0, one_model=True)
    assert list(needs) == [1, 0, 1, 0, 1]


def test_an_urgent_answer_of_another_model_is_not_bulks() -> None:
    made = tickets((0.0, "a"), (10.0, "a"), (20.0, "a"), traits={0: Trait.URGENT, 2: Trait.URGENT})
    repeats = Counter(made.key)
    assert list(asked(made, repeats, 100.0, one_model=True)) == [1, 0, 0]
    assert list(asked(made, repeats, 100.0, one_model=False)) == [1, 1, 0]


@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from("abcde")), min_size=1, max_size=60))
def test_a_longer_ttl_never_has_many_fewer_hits(each: list[tuple[float, str]]) -> None:
    made = tickets(*sorted(each))
    hits = list(curve(made, Counter(made.key), one_model=True))
    # Expiries are spread over a tenth of the TTL, so that a text may fall out on the other side of it.
    assert all(later.share >= earlier.share - 5 / len(each) for earlier, later in pairwise(hits))
    times = [at for at, _ in each]
    if max(times) - min(times) < EARLIEST_SHARE_OF_TTL * hits[-1].ttl_s:
        assert hits[-1].share == 1 - len({text for _, text in each}) / len(each)


# ------------------------------------------------------------------------------------------- projection


async def the_projector(made: Tickets, **groups: object) -> Projector:
    costing = Costing(builder=await builder(**groups), times=CallTimes())
    return Projector(costing=costing, tickets=made, needs=bytearray([1] * len(made)))


async def test_one_text_a_call_without_a_cache_is_one_call_a_ticket() -> None:
    projector = await the_projector(all_new(float(n) for n in range(50)))
    single = one_call_a_ticket(projector.costing, projector.tickets, 8)
    one = projector.project(1, 0.0, 8)
    assert (one.calls, one.cost_usd) == (single.calls, single.cost_usd)


async def test_tokens_are_those_that_the_service_would_estimate_for_these_calls() -> None:
    projector = await the_projector(all_new([0.0] * 20))
    projection = projector.project(10, 1.0, 8)
    size = projector.costing._call_sizes(Lane.BULK).of([30] * 10)
    assert (projection.calls, projection.tokens_in) == (2, 2 * size.prompt)
    assert projection.tokens_out == round(20 * projector.costing.answer_tokens)


async def test_an_answer_is_taken_to_be_as_long_as_measured_and_not_as_long_as_reserved() -> None:
    costing = Costing(builder=await builder(), times=CallTimes())
    # Around a label of one token 6.3 were measured; `access` and `billing` have about one and a half.
    assert 6.3 < costing.answer_tokens < 7.3
    assert costing.answer_tokens < costing.builder.replies().usual(1)


async def test_several_questions_make_longer_answers() -> None:
    made = the_settings()
    two = read_taxonomy({"questions": [{"name": name, "labels": LABELS} for name in ("kind", "queue")]})
    both = Settings(**{**dict(made), "taxonomy": two})
    one = Costing(builder=await builder(), times=CallTimes())
    costing = Costing(builder=Builder(both, Tally()), times=CallTimes())
    labels = one.answer_tokens - ENTRY_TOKENS
    assert costing.answer_tokens == pytest.approx(ENTRY_TOKENS + 2 * labels + 1)


async def test_a_model_without_a_price_has_no_cost_and_is_compared_by_tokens() -> None:
    projector = await the_projector(all_new([0.0] * 20), llm={"model": "local"})
    small, large = projector.project(1, 0.0, 8), projector.project(10, 1.0, 8)
    assert (small.cost_usd, large.cost_usd) == (None, None)
    assert large.weight < small.weight


async def test_a_prefix_cache_is_reckoned_with_only_where_calls_have_enough_in_common() -> None:
    short = await the_projector(all_new([0.0] * 20))
    projection = short.project(10, 1.0, 8)
    assert projection.prefix_cached_cost_usd == projection.cost_usd


async def test_a_sample_of_a_large_backlog_is_taken_for_all() -> None:
    number = 2 * STRETCHES * STRETCH_TICKETS
    projector = await the_projector(all_new(n * 0.5 for n in range(number)))
    projection = projector.project(10, 1.0, 8)
    assert projection.texts == number
    assert projection.calls * projection.texts_per_call == pytest.approx(number)


async def test_a_long_prompt_is_cheaper_with_a_prefix_cache() -> None:
    described = [{"name": f"label-{n}", "description": "What it is about. " * 20} for n in range(30)]
    made = the_settings()
    long = Settings(**{**dict(made), "taxonomy": read_taxonomy({"labels": described})})
    costing = Costing(builder=Builder(long, Tally()), times=CallTimes())
    projector = Projector(costing=costing, tickets=all_new([0.0] * 20), needs=bytearray([1] * 20))
    projection = projector.project(10, 1.0, 8)
    assert projection.prefix_cached_cost_usd is not None
    assert projection.cost_usd is not None
    assert projection.prefix_cached_cost_usd < 0.7 * projection.cost_usd


@given(st.integers(1, 3_000_000))
def test_stretches_stay_within_the_tickets_and_do_not_overlap(number: int) -> None:
    found = stretches(number)
    assert found[0].start == 0
    assert found[-1].stop == number
    assert all(one.stop <= other.start for one, other in pairwise(found))


# --------------------------------------------------------------------------------------- recommendation


def a_projection(size: int, wait_s: float = 1.0, *, cost: float, p99_s: float, slots: int = 8) -> Projection:
    return Projection(
        max_tickets=size,
        max_wait_s=wait_s,
        concurrency=slots,
        calls=100 / size,
        urgent_calls=0,
        texts=100,
        texts_per_call=size,
        tokens_in=1000,
        tokens_out=100,
        cost_usd=cost,
        prefix_cached_cost_usd=cost,
        weight=cost,
        bulk=Wait(p50_s=p99_s / 2, p99_s=p99_s),
        urgent=Wait(p50_s=None, p99_s=None),
    )


def test_of_what_costs_about_the_same_the_smallest_batch_is_chosen() -> None:
    near, cheapest = a_projection(10, cost=1.03, p99_s=5), a_projection(40, cost=1.0, p99_s=5)
    assert choose([cheapest, near], within_s=10) is near


def test_what_is_too_late_is_not_chosen_however_cheap() -> None:
    late, in_time = a_projection(40, cost=0.1, p99_s=11), a_projection(5, cost=2.0, p99_s=9)
    assert choose([late, in_time], within_s=10) is in_time


def test_where_all_are_too_late_the_soonest_is_chosen() -> None:
    late, later = a_projection(5, cost=2.0, p99_s=30), a_projection(40, cost=0.1, p99_s=60)
    assert choose([late, later], within_s=10) is late


def advised(project: Project, within_s: float = 10) -> tuple[int, bool, int]:
    advice = advise(project, 8, within_s=within_s, longest_wait_s=500, told=lambda: None)
    return advice.chosen.max_tickets, advice.batches_are_worth_it, advice.chosen.concurrency


def test_batches_that_save_next_to_nothing_are_not_recommended() -> None:
    def project(size: int, wait_s: float, slots: int) -> Projection:
        return a_projection(size, wait_s, cost=1.0 if size == 1 else 0.93, p99_s=2, slots=slots)

    assert advised(project) == (1, False, 8)


def test_more_calls_at_once_are_advised_where_they_keep_the_limit() -> None:
    def project(size: int, wait_s: float, slots: int) -> Projection:
        return a_projection(size, wait_s, cost=1 / size, p99_s=200 / slots, slots=slots)

    assert advised(project, within_s=13) == (40, True, 16)


def test_more_calls_at_once_that_help_nobody_are_not_advised() -> None:
    def project(size: int, wait_s: float, slots: int) -> Projection:
        return a_projection(size, wait_s, cost=1 / size, p99_s=20, slots=slots)

    assert advised(project)[2] == 8


HITS = [Hit(ttl_s=60, share=0.05), Hit(ttl_s=3600, share=0.1), Hit(ttl_s=4 * 3600, share=0.197)]
DAYS = [*HITS, Hit(ttl_s=12 * 3600, share=0.199), Hit(ttl_s=86_400, share=0.2)]


def test_the_shortest_ttl_that_has_nearly_all_hits_is_recommended() -> None:
    assert ttl(DAYS, span_s=90_000, current_s=86_400) == 4 * 3600


def test_data_that_is_shorter_than_a_ttl_does_not_change_it() -> None:
    assert ttl(HITS, span_s=7200, current_s=86_400) == 86_400


def test_where_nothing_repeats_the_ttl_stays() -> None:
    assert ttl([Hit(ttl_s=86_400, share=0.001)], span_s=1e6, current_s=777) == 777
    assert ttl([], span_s=1e6, current_s=777) == 777


# ------------------------------------------------------------------------------------------ the whole


async def test_rare_tickets_are_not_worth_batches_and_the_profile_says_so() -> None:
    profile = await the_profile(every(600, 200))
    assert not profile.advice.batches_are_worth_it
    assert profile.advice.chosen.max_tickets == 1
    assert yaml.safe_load(profile.yaml)["batch"]["max_tickets"] == 1


async def test_frequent_tickets_are_worth_batches() -> None:
    profile = await the_profile(every(0.05, 600))
    assert profile.advice.batches_are_worth_it
    assert profile.advice.saving > 0.5


async def test_data_without_times_is_reckoned_at_the_rate_that_is_given() -> None:
    texts = rows(*({"body": f"Button {n} does nothing"} for n in range(500)))
    profile = await the_profile(texts, Asked(source="rows", rate=20.0))
    assert profile.arrivals.made
    assert profile.arrivals.per_s == pytest.approx(20, rel=0.2)
    assert not profile.hits


async def test_a_month_is_told_only_of_data_that_is_long_enough() -> None:
    assert (await the_profile(every(1, 100))).months is None
    hours = await the_profile(every(60, 200))
    assert hours.months == pytest.approx(30 * 86_400 / (199 * 60))


async def test_a_cache_that_would_overflow_is_recommended_larger() -> None:
    profile = await the_profile(every(60, 300), cache={"max_entries": 100})
    assert yaml.safe_load(profile.yaml)["cache"]["max_entries"] >= 300
