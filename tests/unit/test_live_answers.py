"""What the live page answers to the five questions, state by state."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.core.answer import Lane
from stream_classifier.core.breaker import PROBE_FAILURES
from stream_classifier.core.call import Signal
from stream_classifier.core.held_by import HeldBy
from stream_classifier.lanes.gate import REMEDIES
from stream_classifier.observe.health import Report
from stream_classifier.observe.live.answers import Answer, cost, late, restart, working
from stream_classifier.observe.live.blame import WHY, whose
from stream_classifier.observe.live.history import Period, Sample
from stream_classifier.observe.live.questions import QUESTIONS
from stream_classifier.observe.live.state import Identity, LaneNow, ModelNow, Now, PartitionNow
from stream_classifier.observe.summary import Snapshot
from tests.browser.pages import BUSY, IDLE, OUTAGE, SCHEMA, STATES, STUCK, WHY_STUCK

NOTHING = dict.fromkeys(Lane, 0.0)


def a_minute(events: float = 600, calls: dict[str, float] | None = None) -> Period:
    """A minute in which so many bulk events went out, and such calls were made."""
    begin = Sample(at=0, tickets=NOTHING, events=NOTHING, latencies={}, calls={})
    end = replace(begin, at=60, events={**NOTHING, Lane.BULK: events}, calls=calls or {"answered": 60})
    return Period(begin, end)


MINUTE, STILL = a_minute(), a_minute(events=0, calls={})


def plain(answer: Answer) -> str:
    return f"{answer.short}. {answer.rest}".replace("\u00a0", " ")


@pytest.mark.parametrize(("state", "headline"), [("idle", "Idle"), ("busy", "Working"), ("stuck", "Stuck")])
def test_the_headline_names_the_state(state: str, headline: str) -> None:
    assert working(STATES[state], MINUTE).headline == headline


def test_while_it_works_it_says_how_much_comes_out() -> None:
    assert plain(working(BUSY, MINUTE)) == (
        "Yes. 10 events a second go out, 90 tickets are still to come out."
    )


def test_stuck_is_told_with_the_probe_s_own_reason() -> None:
    answer = working(STUCK, MINUTE)
    assert (answer.short, answer.tone, answer.rest) == ("No", "bad", WHY_STUCK)


def test_an_outage_pauses_both_lanes_and_loses_nothing() -> None:
    answer = working(OUTAGE, STILL)
    assert (answer.short, answer.headline) == ("It is paused", "Paused")
    assert answer.rest.startswith("Both lanes wait: the model takes no calls.")
    assert "Nothing is lost, and it goes on by itself." in answer.rest
    assert "Urgent tickets are published for review 30 s after they came." in plain(answer)


def test_a_spent_bulk_budget_pauses_bulk_alone() -> None:
    lanes = {**BUSY.lanes, Lane.BULK: LaneNow(waiting=5, held_by=HeldBy.BUDGET)}
    answer = working(replace(BUSY, lanes=lanes), MINUTE)
    assert (answer.short, answer.headline) == ("In part", "Bulk is paused")
    assert "urgent" not in answer.rest.lower()


def test_a_limit_is_no_pause_of_the_work() -> None:
    lanes = {**BUSY.lanes, Lane.BULK: LaneNow(waiting=5, held_by=HeldBy.LIMIT)}
    assert working(replace(BUSY, lanes=lanes), MINUTE).short == "Yes"


def test_kafka_that_does_not_acknowledge_is_told_before_the_provider() -> None:
    both = replace(OUTAGE, unacknowledged_s=9)
    assert working(both, STILL).headline == "Kafka takes nothing"
    answer = whose(both, STILL)
    assert answer.short == "Kafka"
    assert "Also: our account with the provider." in answer.rest


def test_publishing_that_is_held_is_told() -> None:
    held = replace(BUSY, publishing_held=True)
    assert working(held, MINUTE).headline == "Publishing is held"
    assert whose(held, MINUTE).short == "Kafka"


def test_partitions_that_wait_for_a_schema_are_a_pause_and_the_registry_is_named() -> None:
    answer = working(SCHEMA, MINUTE)
    assert plain(answer).startswith(
        "In part. Not read, for want of a schema: 2 of 6 partitions, urgent tickets included."
    )
    assert "Nothing is lost, and it goes on by itself." in answer.rest
    assert plain(whose(SCHEMA, MINUTE)) == (
        "The schema registry. It is away, or refuses us, for 4 min: "
        "schema_registry_away in the log says what to mend."
    )


def test_where_all_partitions_wait_for_a_schema_it_is_paused() -> None:
    all_wait = [replace(partition, schema_unknown=True) for partition in SCHEMA.partitions]
    assert working(replace(SCHEMA, partitions=all_wait), STILL).headline == "Paused"


def test_what_waits_for_a_schema_for_longer_than_a_call_takes_is_late_though_nothing_read_is_old() -> None:
    assert plain(late(SCHEMA, MINUTE)) == (
        "Yes. 90 tickets to go, the oldest in work for 1.4 s; 4.0 s at the pace of the last minutes of work; "
        "what stands behind an unknown schema is not read yet, however old it is."
    )
    assert late(replace(SCHEMA, registry_away_s=20), MINUTE).tone == "good"


@pytest.mark.parametrize(
    "well",
    [
        pytest.param(replace(SCHEMA, partitions=BUSY.partitions), id="away, and nobody waits for it"),
        pytest.param(replace(SCHEMA, registry_away_s=0), id="a new schema, a moment before it is fetched"),
    ],
)
def test_without_both_a_wait_and_a_registry_that_is_away_there_is_no_pause(well: Now) -> None:
    assert working(well, MINUTE).tone == "good"
    assert whose(well, MINUTE).tone == "good"


def test_a_restart_while_the_schema_registry_is_away_is_in_vain() -> None:
    assert "It mends nothing" in restart(SCHEMA, MINUTE).rest


def test_before_the_group_it_is_not_ready_and_says_why() -> None:
    waiting = replace(IDLE, ready=Report(ok=False, reasons=("Not a member yet.",)))
    assert plain(working(waiting, STILL)) == "Not yet. Not a member yet."


def test_nothing_to_do_is_not_late() -> None:
    assert (late(IDLE, STILL).short, late(IDLE, STILL).tone) == ("No", "good")


def test_what_waits_no_longer_than_a_call_takes_is_not_late() -> None:
    assert plain(late(BUSY, MINUTE)) == (
        "No. 90 tickets to go, the oldest in work for 1.4 s; 4.0 s at the pace of the last minutes of work."
    )


def test_work_for_longer_than_a_call_is_late_though_no_ticket_in_work_is_old() -> None:
    answer = late(replace(BUSY, left=50_000, work_left_s=400), MINUTE)
    assert (answer.short, answer.tone) == ("Yes", "wait")
    assert "7 min at the pace" in plain(answer)


def test_a_pause_that_has_just_begun_is_not_late_yet_and_names_no_stale_pace() -> None:
    young = [replace(partition, oldest_s=20) for partition in OUTAGE.partitions]
    answer = late(replace(OUTAGE, partitions=young), STILL)
    assert (answer.short, answer.tone) == ("Not yet", "wait")
    assert "pace" not in answer.rest


def test_late_and_nothing_coming_out_is_bad() -> None:
    answer = late(OUTAGE, STILL)
    assert (answer.short, answer.tone) == ("Yes", "bad")
    assert "None has come out for a minute." in answer.rest


@pytest.mark.parametrize(
    ("reason", "blamed"),
    [
        (Signal.QUOTA, "Our account with the provider"),
        (Signal.KEY_REFUSED, "Our key for the provider"),
        (Signal.MODEL_UNKNOWN, "Our settings of the model"),
        (Signal.BAD_REQUEST, "Our settings of the model"),
        (Signal.UNREACHABLE, "The way to the provider"),
        (Signal.SERVER_ERROR, "The provider"),
        (Signal.TIMEOUT, "The provider"),
        (Signal.RESET, "The provider"),
        (Signal.MALFORMED, "The model"),
    ],
)
def test_an_open_breaker_is_blamed_on_whoever_can_mend_it(reason: Signal, blamed: str) -> None:
    out = ModelNow(name="m", lanes=(Lane.BULK,), reason=reason, remedy="Do this.", open_s=300, probe_in_s=7)
    answer = whose(replace(BUSY, models=[out]), STILL)
    assert answer.short == blamed
    assert answer.rest.startswith("m takes no calls for")
    assert "Do this. Tried again in 7.0 s." in plain(answer)


def test_every_reason_to_open_a_breaker_is_told_once_in_words_or_by_its_remedy() -> None:
    assert WHY.keys() ^ REMEDIES.keys() >= PROBE_FAILURES


def test_where_somebody_else_holds_the_work_up_we_are_not_blamed_for_its_being_late() -> None:
    young = [replace(partition, oldest_s=20) for partition in OUTAGE.partitions]
    for now in (OUTAGE, replace(OUTAGE, partitions=young)):
        assert late(now, STILL).tone != "good"
        assert "Also" not in whose(now, STILL).rest


def test_calls_that_fall_short_blame_the_provider_before_any_breaker_opens() -> None:
    answer = whose(BUSY, a_minute(calls={"answered": 20, "timeout": 6, "server_error": 2}))
    assert answer.short == "The provider, in part"
    assert "8 of 28 calls of the last minute fell short: server error 2, timeout 6." in answer.rest


def test_a_single_failed_call_among_many_blames_nobody() -> None:
    assert whose(BUSY, a_minute(calls={"answered": 200, "timeout": 1})).tone == "good"


def test_late_with_every_slot_taken_is_us_and_says_what_to_raise() -> None:
    lanes = {**BUSY.lanes, Lane.BULK: LaneNow(waiting=900, calling=80, calls=8, slots=8)}
    answer = whose(replace(BUSY, lanes=lanes, work_left_s=400), MINUTE)
    assert answer.short == "Us: more comes than we may ask"
    assert "llm.concurrency" in answer.rest


def test_a_spent_budget_is_ours() -> None:
    lanes = {**BUSY.lanes, Lane.BULK: LaneNow(waiting=5, held_by=HeldBy.BUDGET)}
    assert whose(replace(BUSY, lanes=lanes), MINUTE).short == "Our budget"


def test_keeping_to_the_limits_is_blamed_only_where_it_grows_late() -> None:
    paced = replace(BUSY, lanes={**BUSY.lanes, Lane.BULK: LaneNow(waiting=5, held_by=HeldBy.RATE)})
    assert whose(paced, MINUTE).tone == "good"
    assert whose(replace(paced, work_left_s=400), MINUTE).short == "The account's rate limit"


def test_the_cost_stands_beside_one_call_a_ticket() -> None:
    assert plain(cost(BUSY, MINUTE)) == (
        "$1.23. Since this process started, 2 h 14 min ago, for 48,120 events. "
        "One call a ticket: $4.81, 74 % saved."
    )


def test_an_unknown_price_is_said_and_not_shown_as_zero() -> None:
    unknown = replace(BUSY, counts=Snapshot(calls=5))
    assert "Not known" in cost(unknown, MINUTE).short
    assert "llm.prices" in cost(unknown, MINUTE).rest


def test_batches_that_cost_more_than_single_calls_are_not_called_a_saving() -> None:
    dear = replace(BUSY, counts=Snapshot(calls=5, events=5, cost_usd=3, single_cost_usd=2))
    assert "50 % more than that spent" in plain(cost(dear, MINUTE))


def test_an_idle_service_may_be_restarted() -> None:
    assert restart(IDLE, STILL).short == "Yes"


def test_a_restart_at_work_says_how_long_it_takes_and_what_a_kill_would_repeat() -> None:
    assert plain(restart(BUSY, MINUTE)) == (
        "Yes, by SIGTERM. A stop waits 20 s at most for 4 calls under way, and nothing comes twice. "
        "A kill now would publish 33 at most again."
    )


def test_with_exactly_once_not_even_a_kill_repeats() -> None:
    exactly = replace(BUSY, identity=replace(BUSY.identity, delivery="exactly-once"))
    assert "Even after a kill nothing is published twice." in restart(exactly, MINUTE).rest


def test_while_kafka_takes_nothing_a_restart_had_better_wait() -> None:
    answer = restart(replace(BUSY, unacknowledged=40, unacknowledged_s=9), MINUTE)
    assert (answer.short, answer.tone) == ("Better wait", "bad")
    assert "40 events" in answer.rest


def test_a_restart_in_an_outage_is_safe_and_in_vain() -> None:
    assert "It mends nothing" in restart(OUTAGE, STILL).rest


def test_a_stuck_process_is_helped_by_a_restart() -> None:
    assert restart(STUCK, STILL).short == "Yes, it would help"


counts = st.integers(0, 10**9)
seconds = st.floats(0, 10**7)
states = st.builds(
    Now,
    unix_s=st.just(0.0),
    up_s=seconds,
    identity=st.builds(Identity, delivery=st.sampled_from(["at-least-once", "exactly-once"])),
    alive=st.sampled_from([Report(ok=True, reasons=()), Report(ok=False, reasons=("Stuck.",))]),
    ready=st.sampled_from([Report(ok=True, reasons=()), Report(ok=False, reasons=("Not yet.",))]),
    stopping=st.booleans(),
    counts=st.builds(Snapshot, calls=counts, events=counts, cost_usd=st.none() | seconds),
    lanes=st.fixed_dictionaries(
        {
            lane: st.builds(LaneNow, waiting=counts, held_by=st.none() | st.sampled_from(list(HeldBy)))
            for lane in Lane
        }
    ),
    partitions=st.lists(
        st.builds(
            PartitionNow,
            number=counts,
            committed=counts,
            done_ahead=counts,
            oldest_s=seconds,
            schema_unknown=st.booleans(),
        )
    ),
    models=st.lists(
        st.builds(
            ModelNow,
            name=st.text(),
            lanes=st.just((Lane.BULK,)),
            reason=st.none() | st.sampled_from(list(Signal)),
        )
    ),
    unacknowledged=counts,
    unacknowledged_s=seconds,
    publishing_held=st.booleans(),
    registry_away_s=seconds,
    left=counts,
    work_left_s=st.none() | seconds,
)


@given(states, st.floats(0, 10**6))
def test_every_question_is_answered_in_every_state(now: Now, events: float) -> None:
    for _, answer in QUESTIONS.values():
        said = answer(now, a_minute(events))
        assert said.short
        assert said.rest.endswith((".", ")"))


@given(states)
def test_who_is_not_alive_is_never_said_to_work(now: Now) -> None:
    if not now.alive.ok or now.publishing_held or not now.ready.ok:
        assert working(now, MINUTE).tone != "good"


@given(states)
def test_a_restart_is_called_good_only_where_a_stop_can_hand_over(now: Now) -> None:
    if restart(now, MINUTE).tone == "good":
        assert now.alive.ok
        assert not now.publishing_held
        assert now.unacknowledged_s <= 5
