"""An urgent ticket takes those of its key before it along, or overtakes them (promise 5)."""

import asyncio
from typing import Any

import pytest

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from tests.unit.lane_fakes import LATENCY_S, failure, reply, sizes, ticket
from tests.unit.lane_world import World, world

SINGLY: dict[str, Any] = {
    "batch": {"max_tickets": 1},
    "llm": {"concurrency": 20},
    "urgent": {"concurrency": 20},
}


def overtook(w: World) -> dict[int, bool]:
    return {sent.event["source"]["offset"]: sent.event["overtook"] for sent in w.outbox.sent}


async def test_an_urgent_ticket_takes_those_of_its_key_before_it_along() -> None:
    async with world(urgent={"concurrency": 20}) as w:
        w.read(ticket("one", key=b"k"), ticket("two", key=b"k"), ticket("now", key=b"k", urgent=True))
        await w.events(3)
        assert w.order == [0, 1, 2]
        assert w.left_at == {0: LATENCY_S, 1: LATENCY_S, 2: LATENCY_S}
        assert overtook(w) == {0: False, 1: False, 2: False}


async def test_what_is_promoted_before_it_was_called_is_not_asked_in_bulk() -> None:
    async with world(**{**SINGLY, "batch": {"max_tickets": 10}}) as w:
        w.read(ticket("one", key=b"k"), ticket("now", key=b"k", urgent=True))
        await w.events(2)
        await asyncio.sleep(10)
        assert w.bulk.calls == []


async def test_a_promoted_ticket_stays_in_its_lane_by_name() -> None:
    async with world() as w:
        w.read(ticket("one", key=b"k"), ticket("now", key=b"k", urgent=True))
        events = await w.events(2)
        assert [event["lane"] for event in events] == ["bulk", "urgent"]


@pytest.mark.parametrize(("bulk_s", "left_s"), [(50.0, 3.0), (2.5, 2.5)], ids=["urgent's", "bulk's"])
async def test_one_in_a_bulk_call_is_asked_again_at_once_and_the_first_answer_serves(
    bulk_s: float, left_s: float
) -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda _: bulk_s
        w.read(ticket("one", key=b"k"))
        await asyncio.sleep(2)
        w.read(ticket("now", key=b"k", urgent=True))
        await w.events(2)
        assert w.order == [0, 1]
        assert w.left_at[0] == left_s


async def test_what_was_asked_twice_is_published_once() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda _: 5.0
        w.read(ticket("one", key=b"k"))
        await asyncio.sleep(1)
        w.read(ticket("now", key=b"k", urgent=True))
        await asyncio.sleep(20)
        assert w.order == [0, 1]
        assert len(w.pipeline.flights) == 0


async def test_the_later_of_two_answers_is_counted_as_overhead() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda _: 5.0
        w.read(ticket("one", key=b"k"))
        await asyncio.sleep(1)
        w.read(ticket("now", key=b"k", urgent=True))
        await asyncio.sleep(20)
        assert w.tally.count(measures.OVERHEAD_TOKENS, None, "in") == w.bulk.usage.tokens_in
        assert w.accounted() == w.counted()


async def test_one_that_was_called_and_gathers_again_keeps_its_account_when_it_is_promoted() -> None:
    async with world(batch={"max_wait_s": 60}) as w:
        w.bulk.script = lambda call: reply(call, change={"one": None})
        w.read(*(ticket(text, key=text.encode()) for text in ("one", "two", "three")))
        await asyncio.sleep(2)  # the reply has left out the first: it waits for company
        w.read(ticket("now", key=b"one", urgent=True))
        await w.events(4)
        assert w.urgent.texts == ["now", "one"]
        assert w.accounted() == w.counted()


async def test_beyond_the_limit_the_urgent_ticket_goes_first_and_says_so() -> None:
    async with world(urgent={"max_promoted": 2, "concurrency": 9}, batch={"max_tickets": 90}) as w:
        w.read(*(ticket(f"text {i}", key=b"k") for i in range(3)), ticket("now", key=b"k", urgent=True))
        await w.events(4)
        assert w.order == [3, 0, 1, 2]
        assert overtook(w) == {3: True, 0: False, 1: False, 2: False}
        assert w.tally.count(measures.OVERTOOK) == 1


async def test_up_to_the_limit_all_are_promoted() -> None:
    async with world(urgent={"max_promoted": 3, "concurrency": 9}, batch={"max_tickets": 90}) as w:
        w.read(*(ticket(f"text {i}", key=b"k") for i in range(3)), ticket("now", key=b"k", urgent=True))
        await w.events(4)
        assert w.order == [0, 1, 2, 3]
        assert w.bulk.calls == []


async def test_those_before_that_are_answered_and_wait_their_turn_are_not_asked_again() -> None:
    async with world(batch={"max_tickets": 1}, urgent={"max_promoted": 1}) as w:
        w.bulk.latency_s = lambda call: 10.0 if call.texts == ("slow",) else LATENCY_S
        w.read(ticket("slow", key=b"k"), ticket("quick", key=b"k"))
        await asyncio.sleep(2)
        w.read(ticket("now", key=b"k", urgent=True))
        await w.events(3)
        assert w.urgent.texts == ["now", "slow"]
        assert w.order == [0, 1, 2]


# ------------------------------------------------------------------------------- when the urgent lane cannot


def another_model() -> dict[str, Any]:
    return {"llm": {"urgent_model": "gpt-4.1-mini"}, "urgent": {"deadline_s": 30}}


async def test_what_was_promoted_with_one_that_meets_its_deadline_is_asked_in_bulk_again() -> None:
    async with world(**another_model()) as w:
        w.urgent.script = lambda _: failure(Signal.KEY_REFUSED, status=401)
        w.read(ticket("one", key=b"k"), ticket("now", key=b"k", urgent=True))
        events = await w.events(2)
        assert {event["source"]["offset"]: event["reason"] for event in events} == {0: None, 1: "deadline"}
        assert sizes(w.bulk.asked) == [1]


async def test_one_that_bulk_asks_already_is_not_asked_there_again_at_the_deadline() -> None:
    async with world(**another_model(), batch={"max_tickets": 1}) as w:
        w.urgent.script = lambda _: failure(Signal.KEY_REFUSED, status=401)
        w.bulk.latency_s = lambda _: 50.0
        w.read(ticket("one", key=b"k"))
        await asyncio.sleep(2)
        w.read(ticket("now", key=b"k", urgent=True))
        await w.events(2)
        assert sizes(w.bulk.asked) == [1]


async def test_an_urgent_ticket_before_another_that_meets_its_deadline_is_not_moved_to_bulk() -> None:
    async with world(**another_model()) as w:
        w.urgent.script = lambda _: failure(Signal.KEY_REFUSED, status=401)
        w.read(ticket("one", key=b"k", urgent=True), ticket("two", key=b"k", urgent=True))
        await w.events(2)
        assert w.bulk.asked == []
