"""Further events of a ticket, through the real pipeline: labelled for nothing, late, or passed over."""

import asyncio
from dataclasses import replace
from typing import Any

import orjson

from stream_classifier.cache.writer import MAX_NOTES
from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from stream_classifier.core.finished_map import Mark
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.text import normalise, text_digest
from stream_classifier.core.updates import KEPT_S, Note
from tests.unit.lane_fakes import Record, content, failure, holding, ticket
from tests.unit.lane_world import World, world
from tests.unit.test_corrected import correct
from tests.unit.test_fallback_answers import FALLBACK, ONE_A_CALL, out
from tests.unit.updates_world import LABEL, SKIP, Notebook, assigned, commit, slow_broker

REFUSED = failure(Signal.REFUSED, status=400)


def update(text: str, revision: str | None = None, ticket_id: str = "T-1", **more: Any) -> Record:
    return ticket(text, key=ticket_id.encode(), ticket_id=ticket_id, revision=revision, **more)


async def read(w: World, *records: Record) -> None:
    """Read them, and let all that comes of it happen."""
    w.read(*records)
    await asyncio.sleep(60)


def unchanged(w: World) -> int:
    return int(w.tally.count(measures.PASSED_OVER, "unchanged"))


def told(w: World) -> list[tuple[str, bool]]:
    """The offsets' events with whether they are late."""
    return [(sent.event["revision"], sent.event["superseded"]) for sent in w.outbox.sent]


async def restarted(store: Notebook, w: World, mark: Mark, *records: Record) -> tuple[list[int], int]:
    """What another process makes of these records after that commit: the offsets of its events, and how many
    records it passes over."""
    async with world(backend=store, **SKIP) as other:
        other.topic = [*w.topic]
        other.partition = assigned(mark)
        other.poll()
        await read(other, *records)
        return other.order, unchanged(other)


# label


async def test_an_unchanged_ticket_is_labelled_again_without_a_call() -> None:
    async with world(**LABEL) as w:
        await read(w, update("one", "1"))
        await read(w, update("one", "2"))
        first, second = await w.events(2)
        assert (second["decided_by"], second["tokens_in"], second["cost_usd"]) == ("cache", 0, 0.0)
        assert second["label"] == first["label"]
        assert len(w.bulk.asked) == 1


async def test_an_unchanged_ticket_that_needs_review_is_asked_again() -> None:
    async with world(**LABEL) as w:
        w.bulk.script = holding("one", REFUSED)
        await read(w, update("one", "1"))
        asked = len(w.bulk.asked)
        await read(w, update("one", "2"))
        assert len(w.bulk.asked) == 2 * asked


async def test_an_older_revision_is_published_as_superseded() -> None:
    async with world(**LABEL) as w:
        await read(w, update("one", "10"))
        await read(w, update("two", "9"))
        assert told(w) == [("10", False), ("9", True)]
        assert w.tally.count(measures.SUPERSEDED) == 1


async def test_an_older_revision_whose_text_is_known_is_superseded_too() -> None:
    async with world(**LABEL) as w:
        await read(w, update("one", "10"))
        await read(w, update("one", "9"), update("one", "11"))
        assert told(w) == [("10", False), ("9", True), ("11", False)]


async def test_a_bulk_event_that_an_urgent_one_of_its_ticket_has_overtaken_is_superseded() -> None:
    async with world(**LABEL, urgent={"max_promoted": 1}) as w:
        w.bulk.latency_s = lambda _: 20.0
        texts = ["one", "two"]
        await read(w, *(update(text, str(n)) for n, text in enumerate(texts)), update("x", "7", urgent=True))
        assert told(w) == [("7", False), ("0", True), ("1", True)]


async def test_another_tenants_ticket_of_the_same_id_is_another_ticket() -> None:
    async with world(**LABEL) as w:
        await read(w, update("one", "10", tenant="a"))
        await read(w, update("two", "9", tenant="b"))
        assert told(w) == [("10", False), ("9", False)]


