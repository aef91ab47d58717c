"""Urgent tickets that are found beyond what was read, and go on before their turn."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from stream_classifier.core import measures
from stream_classifier.core.answer import Lane
from tests.unit.lane_fakes import Record, content, ticket
from tests.unit.lane_world import World, world

ONE_CALL: dict[str, Any] = {"urgent": {"concurrency": 1}}


def find(w: World, offset: int) -> bool:
    """The look ahead comes to this record."""
    return w.pipeline.early_arrivals.find(w.partition, w.topic[offset])


def written(w: World, *records: Record) -> None:
    """These stand on the topic, and nobody has read them yet."""
    start = len(w.topic)
    w.topic += [replace(record, offset=start + at) for at, record in enumerate(records)]


async def test_an_urgent_ticket_far_ahead_is_labelled_before_anything_is_read() -> None:
    async with world() as w:
        written(w, ticket("one"), ticket("two"), ticket("help", urgent=True))
        assert [find(w, offset) for offset in range(3)] == [False, False, True]
        [event] = await w.events(1)
        assert (event["source"]["offset"], event["lane"], event["overtook"]) == (2, "urgent", False)
        assert (w.partition.ledger.position, list(w.partition.ledger.finished_runs())) == (0, [(2, 3)])


async def test_it_is_passed_over_in_its_turn_and_counts_once() -> None:
    async with world() as w:
        written(w, ticket("one"), ticket("help", urgent=True), ticket("two"))
        find(w, 1)
        await w.events(1)
        w.poll()
        await w.events(3)
        assert sorted(w.order) == [0, 1, 2]
        assert w.partition.ledger.position == 3
        assert w.tally.count(measures.PASSED_OVER, "already_done") == 1
        assert w.tally.count(measures.TICKETS, Lane.URGENT) == 1


async def test_one_that_is_still_asked_when_its_turn_comes_is_asked_once_and_holds_the_position() -> None:
    async with world() as w:
        written(w, ticket("help", urgent=True), ticket("one"))
        find(w, 0)
        w.poll()
        assert w.partition.ledger.position == 0
        await w.events(2)
        assert (len(w.urgent.calls), w.partition.ledger.position) == (1, 2)


async def test_what_was_read_already_is_not_taken_again() -> None:
    async with world() as w:
        w.read(ticket("help", urgent=True))
        assert not find(w, 0)
        await w.events(1)
        assert not find(w, 0)


@pytest.mark.parametrize(
    "record",
    [Record(value=None, key=b"k"), Record(value=b"{no json"), Record(value=b"[]")],
    ids=["tombstone", "no json", "no ticket"],
)
async def test_what_is_no_ticket_is_left_to_its_turn(record: Record) -> None:
    async with world() as w:
        written(w, record)
        assert not find(w, 0)
        assert (w.outbox.dead, w.partition.ledger.position) == ([], 0)


async def test_a_keyword_in_the_text_makes_it_urgent_here_too() -> None:
    async with world(triage={"keywords": ["on fire"]}) as w:
        written(w, ticket("the server is fine"), ticket("the server is on fire"))
        assert [find(w, 0), find(w, 1)] == [False, True]


async def test_a_known_answer_serves_it_at_once() -> None:
    async with world() as w:
        w.read(ticket("help"))
        await w.events(1)
        written(w, ticket("one"), ticket("help", urgent=True))
        assert find(w, 2)
        assert w.outbox.sent[-1].event["decided_by"] == "cache"


async def test_it_says_that_it_overtook_where_one_of_its_key_stands_unread_before_it() -> None:
    async with world() as w:
        written(w, ticket("one", key=b"k"), ticket("help", key=b"k", urgent=True))
        find(w, 0), find(w, 1)
        w.poll()
        events = await w.events(2)
        assert [(event["source"]["offset"], event["overtook"]) for event in events] == [(1, True), (0, False)]
        assert w.tally.count(measures.OVERTOOK) == 1


async def test_an_array_that_is_left_to_its_turn_is_overtaken_and_that_is_said_too() -> None:
    async with world() as w:
        array = orjson.dumps([content("one"), {"__deleted": "true", **content("two")}])
        written(w, Record(value=array, key=b"k"), ticket("help", key=b"k", urgent=True))
        assert [find(w, 0), find(w, 1)] == [False, True]
        [event] = await w.events(1)
        assert event["overtook"] is True


async def test_one_of_another_key_that_stands_unread_before_it_was_not_overtaken() -> None:
    async with world() as w:
        written(w, ticket("one", key=b"j"), ticket("help", key=b"k", urgent=True))
        find(w, 0), find(w, 1)
        [event] = await w.events(1)
        assert event["overtook"] is False


async def test_those_of_its_key_that_were_read_go_before_it() -> None:
    async with world() as w:
        w.read(ticket("one", key=b"k"))
        written(w, ticket("help", key=b"k", urgent=True))
        find(w, 1)
        events = await w.events(2)
        assert [(event["source"]["offset"], event["overtook"]) for event in events] == [
            (0, False),
            (1, False),
        ]


async def test_a_later_one_of_its_key_that_is_read_meanwhile_waits_for_it() -> None:
    async with world() as w:
        w.urgent.latency_s = lambda _: 20.0
        written(w, ticket("one", key=b"k"), ticket("help", key=b"k", urgent=True), ticket("two", key=b"k"))
        find(w, 0), find(w, 1)
        w.poll()
        await w.events(3)
        assert w.order == [1, 0, 2]


async def test_it_is_never_passed_over_as_unchanged_since_what_stands_before_it_may_be_a_change() -> None:
    async with world(ticket={"on_update": "skip_unchanged"}) as w:
        w.read(ticket("same", ticket_id="T", urgent=True))
        await w.events(1)
        written(w, ticket("changed", ticket_id="T"), ticket("same", ticket_id="T", urgent=True))
        assert find(w, 2)
        await w.events(2)
        assert w.order == [0, 2]


async def test_of_a_ticket_that_an_earlier_owner_had_finished_nothing_is_taken() -> None:
    async with world() as w:
        written(w, ticket("one"), ticket("help", urgent=True))
        find(w, 1)
        await w.events(1)
        w.rebalance()
        assert not find(w, 1)


async def test_there_is_room_for_as_many_as_the_urgent_lane_can_ask_in_time() -> None:
    async with world(**ONE_CALL) as w:
        written(w, *(ticket(f"help {n}", urgent=True) for n in range(3)))
        early = w.pipeline.early_arrivals
        rooms = [(early.room(), find(w, offset)) for offset in range(3)]
        assert (rooms, early.room()) == ([(True, True)] * 3, False)
        await w.events(3)
        assert early.room()
