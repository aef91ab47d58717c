"""The urgent deadline (promise 8): on time, whatever stands."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from stream_classifier.pipeline.deadlines import TIDY_MIN
from tests.unit.lane_fakes import DOWN, LATENCY_S, Record, content, failure, label_of, ticket
from tests.unit.lane_world import World, world

DEADLINE_S = 30.0
SINGLY: dict[str, Any] = {
    "batch": {"max_tickets": 1},
    "llm": {"concurrency": 9},
    "urgent": {"concurrency": 9},
}


def hanging(w: World) -> None:
    w.urgent.latency_s = lambda _: 1e6


def slots_taken(w: World) -> None:
    hanging(w)
    w.read(ticket("first", urgent=True), ticket("second", urgent=True))


def breaker_open(w: World) -> None:
    w.urgent.script = w.bulk.script = lambda _: failure(Signal.KEY_REFUSED, status=401)


def down(w: World) -> None:
    w.urgent.script = w.bulk.script = lambda _: DOWN


def limited(w: World) -> None:
    w.urgent.script = lambda _: failure(Signal.RATE_LIMITED, status=429, retry_after_s=3600)


@pytest.mark.parametrize("trouble", [hanging, slots_taken, breaker_open, down, limited])
async def test_at_its_deadline_an_urgent_ticket_needs_review(trouble: Callable[[World], None]) -> None:
    async with world() as w:
        trouble(w)
        w.read(ticket("now", urgent=True))
        offset = len(w.topic) - 1
        await asyncio.sleep(DEADLINE_S + 1)
        assert w.left_at[offset] == DEADLINE_S
        event = w.outbox.sent[-1].event
        assert (event["status"], event["reason"], event["label"]) == ("needs_review", "deadline", None)


async def test_a_bulk_ticket_has_no_deadline() -> None:
    async with world() as w:
        w.bulk.latency_s = lambda _: 4000.0
        w.read(ticket("one"))
        [event] = await w.events(1)
        assert event["status"] == "labelled"


async def test_each_urgent_ticket_has_its_own_deadline() -> None:
    async with world() as w:
        hanging(w)
        for i in range(3):
            w.read(ticket(f"text {i}", urgent=True))
            await asyncio.sleep(7)
        await w.events(3)
        assert w.left_at == {0: DEADLINE_S, 1: DEADLINE_S + 7, 2: DEADLINE_S + 14}


async def test_an_answer_that_comes_too_late_is_not_published_but_remembered() -> None:
    async with world() as w:
        w.urgent.latency_s = lambda _: DEADLINE_S + 5
        w.read(ticket("now", urgent=True))
        await asyncio.sleep(DEADLINE_S + 10)
        assert w.order == [0]
        w.read(ticket("now", urgent=True))
        assert w.outbox.sent[1].event["decided_by"] == "cache"


async def test_a_text_that_no_call_was_begun_for_is_not_called_after_the_deadline() -> None:
    async with world() as w:
        w.urgent.latency_s = lambda _: 2 * DEADLINE_S
        w.read(*(ticket(f"text {i}", urgent=True) for i in range(5)))
        await asyncio.sleep(10 * DEADLINE_S)
        assert len(w.urgent.calls) == 2
        assert len(w.pipeline.flights) == 0


async def test_at_the_deadline_an_answered_ticket_leaves_with_its_label_out_of_turn() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda _: 100.0
        w.urgent.latency_s = lambda call: LATENCY_S if call.texts == ("now",) else 100.0
        w.read(ticket("slow", key=b"k"), ticket("now", key=b"k", urgent=True))
        await asyncio.sleep(DEADLINE_S + 1)
        event = w.outbox.sent[0].event
        assert (event["label"], event["overtook"]) == (label_of("now"), True)
        assert w.left_at == {1: DEADLINE_S}


async def test_at_the_deadline_an_unanswered_ticket_goes_first_and_says_so() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = w.urgent.latency_s = lambda _: 100.0
        w.read(ticket("slow", key=b"k"), ticket("now", key=b"k", urgent=True))
        await w.events(2)
        first_event = w.outbox.sent[0].event
        assert (first_event["reason"], first_event["overtook"]) == ("deadline", True)
        assert w.left_at == {1: DEADLINE_S, 0: 100.0}


async def test_an_overtaken_ticket_does_not_say_that_it_overtook() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = w.urgent.latency_s = lambda _: 100.0
        w.read(ticket("slow", key=b"k"), ticket("now", key=b"k", urgent=True))
        await w.events(2)
        assert w.outbox.sent[1].event["overtook"] is False
        assert w.tally.count(measures.OVERTOOK) == 1


async def test_an_array_leaves_at_its_deadline_with_the_labels_it_has() -> None:
    async with world(**SINGLY) as w:
        w.urgent.latency_s = lambda call: 100.0 if call.texts == ("slow",) else LATENCY_S
        parts = [content("quick", urgent=True), content("slow")]
        w.read(Record(value=orjson.dumps(parts)))
        events = await w.events(2)
        assert [event["reason"] for event in events] == [None, "deadline"]
        assert set(w.left_at.values()) == {DEADLINE_S}


async def test_nothing_of_a_closed_partition_leaves_at_its_deadline() -> None:
    async with world() as w:
        hanging(w)
        w.read(ticket("now", urgent=True))
        w.partition.open = False
        await asyncio.sleep(2 * DEADLINE_S)
        assert w.outbox.sent == []


async def test_the_watch_goes_on_after_a_quiet_time() -> None:
    async with world() as w:
        hanging(w)
        for _ in range(2):
            w.read(ticket("now", urgent=True))
            await asyncio.sleep(1000)
        assert [sent.event["reason"] for sent in w.outbox.sent] == ["deadline", "deadline"]


async def test_the_watch_forgets_what_has_left_before_its_deadline() -> None:
    async with world(urgent={"concurrency": 1000}) as w:
        for poll in range(4):
            w.read(*(ticket(f"text {poll} {i}", urgent=True) for i in range(1000)))
            await w.events(1000 * (poll + 1))
        assert len(w.pipeline.deadlines._due) <= TIDY_MIN


async def test_forgetting_keeps_the_deadlines_of_those_that_still_wait() -> None:
    async with world(urgent={"concurrency": 1000}) as w:
        w.urgent.latency_s = lambda call: 1e6 if call.texts == ("stuck",) else LATENCY_S
        w.read(ticket("stuck", urgent=True))
        w.read(*(ticket(f"text {i}", urgent=True) for i in range(TIDY_MIN)))
        await asyncio.sleep(5)
        w.read(*(ticket(f"more {i}", urgent=True) for i in range(TIDY_MIN)))
        await asyncio.sleep(DEADLINE_S)
        assert w.left_at[0] == DEADLINE_S
