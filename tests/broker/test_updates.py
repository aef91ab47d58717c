"""`skip_unchanged` through kills on a real broker: no text of a ticket is lost, whatever is passed over."""

import signal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from stream_classifier.core.text import normalise, text_digest
from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.kafka import Kafka

QUICK = SimulatorOptions(latency_s=0.02)
TEXTS = ["The export stops", "The invoice is wrong", "Nobody can sign in"]
TICKETS, UPDATES, PARTS = 30, 12, 3

PASSED_OVER = 'records_passed_over_total{rule="unchanged"}'

Update = tuple[int, str]


def stream_settings(tmp_path: Path, delivery: str) -> dict[str, Any]:
    return {
        "kafka__delivery": delivery,
        "ticket__on_update": "skip_unchanged",
        "cache__backend": "sqlite",
        "cache__path": str(tmp_path / "cache.db"),
    }


def made_updates(seed: int) -> list[Update]:
    """Each ticket's events among the others'; two in three change nothing."""
    rng, text = Random(seed), dict[int, str]()
    updates = []
    for _ in range(UPDATES):
        for number in range(TICKETS):
            if number not in text or rng.random() < 1 / 3:
                text[number] = rng.choice(TEXTS)
            updates.append((number, text[number]))
    return updates


async def put(stream: Stream, updates: list[Update], first: int) -> None:
    for revision, (number, text) in enumerate(updates, first):
        await stream.put([ticket(number, text, revision=revision)], key=str(number).encode(), partition=0)


async def kill(stream: Stream) -> None:
    await stream.members[-1].kill()
    await stream.evict()  # its session would end by itself, six seconds later


def digest(text: str) -> str:
    return text_digest(normalise(text))


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_kills_between_publish_and_commit_lose_no_text_and_no_change_back(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    updates = made_updates(seed=7)
    per_part = len(updates) // PARTS
    settings = stream_settings(tmp_path, delivery)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK, **settings) as stream:
        for part in range(PARTS):
            if part:
                await kill(stream)
            out = len(await stream.events())
            await put(stream, updates[part * per_part : (part + 1) * per_part], part * per_part)
            await stream.working_member()
            await stream.until_events(out + 10)  # and then it is killed in the middle
        await stream.settled()
        events = await stream.events()
        await put(stream, updates[-TICKETS:], len(updates))
        await stream.settled()
        assert await stream.events() == events
        passed_over = (await stream.members[-1].metrics())[PASSED_OVER]
    assert passed_over >= TICKETS
    for number in range(TICKETS):
        texts = [digest(text) for other, text in updates if other == number]
        published = [event["text_digest"] for event in events if event["ticket_id"] == str(number)]
        assert set(published) == set(texts)
        assert published[-1] == texts[-1]
        if (
            delivery == "exactly-once"
        ):  # each change once, in order; and after a kill perhaps what did not change
            changes = [texts[0], *(later for earlier, later in pairwise(texts) if later != earlier)]
            told = [published[0], *(later for earlier, later in pairwise(published) if later != earlier)]
            assert told == changes


async def test_a_change_that_was_under_way_at_a_kill_is_published_and_so_is_the_change_back(
    kafka: Kafka, tmp_path: Path
) -> None:
    settings = stream_settings(tmp_path, "at-least-once")
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK, **settings) as stream:
        stream.simulator.faults.arm("hang", text="frozen")
        await stream.working_member()
        await put(stream, [(1, "calm")], 1)
        await stream.settled()
        await put(stream, [(1, "frozen")], 2)
        await stream.members[-1].until_metric("in_flight_tickets", lambda count: count == 1)
        await kill(stream)
        stream.simulator.faults.clear()
        await put(stream, [(1, "calm"), (1, "calm")], 3)
        await stream.working_member()
        await stream.settled()
        published = [event["text_digest"] for event in await stream.events()]
    assert published[:3] == [digest("calm"), digest("frozen"), digest("calm")]


@pytest.mark.parametrize("delivery", ["at-least-once", "exactly-once"])
async def test_an_unchanged_ticket_is_passed_over_by_the_next_process(
    kafka: Kafka, tmp_path: Path, delivery: str
) -> None:
    settings = stream_settings(tmp_path, delivery)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK, **settings) as stream:
        member = await stream.working_member()
        await put(stream, [(1, "calm")], 1)
        await stream.settled()
        member.tell(signal.SIGTERM)
        assert await member.exited() == 0
        await put(stream, [(1, "calm")], 2)
        member = await stream.working_member()
        await stream.settled()
        assert len(await stream.events()) == 1
        assert (await member.metrics())[PASSED_OVER] == 1