async def test_what_came_before_a_restart_makes_an_older_revision_late() -> None:
    store = Notebook()
    async with world(backend=store, **LABEL) as w:
        await read(w, update("one", "10"))
    async with world(backend=store, **LABEL) as w:
        await read(w, update("two", "9"))
        assert told(w) == [("9", True)]


async def test_a_ticket_without_a_revision_is_not_looked_up() -> None:
    store = Notebook()
    async with world(backend=store, **LABEL) as w:
        await read(w, update("one"), update("two"))
    assert (store.reads, store.notes) == ([], {})


# skip_unchanged


async def test_an_unchanged_ticket_is_passed_over() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        await read(w, update("one", "2"), update("one", "3"))
        assert (w.order, unchanged(w), w.partition.ledger.position) == ([0], 2, 3)


async def test_a_ticket_without_a_revision_is_passed_over_too() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one"))
        await read(w, update("one"))
        assert (w.order, unchanged(w)) == ([0], 1)


async def test_a_text_that_changes_back_is_published_again() -> None:
    async with world(**SKIP) as w:
        for number, text in enumerate(["one", "two", "one"]):
            await read(w, update(text, str(number)))
        assert w.order == [0, 1, 2]


async def test_a_text_that_changes_back_while_the_change_is_on_its_way_is_published() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        await read(w, update("two", "2"), update("one", "3"))
        assert w.order == [0, 1, 2]


async def test_a_ticket_that_became_urgent_is_published() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        await read(w, update("one", "2", urgent=True))
        await read(w, update("one", "3", urgent=True))
        assert (w.order, unchanged(w)) == ([0, 1], 1)


async def test_a_ticket_that_needs_review_is_never_passed_over() -> None:
    async with world(**SKIP) as w:
        w.bulk.script = holding("one", REFUSED)
        await read(w, update("one", "1"))
        await read(w, update("one", "2"))
        assert [sent.event["reason"] for sent in w.outbox.sent] == ["refused", "refused"]


async def test_a_record_that_a_replay_sent_is_never_passed_over() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        again = update("one", "1")
        again.headers = [("replay.of", b"tickets:0:0")]
        await read(w, again)
        assert w.outbox.sent[-1].event["relabel_of"] == "tickets:0:0"


async def test_an_array_is_published_as_a_whole() -> None:
    both = [content("one", ticket_id="T-1"), content("two", ticket_id="T-2")]
    async with world(**SKIP) as w:
        await read(w, Record(value=orjson.dumps(both)))
        await read(w, Record(value=orjson.dumps(both)))
        assert [sent.event["event_id"] for sent in w.outbox.sent] == [
            *("tickets:0:0#0", "tickets:0:0#1", "tickets:0:1#0", "tickets:0:1#1")
        ]


async def test_a_late_revision_is_published_though_its_text_is_that_of_the_last_event() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "10"))
        await read(w, update("one", "9"))
        await read(w, update("one", "11"))
        assert (told(w), unchanged(w)) == ([("10", False), ("9", True)], 1)


async def test_after_a_late_event_of_another_text_the_next_is_published() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "10"))
        await read(w, update("two", "9"))
        await read(w, update("one", "11"))
        assert told(w) == [("10", False), ("9", True), ("11", False)]


async def test_what_was_passed_over_makes_an_older_revision_late() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        await read(w, update("one", "3"))
        await read(w, update("two", "2"))
        assert told(w) == [("1", False), ("2", True)]


async def test_those_that_waited_behind_what_is_passed_over_leave() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"), update("slow", "1", "T-2"))
        mark = commit(w)
    async with world(backend=store, **SKIP) as w:
        w.partition = assigned(mark)
        w.topic = [update("x")] * 2
        same, other = update("one", "2"), update("new", "1", "T-3")
        other.key = same.key
        await read(w, same, other)
        assert (w.order, unchanged(w), w.partition.ledger.position) == ([3], 1, 4)


