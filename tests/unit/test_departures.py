"""Events leave in key order (promise 5), once, and not for a closed partition."""

import asyncio
from typing import Any

import orjson
import pytest

from stream_classifier.core import measures
from stream_classifier.core.journey import Headers
from tests.unit.lane_fakes import LATENCY_S, Record, content, label_of, ticket
from tests.unit.lane_world import world

SINGLY: dict[str, Any] = {
    "batch": {"max_tickets": 1},
    "llm": {"concurrency": 20},
    "urgent": {"concurrency": 20},
}


async def test_records_of_one_key_leave_in_the_order_they_came() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 9.0 - int(call.texts[0][-1])
        w.read(*(ticket(f"text {i}", key=b"k") for i in range(5)))
        await w.events(5)
        assert w.order == [0, 1, 2, 3, 4]


async def test_records_of_different_keys_do_not_wait_for_one_another() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 9.0 - int(call.texts[0][-1])
        w.read(*(ticket(f"text {i}", key=b"%d" % i) for i in range(5)))
        await w.events(5)
        assert w.order == [4, 3, 2, 1, 0]


async def test_records_without_a_key_have_no_order() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 9.0 - int(call.texts[0][-1])
        w.read(*(ticket(f"text {i}") for i in range(5)))
        await w.events(5)
        assert w.order == [4, 3, 2, 1, 0]


async def test_without_key_order_records_of_one_key_leave_as_they_are_answered() -> None:
    async with world(kafka={"key_order": False}, **SINGLY) as w:
        w.bulk.latency_s = lambda call: 9.0 - int(call.texts[0][-1])
        w.read(*(ticket(f"text {i}", key=b"k") for i in range(5)))
        await w.events(5)
        assert w.order == [4, 3, 2, 1, 0]


async def test_a_known_ticket_waits_its_turn_behind_an_unanswered_one_of_its_key() -> None:
    async with world(**SINGLY) as w:
        w.read(ticket("known"))
        await w.events(1)
        w.read(ticket("new", key=b"k"), ticket("known", key=b"k"), ticket("known", key=b"other"))
        await w.events(4)
        assert w.order == [0, 3, 1, 2]
        assert [sent.event["decided_by"] for sent in w.outbox.sent[2:]] == ["llm", "cache"]


async def test_a_ticket_without_text_waits_its_turn_too() -> None:
    async with world(**SINGLY) as w:
        w.read(ticket("new", key=b"k"), ticket("", key=b"k"))
        events = await w.events(2)
        assert [event["reason"] for event in events] == [None, "no_text"]


# ---------------------------------------------------------------------------------------- arrays


def array(*texts: str, urgent: tuple[int, ...] = (), key: bytes | None = None) -> Record:
    parts = [content(text, urgent=i in urgent) for i, text in enumerate(texts)]
    return Record(value=orjson.dumps(parts), key=key)


async def test_the_events_of_an_array_are_numbered_and_leave_together() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 5.0 if call.texts == ("two",) else LATENCY_S
        w.read(array("one", "two", "three"))
        events = await w.events(3)
        assert [event["event_id"] for event in events] == [f"tickets:0:0#{i}" for i in range(3)]
        assert {sent.at - w.began for sent in w.outbox.sent} == {5.0}


async def test_a_record_is_done_only_with_the_last_event_of_its_array() -> None:
    async with world(**SINGLY) as w:
        w.read(array("one", "two", "three"))
        await w.events(3)
        assert [sent.offset for sent in w.outbox.sent] == [None, None, 0]


async def test_the_tickets_of_an_array_share_a_lane() -> None:
    async with world(**SINGLY) as w:
        w.read(array("one", "two", "three", urgent=(1,)))
        events = await w.events(3)
        assert [event["lane"] for event in events] == 3 * ["urgent"]
        assert w.bulk.calls == []


async def test_the_same_text_twice_in_an_array_is_asked_once() -> None:
    async with world(**SINGLY) as w:
        w.read(array("same", "same"))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == ["llm", "shared"]


