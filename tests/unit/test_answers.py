"""How an answer reaches the tickets that wait for it, and what is remembered of it."""

import asyncio
from typing import Any

from stream_classifier.core.answer import Lane
from stream_classifier.core.call import Signal
from tests.unit.lane_fakes import LATENCY_S, MODEL, failure, first, holding, label_of, reply, ticket
from tests.unit.lane_world import world

OTHER_MODEL: dict[str, Any] = {"model": MODEL, "urgent_model": "gpt-4o", "concurrency": 2}


async def test_the_same_text_in_flight_is_asked_once() -> None:
    async with world() as w:
        w.read(ticket("same"), ticket("other"), ticket("same"))
        await asyncio.sleep(2.5)  # it is called by now
        w.read(ticket("same"))
        await w.events(4)
        assert w.bulk.texts == ["other", "same"]


async def test_the_first_ticket_pays_and_those_that_joined_share() -> None:
    async with world() as w:
        w.read(*(ticket("same") for _ in range(3)))
        events = await w.events(3)
        assert [event["decided_by"] for event in events] == ["llm", "shared", "shared"]
        assert [event["tokens_in"] > 0 for event in events] == [True, False, False]
        assert [(event["tokens_out"], event["cost_usd"]) for event in events[1:]] == [(0, 0.0), (0, 0.0)]


async def test_a_shared_answer_names_the_model_and_the_call() -> None:
    async with world() as w:
        w.read(ticket("same"), ticket("same"))
        paid, shared = await w.events(2)
        same = ("label", "model", "batch_id", "batch_size", "attempts", "taxonomy_digest", "prompt_digest")
        assert {name: shared[name] for name in same} == {name: paid[name] for name in same}


async def test_a_known_text_is_answered_from_the_cache_at_once_and_costs_nothing() -> None:
    async with world() as w:
        w.read(ticket("same"))
        [asked] = await w.events(1)
        w.read(ticket("same"))
        cached = w.outbox.sent[1].event  # there is no wait between
        assert cached["decided_by"] == "cache"
        assert (cached["tokens_in"], cached["tokens_out"], cached["cost_usd"]) == (0, 0, 0.0)
        assert cached["label"] == asked["label"]


async def test_a_cached_label_keeps_the_model_and_the_digests_of_the_call_that_gave_it() -> None:
    async with world() as w:
        w.read(ticket("same"))
        [asked] = await w.events(1)
        w.read(ticket("same"))
        cached = w.outbox.sent[1].event
        kept = ("model", "taxonomy_digest", "prompt_digest", "text_digest")
        assert {name: cached[name] for name in kept} == {name: asked[name] for name in kept}
        assert (cached["batch_id"], cached["batch_size"], cached["attempts"]) == (None, None, None)


async def test_an_answer_that_is_not_complete_is_not_remembered() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = lambda call: reply(call, change={"same": "?"}) if len(w.bulk.calls) == 1 else None
        w.read(ticket("same"))
        await w.events(1)
        w.read(ticket("same"))
        events = await w.events(2)
        assert [(e["reason"], e["decided_by"]) for e in events] == [("unsure", None), (None, "llm")]


async def test_a_review_is_not_remembered() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = first(1, failure(Signal.REFUSED, status=400))
        w.read(ticket("same"))
        await w.events(1)
        w.read(ticket("same"))
        events = await w.events(2)
        assert [(e["reason"], e["decided_by"]) for e in events] == [("refused", None), (None, "llm")]


async def test_everybody_who_waits_for_a_text_without_an_answer_gets_the_reason() -> None:
    async with world() as w:
        w.bulk.script = holding("same", failure(Signal.REFUSED, status=400))
        w.read(ticket("same"), ticket("same"))
        events = await w.events(2)
        assert [event["reason"] for event in events] == ["refused", "refused"]


async def test_a_promoted_ticket_is_given_up_only_when_both_of_its_calls_have_failed() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.latency_s = lambda _: 10.0
        w.urgent.script = holding("earlier", failure(Signal.REFUSED, status=400))
        w.read(ticket("earlier", key=b"k"))
        await asyncio.sleep(1)  # it is in a bulk call by now
        w.read(ticket("later", key=b"k", urgent=True))
        events = await w.events(2)
        assert [event["label"] for event in events] == [label_of("earlier"), label_of("later")]
        assert w.left_at == {0: 10.0, 1: 10.0}


async def test_a_promoted_ticket_that_both_calls_refuse_is_given_up_once() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        refused = holding("earlier", failure(Signal.REFUSED, status=400))
        w.bulk.script = w.urgent.script = refused
        w.bulk.latency_s = lambda _: 10.0
        w.read(ticket("earlier", key=b"k"))
        await asyncio.sleep(1)
        w.read(ticket("later", key=b"k", urgent=True))
        events = await w.events(2)
        assert [event["reason"] for event in events] == ["refused", None]


async def test_a_call_that_a_closed_partition_had_begun_still_enters_the_cache() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.read(ticket("same"))
        await asyncio.sleep(LATENCY_S / 2)
        w.rebalance()
        await asyncio.sleep(LATENCY_S)
        assert w.outbox.sent == []
        w.poll()
        assert [sent.event["decided_by"] for sent in w.outbox.sent] == ["cache"]


async def test_a_record_that_is_delivered_again_joins_the_call_that_its_first_delivery_began() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.read(ticket("same"))
        await asyncio.sleep(LATENCY_S / 2)
        w.rebalance()
        w.poll()
        [event] = await w.events(1)
        assert (event["decided_by"], w.left_at[0]) == ("llm", LATENCY_S)
        assert event["tokens_in"] == w.bulk.usage.tokens_in
        assert len(w.bulk.calls) == 1


async def test_a_ticket_that_reads_on_after_its_text_was_answered_urgently_leaves_no_bulk_ask() -> None:
    async with world() as w:
        w.read(ticket("same"), ticket("same", urgent=True))
        await w.events(2)
        assert len(w.pipeline.flights) == 0
        assert len(w.pipeline.lanes.bulk.gathering) == 0


async def test_an_answer_of_another_model_leaves_the_bulk_ask_to_the_others_who_wait_for_it() -> None:
    async with world(llm=OTHER_MODEL, batch={"max_tickets": 1}) as w:
        w.bulk.latency_s = lambda _: 5.0
        w.read(ticket("same", key=b"a"), ticket("same", key=b"b"))
        await asyncio.sleep(1)
        w.read(ticket("later", key=b"a", urgent=True))
        events = await w.events(3)
        by_offset = {event["source"]["offset"]: event for event in events}
        assert [by_offset[i]["model"] for i in range(3)] == ["gpt-4o", MODEL, "gpt-4o"]
        assert by_offset[1]["decided_by"] == "llm"  # it is the first who waits for the bulk answer now


async def test_a_storm_of_one_text_is_one_call_and_decided_in_one_go() -> None:
    async with world() as w:
        for _ in range(20):
            w.read(*(ticket("storm") for _ in range(500)))
        events = await w.events(10_000)
        assert len(w.bulk.calls) == 1
        assert sum(event["tokens_in"] for event in events) == w.bulk.usage.tokens_in
        assert w.pipeline.flights.waiting(Lane.BULK) == 0
