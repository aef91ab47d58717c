"""What the cache's backend knows, before a text is asked."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from stream_classifier.cache.spend import DayAndLane, Spends
from stream_classifier.core.known import Known
from tests.unit.lane_fakes import LATENCY_S, MODEL, Record, content, label_of, ticket
from tests.unit.lane_world import LOOK_UP_MAX_S, TTL_S, World, world

LOOK_UP_S = 1 / 64
OTHER_MODEL: dict[str, Any] = {"model": MODEL, "urgent_model": "gpt-4o", "concurrency": 2}


@dataclass(slots=True)
class SlowBackend:
    """A backend in a dict, that takes its time on the loop's clock."""

    name: str = "slow"
    look_up_s: float = LOOK_UP_S
    kept: dict[bytes, Known] = field(default_factory=dict)
    reads: list[int] = field(default_factory=list)

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Known]:
        self.reads.append(len(keys))
        await asyncio.sleep(self.look_up_s)
        return {key: self.kept[key] for key in keys if key in self.kept}

    async def put_many(self, entries: Mapping[bytes, Known]) -> None:
        self.kept.update(entries)

    async def spent(self) -> Spends:
        return {}

    async def spend(self, spends: Mapping[DayAndLane, float]) -> None: ...

    def knows(self, w: World, text: str, model: str = MODEL) -> None:
        """As if another process had stored it."""
        answering = w.pipeline.lanes.bulk.answering
        preparer = w.pipeline.arrivals.preparer
        keys = preparer._bulk_keys if model == MODEL else preparer._urgent_keys
        self.kept[keys.key(text, None)] = Known(
            labels=(label_of(text),),
            model=model,
            prompt_digest=answering.caller.prompt.digest,
            taxonomy_digest=answering.caller.taxonomy.digest,
            written_at=0.0,
            expires_at=TTL_S,
        )


async def test_what_the_backend_knows_is_not_asked() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        backend.knows(w, "same")
        w.read(ticket("same"))
        [event] = await w.events(1)
        assert (event["decided_by"], w.left_at[0]) == ("cache", LOOK_UP_S)
        assert w.bulk.calls == []


async def test_what_the_backend_does_not_know_is_asked() -> None:
    async with world(backend=SlowBackend(), batch={"max_tickets": 1}) as w:
        w.read(ticket("new"))
        [event] = await w.events(1)
        assert (event["decided_by"], w.left_at[0]) == ("llm", LOOK_UP_S + LATENCY_S)


async def test_a_backend_that_takes_too_long_is_not_waited_for() -> None:
    backend = SlowBackend(look_up_s=60.0)
    async with world(backend=backend, batch={"max_tickets": 1}) as w:
        backend.knows(w, "same")
        w.read(ticket("same"))
        [event] = await w.events(1)
        assert (event["decided_by"], w.left_at[0]) == ("llm", LOOK_UP_MAX_S + LATENCY_S)


async def test_while_one_look_up_is_out_tickets_gather_for_the_next() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        w.read(ticket("one"))
        await asyncio.sleep(LOOK_UP_S / 2)
        w.read(*(ticket(f"text {i}") for i in range(5)))
        await w.events(6)
        assert backend.reads == [1, 5]


async def test_an_urgent_look_up_does_not_wait_behind_bulks() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        backend.knows(w, "now")
        w.read(ticket("one"))
        await asyncio.sleep(LOOK_UP_S / 2)
        w.read(ticket("now", urgent=True))
        await w.events(1)
        assert w.left_at == {1: LOOK_UP_S * 1.5}


async def test_an_urgent_ticket_takes_what_the_backend_knows_of_either_model() -> None:
    backend = SlowBackend()
    async with world(backend=backend, llm=OTHER_MODEL) as w:
        backend.knows(w, "one", MODEL)
        backend.knows(w, "two", "gpt-4o")
        w.read(ticket("one", urgent=True), ticket("two", urgent=True))
        events = await w.events(2)
        assert [event["model"] for event in events] == [MODEL, "gpt-4o"]


async def test_a_text_in_flight_is_joined_without_a_look_up() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        w.read(ticket("same"))
        await asyncio.sleep(1)
        w.read(ticket("same"))
        await w.events(2)
        assert backend.reads == [1]


async def test_the_same_text_twice_in_a_poll_is_asked_once() -> None:
    async with world(backend=SlowBackend()) as w:
        w.read(ticket("same"), ticket("same"))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == ["llm", "shared"]


async def test_a_ticket_that_is_promoted_while_it_is_looked_up_is_not_asked_in_bulk_too() -> None:
    async with world(backend=SlowBackend(), batch={"max_tickets": 1}) as w:
        w.read(ticket("one", key=b"k"), ticket("now", key=b"k", urgent=True))
        await w.events(2)
        await asyncio.sleep(10)
        assert (w.order, w.bulk.calls) == ([0, 1], [])
        assert len(w.pipeline.flights) == 0


async def test_nothing_is_asked_for_a_partition_that_was_closed_during_the_look_up() -> None:
    async with world(backend=SlowBackend()) as w:
        w.read(ticket("one"), ticket("now", urgent=True))
        w.partition.open = False
        await asyncio.sleep(10)
        assert w.bulk.calls == w.urgent.calls == []


async def test_nothing_leaves_for_a_partition_that_was_closed_during_the_look_up() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        backend.knows(w, "one")
        w.read(ticket("one"))
        w.partition.open = False
        await asyncio.sleep(10)
        assert w.outbox.sent == []


async def test_what_the_backend_knows_comes_too_late_for_a_ticket_that_was_answered_meanwhile() -> None:
    backend = SlowBackend()
    async with world(backend=backend, urgent={"concurrency": 9}) as w:
        w.urgent.latency_s = lambda call: LOOK_UP_S / 4 if call.texts == ("one",) else LATENCY_S
        backend.knows(w, "one")
        w.read(Record(value=orjson.dumps([content("one"), content("two")]), key=b"k"))
        await asyncio.sleep(LOOK_UP_S / 4)
        w.read(ticket("", key=b"k", urgent=True))  # promotes both
        await asyncio.sleep(10)
        assert w.order == [0, 0, 1]
        assert [sent.event["decided_by"] for sent in w.outbox.sent] == ["llm", "llm", None]