async def test_an_array_keeps_its_place_in_its_keys_order() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 5.0 if call.texts == ("two",) else LATENCY_S
        w.read(array("one", "two", key=b"k"), ticket("three", key=b"k"))
        await w.events(3)
        assert w.order == [0, 0, 1]


# ------------------------------------------------------------------------------ closed partitions


async def test_nothing_of_a_closed_partition_leaves_when_its_answers_come() -> None:
    async with world(**SINGLY) as w:
        w.read(ticket("one", key=b"k"), ticket("two", key=b"k"), ticket("now", urgent=True))
        await asyncio.sleep(LATENCY_S / 2)
        w.partition.open = False
        await asyncio.sleep(60)
        assert w.outbox.sent == []


async def test_the_tokens_of_what_a_closed_partition_held_back_are_overhead() -> None:
    async with world(**SINGLY) as w:
        w.bulk.latency_s = lambda call: 9.0 if call.texts == ("slow",) else LATENCY_S
        w.read(ticket("slow", key=b"k"), ticket("held", key=b"k"), array("half", "slow"))
        await asyncio.sleep(5)
        w.partition.open = False
        await asyncio.sleep(60)
        assert w.outbox.sent == []
        w.rebalance()
        w.poll()
        assert w.accounted() == w.counted()


# ---------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    "headers",
    [[("ce_id", b"7"), ("ce_type", b"t")], [("content-type", b"application/cloudevents+json")]],
    ids=["binary", "structured"],
)
@pytest.mark.parametrize("known", [False, True])
async def test_a_cloud_event_in_is_one_out(headers: Headers, known: bool) -> None:
    async with world(**SINGLY) as w:
        if known:
            w.read(ticket("same"))
            await w.events(1)
        enveloped = {"specversion": "1.0", "data": content("same")}
        value = orjson.dumps(enveloped if headers[0][0] == "content-type" else content("same"))
        w.read(Record(value=value, headers=headers))
        await w.events(2 if known else 1)
        sent = w.outbox.sent[-1]
        assert dict(sent.headers)["ce_id"] == sent.event["event_id"].encode()


@pytest.mark.parametrize("name", ["trace", "content-type", "ce_id"])
async def test_a_header_without_a_value_does_no_harm(name: str) -> None:
    headers: list[tuple[str, bytes]] = [(name, None)]  # type: ignore[list-item]
    async with world(**SINGLY) as w:
        w.read(Record(value=ticket("one").value, headers=headers))
        await w.events(1)
        assert ("content-type", b"application/json") in w.outbox.sent[0].headers


# ------------------------------------------------------------------------------------------ counts


async def test_events_are_counted_by_lane_status_and_what_decided() -> None:
    async with world(**SINGLY) as w:
        w.read(ticket("one"), ticket("one"), ticket("now", urgent=True), ticket(""))
        await w.events(4)
        w.read(ticket("one"), ticket("one", urgent=True))
        assert w.tally.counters[measures.EVENTS] == {
            ("bulk", "labelled", "llm", ""): 1,
            ("bulk", "labelled", "shared", ""): 1,
            ("urgent", "labelled", "llm", ""): 1,
            ("bulk", "needs_review", "", "no_text"): 1,
            ("bulk", "labelled", "cache", ""): 1,
            ("urgent", "labelled", "cache", ""): 1,
        }


async def test_one_call_a_ticket_is_reckoned_alike_for_known_and_for_asked_tickets() -> None:
    async with world(**SINGLY) as w:
        w.read(ticket("same text"))
        await w.events(1)
        counted = (measures.SINGLE_COST, measures.SINGLE_CACHED_COST)
        asked = [w.tally.count(measure) for measure in counted]
        w.read(ticket("same text"), ticket("same text", urgent=True))
        assert [w.tally.count(m) for m in counted] == pytest.approx([3 * cost_usd for cost_usd in asked])
        assert min(asked) > 0


async def test_each_event_says_the_label_of_its_own_text() -> None:
    async with world(batch={"max_tickets": 10}) as w:
        texts = [f"text {i}" for i in range(20)]
        w.read(*(ticket(text, key=b"k") for text in texts))
        assert [event["label"] for event in await w.events(20)] == [label_of(text) for text in texts]
