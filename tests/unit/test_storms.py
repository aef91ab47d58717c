"""The same text again and again: when it is told, what is counted, and what it costs."""

import asyncio
from collections import Counter

import orjson
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from stream_classifier.core import measures
from stream_classifier.core.storms import MAX_TEXTS, STORM_TICKETS, WINDOW_S, Storm, Storms, TextCounts
from tests.unit.lane_fakes import Record, content, ticket
from tests.unit.lane_world import world
from tests.unit.watch_world import World as WatchedWorld

SAME = "n1:same"
LOOKS = ("storm", "storm_over")


def begun(storms: Storms, now: float) -> list[str]:
    return [storm.text_digest for storm in storms.look(now)[0]]


def over(storms: Storms, now: float) -> list[Storm]:
    return storms.look(now)[1]


def test_a_text_that_comes_often_within_a_minute_is_a_storm() -> None:
    storms = Storms(now=0)
    storms.read([SAME] * (STORM_TICKETS - 1))
    assert begun(storms, 1) == []
    storms.read([SAME])
    assert begun(storms, 2) == [SAME]


def test_a_storm_is_told_once_however_long_it_lasts() -> None:
    storms = Storms(now=0)
    told = []
    for minute in range(10):
        storms.read([SAME] * STORM_TICKETS)
        told += begun(storms, minute * WINDOW_S)
    assert told == [SAME]


def test_a_text_that_comes_as_often_in_an_hour_is_none() -> None:
    storms = Storms(now=0)
    for minute in range(60):
        storms.read([SAME])
        assert storms.look(minute * WINDOW_S) == ([], [])


def test_on_a_great_stream_a_common_notice_is_no_storm() -> None:
    storms = Storms(now=0)
    for poll in range(100):
        storms.read([SAME] * 2 + [f"n1:{poll}-{n}" for n in range(98)])
    assert begun(storms, 1) == []


def test_near_identical_texts_are_counted_each_for_itself() -> None:
    storms = Storms(now=0)
    storms.read([f"n1:{n % (STORM_TICKETS * 10)}" for n in range(STORM_TICKETS * 100)])
    assert begun(storms, 1) == []


def test_a_storm_is_over_after_a_window_with_less_than_half_of_it() -> None:
    storms = Storms(now=0)
    storms.read([SAME] * STORM_TICKETS)
    storms.look(1)
    assert over(storms, WINDOW_S) == []
    storms.read([SAME] * (STORM_TICKETS // 2))
    assert over(storms, 2 * WINDOW_S) == []
    storms.read([SAME] * (STORM_TICKETS // 2 - 1))
    assert [storm.text_digest for storm in over(storms, 3 * WINDOW_S)] == [SAME]


def test_a_storm_that_is_over_says_all_that_came_and_how_long() -> None:
    storms = Storms(now=0)
    for now in (10, 70, 130):
        storms.read([SAME] * 200)
        storms.look(now)
    [storm] = over(storms, 190) + over(storms, 250)
    assert (storm.tickets, storm.lasted_s) == (600, 130)


def test_a_storm_ends_where_nothing_comes_at_all_any_more() -> None:
    storms = Storms(now=0)
    storms.read([SAME] * STORM_TICKETS)
    assert begun(storms, 1) == [SAME]
    assert [over(storms, now) == [] for now in (60, 120)] == [True, False]


def test_a_text_may_begin_a_storm_again() -> None:
    storms = Storms(now=0)
    for now in (0, 300):
        storms.read([SAME] * STORM_TICKETS)
        assert begun(storms, now) == [SAME]
        storms.look(now + WINDOW_S)
        storms.look(now + 2 * WINDOW_S)


@given(st.lists(st.lists(st.integers(0, 60), max_size=40), max_size=30), st.integers(1, 8))
def test_counts_are_never_too_high_and_hardly_too_low(polls: list[list[int]], kept: int) -> None:
    counts = TextCounts(max_texts=4 * kept, kept_texts=kept)
    exact: Counter[str] = Counter()
    for poll in polls:
        digests = [str(n) for n in poll]
        counts.add(digests)
        exact.update(digests)
        assert len(counts) <= 4 * kept
    for digest, n in exact.items():
        assert n - exact.total() / (kept + 1) <= counts.of(digest) <= n


def test_memory_is_bounded_while_every_text_is_another() -> None:
    counts = TextCounts()
    for poll in range(100):
        counts.add([f"{poll}-{n}" for n in range(500)] + [SAME] * 25)
        assert len(counts) <= MAX_TEXTS
    assert 2400 <= counts.of(SAME) <= 2500


# ------------------------------------------------------------------------------ as the service tells it


async def test_840_near_identical_tickets_of_which_600_are_the_same_ask_the_same_ones_once() -> None:
    async with world(llm={"concurrency": 8}, batch={"max_tickets": 10}) as w:
        for second in range(60):
            w.read(*(ticket("The login page shows error 503") for _ in range(10)))
            w.read(*(ticket(f"The login page shows error 503 at {second}:{n:02}") for n in range(4)))
            await asyncio.sleep(1)
        events = await w.events(840)
    assert len(w.bulk.texts) == 1 + 240
    assert w.bulk.texts.count("The login page shows error 503") == 1
    assert {event["status"] for event in events} == {"labelled"}
    assert Counter(event["decided_by"] for event in events)["llm"] == 241


async def test_a_storm_is_told_by_its_digest_and_count_when_it_begins_and_when_it_is_over() -> None:
    async with world() as w:
        with capture_logs() as lines:
            for second in range(300):
                if second < 60:
                    w.read(*(ticket("The login page shows error 503") for _ in range(10)))
                    w.read(*(ticket(f"The login page shows error 503 at {second}:{n}") for n in range(4)))
                w.pipeline.arrivals.storms.look()
                await asyncio.sleep(1)
            events = await w.events(840)
    digest = next(e["text_digest"] for e in events if e["decided_by"] == "cache")
    told = [line for line in lines if line["event"] in LOOKS]
    assert [line["event"] for line in told] == ["storm", "storm_over"]
    assert {line["text_digest"] for line in told} == {digest}
    assert told[0]["tickets"] == STORM_TICKETS
    assert told[1]["tickets"] == 600
    assert w.tally.count(measures.STORMS) == 1


async def test_the_end_of_a_storm_is_told_also_where_nothing_more_is_read() -> None:
    w = WatchedWorld()
    w.work()
    with capture_logs() as lines:
        w.read(w.partition, *(ticket("on fire") for _ in range(STORM_TICKETS)))
        await w.look_for(2 * WINDOW_S + 2)
    assert [line["event"] for line in lines if line["event"] in LOOKS] == ["storm", "storm_over"]


async def test_tickets_of_an_array_and_urgent_ones_count_too() -> None:
    async with world() as w:
        with capture_logs() as lines:
            w.read(*(ticket("on fire", urgent=True) for _ in range(STORM_TICKETS // 2)))
            w.read(Record(value=orjson.dumps([content("on fire") for _ in range(STORM_TICKETS // 2)])))
            w.pipeline.arrivals.storms.look()
    assert [line["tickets"] for line in lines if line["event"] == "storm"] == [STORM_TICKETS]
