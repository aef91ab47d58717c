"""The urgent lane, and that nothing which bulk does adds to an urgent ticket's time (promise 6)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from tests.unit.lane_fakes import DOWN, LATENCY_S, MODEL, failure, first, holding, label_of, reply, ticket
from tests.unit.lane_world import World, world

OTHER: dict[str, Any] = {"model": MODEL, "urgent_model": "gpt-4o", "concurrency": 2}


async def test_an_urgent_ticket_is_asked_at_once_and_by_itself() -> None:
    async with world() as w:
        w.read(ticket("one", urgent=True), ticket("two", urgent=True))
        await w.events(2)
        assert [call.texts for call in w.urgent.calls] == [("one",), ("two",)]
        assert w.left_at == {0: LATENCY_S, 1: LATENCY_S}


async def test_an_urgent_event_says_its_lane_and_its_label() -> None:
    async with world() as w:
        w.read(ticket("one", urgent=True))
        [event] = await w.events(1)
        assert (event["lane"], event["label"], event["decided_by"]) == ("urgent", label_of("one"), "llm")


async def test_urgent_calls_are_as_many_side_by_side_as_there_are_urgent_slots() -> None:
    async with world() as w:
        w.read(*(ticket(f"text {i}", urgent=True) for i in range(5)))
        await asyncio.sleep(LATENCY_S / 2)
        assert w.urgent.under_way == 2


async def test_an_urgent_ticket_does_not_join_a_bulk_flight_of_its_text() -> None:
    async with world() as w:
        w.bulk.latency_s = lambda _: 50.0
        w.read(ticket("same"))
        await asyncio.sleep(3)  # it is in a bulk call by now
        w.read(ticket("same", urgent=True))
        await w.events(2)
        assert w.left_at[1] == 3 + LATENCY_S


async def test_an_urgent_ticket_joins_an_urgent_flight() -> None:
    async with world() as w:
        w.read(ticket("same", urgent=True), ticket("same", urgent=True))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == ["llm", "shared"]
        assert len(w.urgent.calls) == 1


async def test_where_the_model_is_the_same_an_urgent_answer_serves_bulk_too() -> None:
    async with world() as w:
        w.read(ticket("same"), ticket("same", urgent=True))
        await w.events(2)
        assert w.left_at == {0: LATENCY_S, 1: LATENCY_S}
        await asyncio.sleep(10)
        assert w.bulk.calls == []


async def test_an_unsure_urgent_answer_leaves_bulk_to_ask_for_itself() -> None:
    async with world() as w:
        w.urgent.script = lambda call: reply(call, change={"same": "?"})
        w.read(ticket("same"), ticket("same", urgent=True))
        events = await w.events(2)
        assert {event["lane"]: event["reason"] for event in events} == {"urgent": "unsure", "bulk": None}


async def test_where_the_model_is_another_bulk_asks_for_itself() -> None:
    async with world(llm=OTHER) as w:
        w.read(ticket("same"), ticket("same", urgent=True))
        events = await w.events(2)
        assert [event["model"] for event in events] == ["gpt-4o", MODEL]


@pytest.mark.parametrize("asked_before", [False, True], ids=["bulk's", "urgent's"])
async def test_an_urgent_ticket_takes_a_cached_answer_of_either_model(asked_before: bool) -> None:
    async with world(llm=OTHER) as w:
        w.read(ticket("same", urgent=asked_before))
        await w.events(1)
        w.read(ticket("same", urgent=True))
        events = await w.events(2)
        assert events[1]["decided_by"] == "cache"
        assert events[1]["model"] == events[0]["model"]


async def test_a_bulk_ticket_takes_no_answer_of_the_urgent_model() -> None:
    async with world(llm=OTHER) as w:
        w.read(ticket("same", urgent=True))
        await w.events(1)
        w.read(ticket("same"))
        events = await w.events(2)
        assert (events[1]["decided_by"], events[1]["model"]) == ("llm", MODEL)


def backlog(w: World) -> None:
    w.bulk.latency_s = lambda _: 100.0


def retrying(w: World) -> None:
    w.bulk.script = first(4, DOWN)


def limited(w: World) -> None:
    w.bulk.script = first(10, failure(Signal.RATE_LIMITED, status=429, retry_after_s=60))


def poisoned(w: World) -> None:
    w.bulk.script = holding("bulk text 1", DOWN)


@pytest.mark.parametrize("trouble", [backlog, retrying, limited, poisoned])
async def test_no_trouble_of_bulk_adds_to_an_urgent_tickets_time(trouble: Callable[[World], None]) -> None:
    async with world() as w:
        trouble(w)
        w.read(*(ticket(f"bulk text {i}") for i in range(1000)))
        await asyncio.sleep(2)
        w.read(ticket("urgent text", urgent=True))
        await asyncio.sleep(2 * LATENCY_S)
        assert w.left_at[1000] == 2 + LATENCY_S


async def test_an_urgent_limit_holds_bulk_as_well() -> None:
    async with world() as w:
        w.urgent.script = first(1, failure(Signal.RATE_LIMITED, status=429, retry_after_s=20))
        w.read(ticket("urgent text", urgent=True))
        await asyncio.sleep(LATENCY_S)
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await w.events(4)
        assert w.bulk.calls[0].began - w.began == LATENCY_S + 20


async def test_an_urgent_text_with_a_wrong_answer_is_asked_again_without_waiting() -> None:
    async with world() as w:
        w.urgent.script = first(1, failure(Signal.MALFORMED, status=200))
        w.read(ticket("one", urgent=True))
        [event] = await w.events(1)
        assert (event["label"], event["attempts"]) == (label_of("one"), 2)
        assert w.left_at[0] == 2 * LATENCY_S


async def test_urgent_calls_are_counted_under_their_lane() -> None:
    async with world() as w:
        w.read(ticket("one", urgent=True))
        await w.events(1)
        assert w.tally.count(measures.CALLS, "urgent", MODEL, "answered") == 1
