"""A person's correction in the pipeline: before everything that is known or asked."""

import asyncio
from typing import Any

import orjson
import pytest

from stream_classifier.core import measures
from stream_classifier.core.call import Signal
from stream_classifier.core.text import normalise, text_digest
from tests.unit.lane_fakes import LABELS, LATENCY_S, Record, content, failure, label_of, ticket
from tests.unit.lane_world import World, world
from tests.unit.test_look_ups import LOOK_UP_S, SlowBackend
from tests.unit.test_schemas import VALIDATOR

OUTAGE = failure(Signal.QUOTA, status=429)


def other_label(text: str) -> str:
    """Not the one that the model would give."""
    return next(label for label in LABELS if label != label_of(text))


def correct(w: World, text: str, tenant: str | None = None, label: str | None = None) -> str:
    """A person corrects the text, as the topic's reader would take it."""
    digest = text_digest(normalise(text))
    key = digest if tenant is None else f"{digest}/{tenant}"
    label = label or other_label(text)
    w.pipeline.corrections.take(key.encode(), orjson.dumps({"labels": {"label": label}}))
    w.pipeline.corrected.serve_waiting()
    return label


def said(event: dict[str, Any]) -> tuple[str, str]:
    return event["decided_by"], event["label"]


@pytest.mark.parametrize("more", [{}, {"priority": "P0"}], ids=["bulk", "urgent"])
async def test_a_corrected_text_gets_the_persons_label_at_once_without_a_call(more: dict[str, Any]) -> None:
    async with world() as w:
        label = correct(w, "text")
        w.read(ticket("text", **more))
        [sent] = w.outbox.sent
        VALIDATOR.validate(sent.event)
        assert said(sent.event) == ("override", label)
        assert (sent.event["cost_usd"], sent.event["tokens_in"], sent.event["model"]) == (0.0, 0, None)
        await asyncio.sleep(10)
        assert w.bulk.calls == w.urgent.calls == []


async def test_a_correction_beats_the_cache_and_the_cache_serves_again_when_it_is_taken_back() -> None:
    async with world() as w:
        w.read(ticket("text"))
        await w.events(1)
        label = correct(w, "text")
        w.read(ticket("text"))
        w.pipeline.corrections.take(text_digest(normalise("text")).encode(), None)
        w.read(ticket("text"))
        events = await w.events(3)
    assert [said(event) for event in events] == [
        ("llm", label_of("text")),
        ("override", label),
        ("cache", label_of("text")),
    ]


async def test_a_correction_for_a_tenant_leaves_the_others_alone() -> None:
    async with world() as w:
        correct(w, "text", "acme")
        w.read(ticket("text", tenant="acme"), ticket("text", tenant="other"), ticket("text"))
        events = await w.events(3)
    assert [event["decided_by"] for event in events] == ["override", "llm", "shared"]


async def test_of_an_array_the_corrected_ticket_is_not_asked() -> None:
    async with world() as w:
        correct(w, "one")
        w.read(Record(value=orjson.dumps([content("one"), content("two")])))
        events = await w.events(2)
        assert [event["decided_by"] for event in events] == ["override", "llm"]
        assert w.bulk.texts == ["two"]


async def test_a_corrected_ticket_keeps_its_place_in_its_keys_order() -> None:
    async with world() as w:
        correct(w, "two")
        w.read(ticket("one", key=b"k"), ticket("two", key=b"k"))
        assert w.outbox.sent == []
        await w.events(2)
        assert w.order == [0, 1]


async def test_a_ticket_without_text_is_left_to_a_person_whatever_is_corrected() -> None:
    async with world() as w:
        correct(w, "something")
        w.read(ticket(""))
        assert w.outbox.sent[0].event["reason"] == "no_text"


async def test_a_correction_is_no_look_up_of_the_cache() -> None:
    async with world() as w:
        correct(w, "text")
        w.read(ticket("text"))
        assert w.tally.count(measures.CACHE) == 0
        assert w.tally.count(measures.EVENTS, "bulk", "labelled", "override") == 1


async def test_what_gathers_for_a_batch_is_served_and_never_called() -> None:
    async with world() as w:
        w.read(ticket("text"), ticket("text"))
        correct(w, "text")
        assert [sent.event["decided_by"] for sent in w.outbox.sent] == ["override", "override"]
        assert len(w.pipeline.flights) == 0
        await asyncio.sleep(10)
        assert w.bulk.asked == []


async def test_what_is_being_called_is_served_at_once_and_the_answer_is_kept_and_accounted() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.read(ticket("text"))
        await asyncio.sleep(LATENCY_S / 2)
        label = correct(w, "text")
        assert said(w.outbox.sent[0].event) == ("override", label)
        await asyncio.sleep(LATENCY_S)
        assert w.accounted() == w.counted()
        w.pipeline.corrections.take(text_digest(normalise("text")).encode(), None)
        w.read(ticket("text"))
        assert said(w.outbox.sent[1].event) == ("cache", label_of("text"))


async def test_in_an_outage_a_person_can_still_decide() -> None:
    async with world(batch={"max_tickets": 1}) as w:
        w.bulk.script = lambda _call: OUTAGE
        w.read(ticket("text"), ticket("another"))
        await asyncio.sleep(60)
        assert w.outbox.sent == []
        correct(w, "text")
        assert [sent.event["ticket_id"] for sent in w.outbox.sent] == ["id of text"]


async def test_a_correction_that_comes_while_the_backend_is_asked_goes_before_its_answer() -> None:
    backend = SlowBackend()
    async with world(backend=backend) as w:
        backend.knows(w, "text")
        w.read(ticket("text"))
        await asyncio.sleep(LOOK_UP_S / 2)
        label = correct(w, "text")
        [event] = await w.events(1)
        assert said(event) == ("override", label)
