"""The bulk lane: when a batch is called, and what is in it."""

import asyncio

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from tests.unit.lane_fakes import DOWN, LATENCY_S, failure, first, label_of, ticket
from tests.unit.lane_world import TEN, world


async def test_a_full_batch_is_called_at_once() -> None:
    async with world() as w:
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await w.events(3)
        assert w.left_at == {0: LATENCY_S, 1: LATENCY_S, 2: LATENCY_S}
        assert [len(call.texts) for call in w.bulk.calls] == [3]


async def test_a_batch_with_enough_tokens_is_called_at_once() -> None:
    async with world(batch={"max_tokens": 100}) as w:
        w.read(ticket("word " * 40), ticket("wort " * 60))
        await w.events(2)
        assert w.bulk.calls[0].began == w.began


async def test_no_batch_holds_more_tokens_than_it_may() -> None:
    async with world(batch={"max_tokens": 100}) as w:
        w.read(ticket("word " * 60), ticket("wort " * 60))
        await w.events(2)
        assert [len(call.texts) for call in w.bulk.calls] == [1, 1]


async def test_a_batch_is_called_when_its_oldest_ticket_has_waited_long_enough() -> None:
    async with world() as w:
        w.read(ticket("one"))
        await asyncio.sleep(1.5)
        w.read(ticket("two"))
        await w.events(2)
        assert [(call.began - w.began, len(call.texts)) for call in w.bulk.calls] == [(2.0, 2)]


async def test_after_a_quiet_time_the_first_ticket_waits_for_company_like_any_other() -> None:
    async with world() as w:
        await asyncio.sleep(100)
        w.read(ticket("one"))
        await w.events(1)
        assert w.bulk.calls[0].began - w.began == 102.0


async def test_while_all_slots_are_taken_the_next_batch_fills_up() -> None:
    async with world(llm={"concurrency": 1}) as w:
        w.bulk.latency_s = lambda _: 10.0
        w.read(ticket("one"))
        await asyncio.sleep(3)  # it is called by now
        w.read(ticket("two"))
        await asyncio.sleep(4)  # long past the deadline of the second
        w.read(ticket("three"), ticket("four"))
        await w.events(4)
        assert [len(call.texts) for call in w.bulk.calls] == [1, 3]


async def test_no_more_calls_are_under_way_than_there_are_slots() -> None:
    async with world() as w:
        w.read(*(ticket(f"text {i}") for i in range(12)))
        await asyncio.sleep(LATENCY_S / 2)
        assert w.bulk.under_way == 2


async def test_a_retry_finds_the_only_slot_free_while_nothing_else_comes() -> None:
    async with world(llm={"concurrency": 1}) as w:
        w.bulk.script = first(2, DOWN)
        w.read(ticket("one"), ticket("two"), ticket("three"))
        events = await w.events(3)
        assert [event["attempts"] for event in events] == [3, 3, 3]


async def test_a_batch_is_formed_when_the_gate_opens_not_before() -> None:
    async with world() as w:
        w.bulk.script = first(1, failure(Signal.RATE_LIMITED, status=429, retry_after_s=20))
        w.read(ticket("one"), ticket("two"), ticket("three"))
        await asyncio.sleep(5)
        w.read(ticket("four"))
        await asyncio.sleep(5)  # its deadline is past, and its batch still open
        w.read(ticket("five"), ticket("six"))
        await w.events(6)
        assert sorted(len(call.texts) for call in w.bulk.calls) == [3, 3, 3]


async def test_what_closed_each_batch_is_counted() -> None:
    async with world() as w:
        w.read(*(ticket(text) for text in ("one", "two", "three", "four")))
        await w.events(4)
        closed_by = {why: w.tally.count(measures.BATCHES, why) for why in ("count", "deadline")}
        assert closed_by == {"count": 1, "deadline": 1}


async def test_each_ticket_gets_the_label_of_its_own_text() -> None:
    texts = [f"text {i}" for i in range(30)]
    async with world(batch={"max_tickets": 10}) as w:
        w.read(*map(ticket, texts))
        events = await w.events(30)
        assert {e["ticket_id"]: e["label"] for e in events} == {f"id of {t}": label_of(t) for t in texts}


async def test_tenants_that_are_isolated_share_no_call() -> None:
    async with world(batch={"isolate_tenants": True, "max_tickets": 10}) as w:
        w.read(*(ticket(f"text {i}", tenant="acme" if i % 2 else "globex") for i in range(6)))
        await w.events(6)
        assert sorted(sorted(call.texts) for call in w.bulk.calls) == [
            ["text 0", "text 2", "text 4"],
            ["text 1", "text 3", "text 5"],
        ]


async def test_tenants_that_are_not_isolated_share_a_call() -> None:
    async with world(**TEN) as w:
        w.read(*(ticket(f"text {i}", tenant=f"tenant {i}") for i in range(10)))
        await w.events(10)
        assert len(w.bulk.calls) == 1