async def test_what_is_unchanged_costs_no_call_though_the_cache_has_forgotten_its_text() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
    store.known.clear()
    async with world(backend=store, **SKIP) as w:
        w.partition, w.topic = assigned(mark), [update("x")]
        await read(w, update("one", "2"))
        assert (w.bulk.asked, unchanged(w)) == ([], 1)


async def test_a_ticket_is_published_again_after_a_week() -> None:
    now = 1_000_000.0
    async with world(clock=lambda: now, **SKIP) as w:
        await read(w, update("one", "1"))
        now += KEPT_S - 1
        await read(w, update("one", "2"))
        now += 2
        await read(w, update("one", "3"))
        assert w.order == [0, 2]


# what must not be lost


async def test_an_update_is_published_while_the_broker_has_not_taken_the_event_before() -> None:
    async with world(**SKIP) as w:
        broker = slow_broker(w)
        await read(w, update("one", "1"))
        await read(w, update("one", "2"))
        broker.acknowledge()
        await read(w, update("one", "3"))
        assert (w.order, unchanged(w)) == ([0, 1], 1)


async def test_a_record_that_was_never_acknowledged_is_published_when_it_comes_again() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        slow_broker(w)
        await read(w, update("one", "1"))
        assert w.order == [0]
    assert await restarted(store, w, (-1, "")) == ([0], 0)


async def test_a_record_whose_commit_never_came_is_passed_over_when_it_comes_again() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
        await read(w, update("two", "2"))
    assert await restarted(store, w, mark) == ([], 1)


async def test_an_unchanged_ticket_is_passed_over_after_a_clean_restart() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
    assert await restarted(store, w, mark, update("one", "2")) == ([], 1)


async def test_what_the_store_missed_before_a_kill_is_not_believed() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        commit(w)
        await asyncio.sleep(60)
        store.full = True
        await read(w, update("two", "2"))
        mark = commit(w)  # the event is out and committed, and its note is lost with the process
    store.full = False
    assert await restarted(store, w, mark, update("one", "3")) == ([2], 0)


async def test_what_is_not_believed_once_is_not_believed_by_the_next_owner() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
    async with world(backend=store, **SKIP) as other:  # assigned at another commit than was noted
        other.topic, other.partition = [*w.topic], assigned((1, ""))
        await read(other, update("else", "1", "T-2"))
        mark = commit(other)
    assert await restarted(store, other, mark, update("one", "2"), update("else", "2", "T-2")) == ([2], 1)


async def test_a_store_that_is_away_lets_every_ticket_be_published() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
    store.away = True
    assert await restarted(store, w, mark, update("one", "2")) == ([1], 0)


async def test_what_another_owner_published_meanwhile_is_looked_up_anew() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
        await asyncio.sleep(60)
        w.partition.open = False
        async with world(backend=store, **SKIP) as other:
            other.topic, other.partition = [*w.topic], assigned(mark)
            await read(other, update("two", "2"))
            mark = commit(other)
        w.topic, w.partition = [*other.topic], assigned(mark)
        await read(w, update("one", "3"))
        assert w.order == [0, 2]


async def test_another_group_that_shares_the_store_has_published_nothing() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
    async with world(backend=store, kafka={"group_id": "another"}, **SKIP) as other:
        other.topic, other.partition = [*w.topic], assigned(mark)
        await read(other, update("one", "2"))
        assert other.order == [1]


async def test_an_event_that_became_a_dead_letter_does_not_count_as_published() -> None:
    async with world(**SKIP) as w:
        broker = slow_broker(w)
        await read(w, update("one", "1"))
        assert w.partition.follower is not None
        w.partition.follower.buried(0)
        broker.acknowledge()
        await read(w, update("one", "2"))
        assert w.order == [0, 1]


async def test_a_poll_of_known_tickets_costs_the_store_one_look_up() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        store.reads.clear()
        await read(w, *(update("one", "1", f"T-{number}") for number in range(2, 102)))
        assert store.reads == [100]


