"""A poll's texts are looked up before its records are taken in."""

import asyncio
from dataclasses import replace

from stream_classifier.core import measures
from stream_classifier.core.foresight import LEAST_RECORDS
from stream_classifier.pipeline.foreseeing import Foreseeing
from tests.unit.lane_fakes import LATENCY_S, Record, ticket
from tests.unit.lane_world import LOOK_UP_MAX_S, World, world
from tests.unit.shared_store import SharedStore
from tests.unit.test_look_ups import LOOK_UP_S, OTHER_MODEL, SlowBackend

POLL = LEAST_RECORDS
TEXTS = [f"text {i}" for i in range(POLL)]


def foreseeing_of(w: World) -> Foreseeing:
    """What looks beforehand, after polls whose texts the backend knew."""
    assert w.pipeline.foreseeing is not None
    w.pipeline.arrivals.foresight.looked_up(found=POLL)
    return w.pipeline.foreseeing


def come(w: World, *records: Record) -> list[Record]:
    """These come to the partition; nothing has polled them yet."""
    start = len(w.topic)
    w.topic += [replace(record, offset=start + i) for i, record in enumerate(records)]
    return w.topic[start:]


async def poll(w: World, *records: Record) -> None:
    """These are polled, as a session polls: looked at, and then taken in."""
    foreseeing, polled = foreseeing_of(w), come(w, *records)
    await foreseeing.look({w.partition: polled})
    w.pipeline.arrivals.take(w.partition, polled)
    foreseeing.taken_in(len(polled))


def looked_up(w: World) -> dict[str, float]:
    """Tickets by what their look-up found."""
    return {row[1]: n for row, n in w.tally.counters[measures.CACHE].items() if n}


async def test_texts_that_the_backend_knows_leave_as_they_are_taken_in() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await poll(w, *map(ticket, TEXTS))
        assert w.order == list(range(POLL))
        assert set(w.left_at.values()) == {LOOK_UP_S}
        assert looked_up(w) == {"backend_hit": POLL}


async def test_a_text_that_comes_twice_is_looked_up_once() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await poll(w, *map(ticket, TEXTS), *map(ticket, TEXTS))
        assert sum(backend.reads) == POLL
        assert looked_up(w) == {"backend_hit": POLL, "hit": POLL}


async def test_a_text_that_the_backend_does_not_know_is_asked_without_another_look_up() -> None:
    backend = SlowBackend()
    async with world(backend=backend, batch={"max_tickets": 1}) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await poll(w, *map(ticket, TEXTS), ticket("new"))
        await w.events(POLL + 1)
        assert (w.bulk.texts, sum(backend.reads)) == (["new"], POLL + 1)
        assert w.left_at[POLL] == LOOK_UP_S + LATENCY_S
        assert looked_up(w) == {"backend_hit": POLL, "miss": 1}


async def test_what_was_absent_in_one_poll_is_looked_up_anew_in_the_next() -> None:
    backend = SlowBackend()
    async with world(backend=backend, batch={"max_tickets": 1}) as w:
        await poll(w, *map(ticket, TEXTS))
        await w.events(POLL)
        w.read(ticket("new"))
        assert not w.pipeline.arrivals.foreseen.absent
        await w.events(POLL + 1)
        assert sum(backend.reads) == POLL + 1


async def test_a_backend_that_is_late_costs_its_time_and_nothing_else() -> None:
    backend = SlowBackend(look_up_s=2 * LOOK_UP_MAX_S)
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        foreseeing = foreseeing_of(w)
        polled = come(w, *map(ticket, TEXTS))
        await foreseeing.look({w.partition: polled})
        backend.look_up_s = LOOK_UP_S
        w.pipeline.arrivals.take(w.partition, polled)
        foreseeing.taken_in(POLL)
        events = await w.events(POLL)
        assert {event["decided_by"] for event in events} == {"cache"}
        assert set(w.left_at.values()) == {LOOK_UP_MAX_S + LOOK_UP_S}


async def test_it_is_given_up_where_the_backend_is_late() -> None:
    backend = SlowBackend(look_up_s=2 * LOOK_UP_MAX_S)
    async with world(backend=backend) as w:
        foreseeing = foreseeing_of(w)
        await foreseeing.look({w.partition: [ticket(text) for text in TEXTS]})
        assert not w.pipeline.arrivals.foresight.pays(POLL)


async def test_events_of_a_key_keep_their_order() -> None:
    backend = SlowBackend()
    async with world(backend=backend, batch={"max_tickets": 1}) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await poll(w, ticket("new", key=b"k"), *(ticket(text, key=b"k") for text in TEXTS))
        await w.events(POLL + 1)
        assert w.order == list(range(POLL + 1))


async def test_nothing_is_taken_in_or_leaves_by_looking() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await foreseeing_of(w).look({w.partition: list(map(ticket, TEXTS))})
        assert (w.partition.ledger.next_offset, w.outbox.sent, w.bulk.calls) == (0, [], [])


async def test_what_is_no_ticket_is_decided_where_it_is_taken_in() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        bad = [Record(value=None, key=b"k"), Record(value=b"{no json"), Record(value=b'{"__deleted": true}')]
        await poll(w, *bad, *map(ticket, TEXTS))
        assert [dead.offset for dead in w.outbox.dead] == [1]
        assert [w.tally.count(measures.PASSED_OVER, rule) for rule in ("tombstone", "deleted")] == [1, 1]
        assert len(w.outbox.sent) == POLL


async def test_an_urgent_ticket_takes_what_the_backend_knows_of_either_model() -> None:
    backend = SlowBackend()
    async with world(backend=backend, llm=OTHER_MODEL) as w:
        for text in TEXTS:
            backend.knows(w, text, "gpt-4o")
        await poll(w, *(ticket(text, urgent=True) for text in TEXTS))
        events = await w.events(POLL)
        assert {event["model"] for event in events} == {"gpt-4o"}
        assert set(w.left_at.values()) == {LOOK_UP_S}


async def test_what_memory_knows_is_not_looked_up() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        await poll(w, *map(ticket, TEXTS))
        await poll(w, *map(ticket, TEXTS))
        assert sum(backend.reads) == POLL
        assert looked_up(w) == {"backend_hit": POLL, "hit": POLL}


async def test_records_of_a_partition_that_went_away_meanwhile_never_leave() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        for text in TEXTS:
            backend.knows(w, text)
        given, foreseeing = w.partition, foreseeing_of(w)
        looking = asyncio.create_task(foreseeing.look({given: come(w, *map(ticket, TEXTS))}))
        await asyncio.sleep(LOOK_UP_S / 2)
        w.rebalance()
        await looking
        foreseeing.taken_in(POLL)
        w.poll()
        assert (len(w.outbox.sent), given.ledger.next_offset) == (POLL, 0)


async def test_where_replicas_share_what_is_absent_is_still_claimed() -> None:
    store = SharedStore()
    async with world(backend=store.replica(), batch={"max_tickets": 1}) as w:
        await poll(w, *map(ticket, TEXTS))
        await w.events(POLL)
        assert sum(store.claims) == POLL
