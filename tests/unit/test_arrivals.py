"""The way in: what becomes of a record when it is polled."""

import asyncio

import orjson
import pytest

from stream_classifier.core import measures
from stream_classifier.core.ledger import Ledger
from tests.unit.lane_fakes import LATENCY_S, Record, content, label_of, ticket
from tests.unit.lane_world import world


async def test_a_tombstone_is_done_at_once_and_counted() -> None:
    async with world() as w:
        w.read(Record(value=None, key=b"k"))
        assert w.partition.ledger.position == 1
        assert w.tally.count(measures.PASSED_OVER, "tombstone") == 1
        assert w.outbox.sent == []


async def test_what_is_no_ticket_becomes_a_dead_letter_with_its_bytes_and_the_stream_goes_on() -> None:
    async with world() as w:
        w.read(Record(value=b"{no json", key=b"k", headers=[("trace", b"7")]), ticket("one"))
        await w.events(1)
        [dead] = w.outbox.dead
        assert (dead.offset, dead.key, dead.value) == (0, b"k", b"{no json")
        headers = dict(dead.headers)
        assert (headers["dlq.reason"], headers["dlq.offset"], headers["trace"]) == (b"not_json", b"0", b"7")
        assert w.partition.ledger.position == 2


async def test_a_dead_letter_is_counted_by_its_reason() -> None:
    async with world() as w:
        w.read(Record(value=b"[]"), Record(value=b"{}"), Record(value=b"?"))
        counts = {r: w.tally.count(measures.DEAD_LETTERS, r) for r in ("not_a_ticket", "not_json")}
        assert counts == {"not_a_ticket": 2, "not_json": 1}


async def test_a_record_that_an_earlier_owner_had_finished_is_passed_over() -> None:
    async with world() as w:
        w.partition.ledger = Ledger(start=0, restored=[(0, 2)])
        w.read(ticket("one"), ticket("two"), ticket("three"))
        events = await w.events(1)
        assert [event["source"]["offset"] for event in events] == [2]
        assert w.tally.count(measures.PASSED_OVER, "already_done") == 2


async def test_a_ticket_without_text_needs_review_at_once_without_a_call() -> None:
    async with world() as w:
        w.read(ticket(""))
        event = w.outbox.sent[0].event
        assert (event["status"], event["reason"], event["decided_by"]) == ("needs_review", "no_text", None)
        await asyncio.sleep(10)
        assert w.bulk.calls == []


async def test_a_record_is_done_when_its_event_is_acknowledged_not_when_it_is_read() -> None:
    async with world() as w:
        w.read(ticket("one"))
        assert w.partition.ledger.position == 0
        await w.events(1)
        assert w.partition.ledger.position == 1


@pytest.mark.parametrize(
    ("more", "settings"),
    [
        ({"priority": "P0"}, {}),
        ({"tags": ["vip"]}, {"tags": ["vip"]}),
        ({"tenant": "acme"}, {"tenants": ["acme"]}),
        ({"body": "the server is on fire"}, {"keywords": ["on fire"]}),
    ],
    ids=["priority", "tag", "tenant", "keyword"],
)
async def test_triage_sends_a_ticket_to_the_urgent_lane(
    more: dict[str, object], settings: dict[str, object]
) -> None:
    async with world(triage=settings) as w:
        w.read(Record(value=orjson.dumps(content("one") | more)))
        [event] = await w.events(1)
        assert event["lane"] == "urgent"


async def test_an_event_says_what_the_record_and_the_ticket_said() -> None:
    async with world() as w:
        w.read(ticket("one", tenant="acme", revision=3))
        [event] = await w.events(1)
        said = {name: event[name] for name in ("event_id", "ticket_id", "tenant", "revision", "source")}
        assert said == {
            "event_id": "tickets:0:0",
            "ticket_id": "id of one",
            "tenant": "acme",
            "revision": "3",
            "source": {"topic": "tickets", "partition": 0, "offset": 0},
        }


async def test_the_key_and_the_headers_go_on_with_the_event() -> None:
    async with world() as w:
        w.read(Record(value=ticket("one").value, key=b"k", headers=[("trace", b"7"), ("dlq.reason", b"old")]))
        await w.events(1)
        sent = w.outbox.sent[0]
        assert (sent.key, sent.headers) == (b"k", [("trace", b"7"), ("content-type", b"application/json")])


async def test_a_long_text_is_cut_and_its_event_says_so() -> None:
    async with world(ticket={"max_chars": 200}) as w:
        w.read(ticket("word " * 100))
        [event] = await w.events(1)
        assert event["truncated"] is True
        assert len(w.bulk.calls[0].texts[0]) <= 200


async def test_tenants_that_are_kept_apart_share_no_answer() -> None:
    async with world(batch={"max_tickets": 3, "isolate_tenants": True}) as w:
        w.read(ticket("same", tenant="a"), ticket("same", tenant="b"), ticket("same", tenant="a"))
        events = await w.events(3)
        decided_by = {event["source"]["offset"]: event["decided_by"] for event in events}
        assert decided_by == {0: "llm", 1: "llm", 2: "shared"}


async def test_every_record_of_a_poll_is_counted() -> None:
    async with world() as w:
        w.read(ticket("one"), ticket("two", urgent=True), Record(value=None), Record(value=b"?"))
        assert w.tally.count(measures.RECORDS) == 4
        assert w.tally.counters[measures.TICKETS] == {("bulk",): 1, ("urgent",): 1}


async def test_a_text_is_looked_for_in_the_cache_once_a_ticket() -> None:
    async with world() as w:
        w.read(ticket("one"))
        await w.events(1)
        w.read(ticket("one"), ticket("two"))
        assert w.tally.counters[measures.CACHE] == {("memory", "miss"): 2, ("memory", "hit"): 1}


async def test_texts_that_differ_in_case_and_white_space_only_are_one() -> None:
    async with world() as w:
        w.read(ticket("Can't login!"), ticket("can't   LOGIN"))
        events = await w.events(2)
        assert {event["label"] for event in events} == {label_of("Can't login!")}
        assert w.left_at == {0: 2 + LATENCY_S, 1: 2 + LATENCY_S}
        assert len(w.bulk.texts) == 1


async def test_a_record_without_a_ticket_to_classify_is_done_at_once_and_counted_by_its_rule() -> None:
    async with world() as w:
        deleted = {"op": "d", "before": {"id": 1}, "after": None, "source": {}, "ts_ms": 1}
        w.read(Record(value=orjson.dumps(deleted), key=b"k"), ticket("one"))
        await w.events(1)
        assert w.partition.ledger.position == 2
        assert w.tally.count(measures.PASSED_OVER, "deleted") == 1
        assert w.outbox.dead == []


async def test_the_tickets_of_an_array_are_labelled_though_some_of_its_elements_are_passed_over() -> None:
    async with world() as w:
        deleted = {"objectId": 9, "eventId": 1, "subscriptionType": "ticket.deletion"}
        tickets = [{"id": "a", "body": "one"}, deleted, {"id": "b", "body": "two"}]
        w.read(Record(value=orjson.dumps(tickets)))
        events = await w.events(2)
        assert [event["ticket_id"] for event in events] == ["a", "b"]
        assert w.tally.count(measures.ELEMENTS_PASSED_OVER, "deleted") == 1
        assert w.tally.count(measures.PASSED_OVER) == 0
        assert w.partition.ledger.position == 1