async def test_a_known_text_that_changes_back_before_the_broker_has_the_change_is_published() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1", "T-2"), update("two", "1", "T-3"))
        await read(w, update("one", "1"))
        broker = slow_broker(w)
        w.read(update("two", "2"), update("one", "3"))
        broker.acknowledge()
        assert broker.order == [3, 4]


async def test_after_a_late_event_the_next_is_published_though_it_has_the_late_ones_text() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "10"))
        await read(w, update("two", "9"))
        await read(w, update("two", "11"))
        assert told(w) == [("10", False), ("9", True), ("11", False)]


async def test_what_waits_to_be_written_counts_as_written() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        store.hold_writes = asyncio.Event()
        await read(w, update("one", "1"))
        mark = commit(w)
        w.partition.open = False
        w.partition = assigned(mark)
        await read(w, update("one", "2"))
        assert (unchanged(w), store.notes) == (1, {})


async def test_an_event_of_another_partition_is_not_relied_on() -> None:
    async with world(**SKIP) as w:
        other = Partition(topic="tickets", number=1, ledger=Ledger(start=0))
        w.pipeline.arrivals.take(other, [])
        await read(w, update("one", "1"))
        w.pipeline.arrivals.take(other, [replace(update("one", "2"), offset=0)])
        assert [sent.partition.number for sent in w.outbox.sent] == [0, 1]


async def test_where_notes_were_given_up_nothing_from_before_is_believed() -> None:
    store = Notebook()
    now = 1_000_000.0
    async with world(backend=store, clock=lambda: now, **SKIP) as w:
        await read(w, update("one", "1"))
        store.full = True
        now += 1
        w.cache.remember({bytes([n % 256, n // 256]): Note(b"", 0, 0.0) for n in range(MAX_NOTES + 1)})
        await read(w, update("one", "2"))
        assert w.order == [0, 1]


async def test_what_was_read_before_an_assignment_is_not_believed_after_it() -> None:
    store = Notebook()
    async with world(backend=store, **SKIP) as w:
        await read(w, update("one", "1"))
        mark = commit(w)
        await asyncio.sleep(60)
    async with world(backend=store, **SKIP) as other:
        other.topic, other.partition = [*w.topic], assigned(mark)
        store.hold = asyncio.Event()
        other.read(update("one", "2"))
        await asyncio.sleep(0)  # it is being looked up
        await asyncio.sleep(0)
        other.pipeline.arrivals.take(Partition(topic="tickets", number=1, ledger=Ledger(start=0)), [])
        store.hold.set()
        await asyncio.sleep(60)
        assert other.order == [1]


async def test_a_text_that_a_person_has_corrected_since_is_published_with_the_correction() -> None:
    async with world(**SKIP) as w:
        await read(w, update("one", "1"))
        correct(w, "one")
        await read(w, update("one", "2"))
        assert [sent.event["decided_by"] for sent in w.outbox.sent] == ["llm", "override"]


async def test_after_a_persons_correction_the_next_is_published_though_it_was_taken_back() -> None:
    async with world(**SKIP) as w:
        correct(w, "one")
        await read(w, update("one", "1"))
        w.pipeline.corrections.take(text_digest(normalise("one")).encode(), None)
        await read(w, update("one", "2"))
        assert [sent.event["decided_by"] for sent in w.outbox.sent] == ["override", "llm"]


async def test_after_a_fallbacks_answer_the_next_is_published() -> None:
    async with world(**ONE_A_CALL, ticket=SKIP["ticket"]) as w:
        w.bulk.script = out
        w.read(update("one", "1"))
        await w.events(1)
        w.read(update("one", "2"))  # which the cache knows, by the fallback
        assert len(w.outbox.sent) == 2
        w.read(update("one", "3"))
        assert [sent.event["model"] for sent in w.outbox.sent] == [FALLBACK] * 3
