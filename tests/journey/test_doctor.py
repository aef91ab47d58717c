"""The doctor with each fault of provider, cache and clocks made real, on the embedded broker."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from stream_classifier.cache import SQLiteCache
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.core.taxonomy import read_taxonomy
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.lab.doctor.checks import Line, State
from stream_classifier.lab.doctor.examining import examination
from stream_classifier.lab.simulator import ArmedFault, Simulator, SimulatorOptions, rule_label
from stream_classifier.settings import Settings
from tests.brokers.redis import Redis

LABELS = ["bug", "feature", "other"]
TOPICS = {"tickets": 2, "ticket-labels": 2, "ticket-dead-letters": 2}
MODEL = "gpt-4o-mini"
NOT_WANTED = "Not wanted."


@dataclass(slots=True, kw_only=True)
class Ward:
    """What the doctor looks at: settings, and what stands behind them."""

    bootstrap_servers: str
    simulator: Simulator
    base_url: str
    questions: list[str] = field(default_factory=list)

    async def lines(self, *, yes: bool = False, publish: bool = False, **groups: Any) -> list[Line]:
        """What the doctor finds."""
        given: dict[str, Any] = {
            "kafka": {"bootstrap_servers": self.bootstrap_servers},
            "llm": {"base_url": self.base_url, "timeout_s": 5},
            "batch": {"max_wait_s": 0.05},
            "cache": {"backend": "memory"},
        }
        merged = {name: given.get(name, {}) | groups.get(name, {}) for name in given.keys() | groups.keys()}
        settings = Settings(taxonomy=read_taxonomy({"labels": LABELS}), **merged)

        def agree(question: str) -> str | None:
            self.questions.append(question)
            return None if yes else NOT_WANTED

        found = examination(settings, {}, agree=agree, trying=lambda _: None, publish=publish)
        return [line async for line in found]

    async def states(self, **groups: Any) -> dict[str, State]:
        """By line, the worst that is said there."""
        found: dict[str, State] = {}
        for line in await self.lines(**groups):
            worst = found.get(line.check) is State.FAULT
            found[line.check] = State.FAULT if worst else line.state
        return found

    async def faults(self, **groups: Any) -> dict[str, str]:
        """The faults, by line."""
        return {line.check: line.sentence for line in await self.lines(**groups) if line.state is State.FAULT}


@asynccontextmanager
async def a_ward(
    options: SimulatorOptions | None = None, topics: dict[str, int] | None = None
) -> AsyncIterator[Ward]:
    simulator = Simulator(options)
    with EmbeddedBroker(TOPICS if topics is None else topics) as broker:
        async with simulator.serve() as address:
            yield Ward(
                bootstrap_servers=broker.bootstrap_servers, simulator=simulator, base_url=address.base_url
            )


async def put(ward: Ward, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=ward.bootstrap_servers) as producer:
        for value in values:
            await producer.send_and_wait("tickets", value, partition=0)


async def test_where_all_is_well_there_is_no_fault_and_the_provider_is_asked_one_made_up_record() -> None:
    async with a_ward() as ward:
        states = await ward.states()
        assert State.FAULT not in states.values()
        assert [states[name] for name in ("brokers", "topic tickets", "offsets", "provider", "key")] == [
            State.OK
        ] * 5
        assert ward.simulator.stats.records_asked == ward.simulator.stats.times_asked(CONSTANT_RECORD) == 1


async def test_a_ticket_is_sent_only_where_somebody_agrees() -> None:
    async with a_ward() as ward:
        [line] = [line for line in await ward.lines() if line.check == "ticket"]
        assert (line.state, line.sentence) == (State.NOT_CHECKED, NOT_WANTED)
        assert "$" in ward.questions[0]
        assert ward.simulator.stats.records_asked == 1


async def test_the_newest_ticket_takes_the_services_own_way_and_is_not_published() -> None:
    text = "The export stops, a bug"
    async with a_ward() as ward:
        await put(ward, orjson.dumps({"id": 7, "body": text}))
        [line] = [line for line in await ward.lines(yes=True) if line.check == "ticket"]
        assert line.state is State.OK
        assert "tickets:0:0" in line.sentence
        assert rule_label(text, LABELS) in line.sentence
        assert text not in line.sentence
        assert ward.simulator.stats.times_asked(text) == 1
        offsets = [line.sentence for line in await ward.lines() if line.check == "offsets"]
        assert "1 behind the end" in offsets[0]  # nothing was committed by looking


async def the_stream(ward: Ward, **more: Any) -> Line:
    """The line about a ticket through the stream itself."""
    [line] = [line for line in await ward.lines(**more) if line.check == "stream"]
    return line


async def test_nothing_is_written_to_the_input_topic_unless_it_is_asked_for_and_agreed_to() -> None:
    async with a_ward() as ward:
        assert "--publish" in (await the_stream(ward, yes=True)).sentence
        assert (await the_stream(ward, publish=True)).sentence == NOT_WANTED
        assert "Write one made-up ticket to tickets" in ward.questions[-1]
        offsets = [line.sentence for line in await ward.lines() if line.check == "offsets"]
        assert "nothing is waiting" in offsets[0]


async def test_without_a_replica_a_ticket_that_was_written_is_told_not_to_come_out() -> None:
    async with a_ward() as ward:
        line = await the_stream(ward, yes=True, publish=True, urgent={"deadline_s": 1})
        assert line.state is State.FAULT
        assert "stands at tickets:" in line.sentence
        assert "a replica runs" in line.sentence
        offsets = [line.sentence for line in await ward.lines() if line.check == "offsets"]
        assert "1 behind the end" in offsets[0]


async def test_a_made_up_ticket_that_would_be_none_is_not_written() -> None:
    async with a_ward() as ward:
        line = await the_stream(ward, yes=True, publish=True, ticket={"format": "cloudevents"})
        assert line.state is State.NOT_CHECKED
        assert "by your ticket settings" in line.sentence


async def test_a_record_that_is_no_ticket_is_noted_with_the_reason() -> None:
    async with a_ward() as ward:
        await put(ward, b"not a ticket")
        [line] = [line for line in await ward.lines(yes=True) if line.check == "ticket"]
        assert line.state is State.NOTE
        assert "is not a ticket" in line.sentence


async def test_missing_topics_are_faults_and_looking_makes_none() -> None:
    async with a_ward(topics={}) as ward:
        for _ in range(2):
            faults = await ward.faults()
            assert {name for name in faults if name.startswith("topic")} == {
                f"topic {name}" for name in TOPICS
            }
            assert "topics --create" in faults["topic tickets"]


PROVIDER_FAULTS = {
    "key_refused": ("key", "llm.api_key", ()),
    "forbidden": (f"model {MODEL}", "llm.model", ("key", "account")),  # to this model, says its code
    "quota": ("account", "plan and billing", ("key",)),
    "model_unknown": (f"model {MODEL}", "llm.model", ("key", "account")),
    "http_503": (f"model {MODEL}", "The provider failed", ()),
    "html_200": (f"model {MODEL}", "llm.base_url", ()),
    "prose": (f"reply {MODEL}", "in the form", ("key", "account", f"model {MODEL}")),
    "broken_json": (f"reply {MODEL}", "in the form", ("key", "account", f"model {MODEL}")),
}


@pytest.mark.parametrize("name", PROVIDER_FAULTS)
async def test_a_providers_fault_stands_in_its_own_line_and_what_comes_before_it_is_in_order(
    name: str,
) -> None:
    check, words, in_order = PROVIDER_FAULTS[name]
    async with a_ward(SimulatorOptions(faults=(ArmedFault(name=name),))) as ward:
        found = {line.check: line for line in await ward.lines(yes=True)}
    assert found[check].state is State.FAULT
    assert words in found[check].sentence
    assert [found[before].state for before in in_order] == [State.OK] * len(in_order)
    assert found["ticket"].state is State.NOT_CHECKED
    assert [line.check for line in found.values() if line.state is State.FAULT] == [check]


async def test_a_provider_that_hangs_is_a_fault_within_its_time_limit() -> None:
    async with a_ward(SimulatorOptions(faults=(ArmedFault(name="hang"),))) as ward:
        faults = await ward.faults(llm={"timeout_s": 0.5}, urgent={"timeout_s": 0.5})
        assert "within the time limit" in faults[f"model {MODEL}"]


async def test_a_limit_that_is_used_up_is_no_fault_since_it_passes() -> None:
    async with a_ward(SimulatorOptions(faults=(ArmedFault(name="rate_limited"),))) as ward:
        states = await ward.states()
        assert states["account"] is State.NOTE
        assert State.FAULT not in states.values()


async def test_what_an_endpoint_refuses_of_the_request_is_noted_with_the_rung_that_is_left() -> None:
    refused = (
        ArmedFault(name="json_schema_refused"),
        ArmedFault(name="parameter_refused", param="temperature"),
    )
    async with a_ward(SimulatorOptions(faults=refused)) as ward:
        lines = await ward.lines(llm={"params": {"temperature": 0}})
        [line] = [line for line in lines if line.check == f"reply {MODEL}"]
        assert line.state is State.NOTE
        assert "a JSON object, but no schema" in line.sentence
        assert "temperature" in line.sentence


async def test_each_model_has_its_lines_and_one_that_is_missing_is_named() -> None:
    async with a_ward(SimulatorOptions(models=(MODEL, "gpt-4.1-mini"))) as ward:
        states = await ward.states(llm={"urgent_model": "gpt-4.1-mini", "fallback_models": ["gone"]})
    assert [states[f"model {name}"] for name in (MODEL, "gpt-4.1-mini", "gone")] == [
        State.OK,
        State.OK,
        State.FAULT,
    ]


async def test_an_endpoint_that_is_not_there_is_one_fault() -> None:
    async with a_ward() as ward:
        faults = await ward.faults(llm={"base_url": "http://127.0.0.1:9/v1"})
        assert faults == {"provider": faults["provider"]}
        assert "refused the connection" in faults["provider"]


@pytest.mark.parametrize(("off_s", "state"), [(0, State.OK), (-600, State.FAULT), (600, State.FAULT)])
async def test_a_clock_that_differs_from_the_providers_is_a_fault(off_s: int, state: State) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=off_s), usegmt=True)
        writer.write(f"HTTP/1.1 404 X\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    async with a_ward() as ward, await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        ward.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        [line] = [line for line in await ward.lines() if line.check == "clock of provider"]
    assert line.state is state
    if off_s:
        assert ("ahead of" if off_s < 0 else "behind") in line.sentence


async def test_a_cache_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    async with a_ward() as ward:
        path = tmp_path / "cache.db"
        assert (await ward.states(cache={"backend": "sqlite", "path": path}))["cache"] is State.OK
    assert _names(tmp_path) == []


async def test_a_cache_file_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    cache = SQLiteCache(path, max_entries=10, max_bytes=1 << 20, clock=lambda: 0.0)
    await cache.open()
    await cache.close()
    async with a_ward() as ward:
        [line] = [
            line
            for line in await ward.lines(cache={"backend": "sqlite", "path": path})
            if line.check == "cache"
        ]
    assert line.state is State.OK
    assert "read and written" in line.sentence


async def test_a_file_that_is_no_cache_is_a_fault_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_text("someone's notes")
    async with a_ward() as ward:
        assert "cache" in await ward.faults(cache={"backend": "sqlite", "path": path})
    assert path.read_text() == "someone's notes"
    assert _names(tmp_path) == [path.name]


async def test_a_folder_that_is_not_there_is_a_fault_of_the_cache(tmp_path: Path) -> None:
    async with a_ward() as ward:
        faults = await ward.faults(cache={"backend": "sqlite", "path": tmp_path / "gone" / "cache.db"})
        assert "no directory" in faults["cache"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written_is_a_fault_of_the_cache(tmp_path: Path) -> None:
    folder = _closed(tmp_path)
    async with a_ward() as ward:
        faults = await ward.faults(cache={"backend": "sqlite", "path": folder / "cache.db"})
        assert "may not write" in faults["cache"]


async def test_a_redis_that_is_there_is_read_and_written_and_leaves_no_lease(redis: Redis) -> None:
    async with a_ward() as ward:
        states = await ward.states(cache={"backend": "redis", "url": redis.url, "key_prefix": "doctor:"})
        assert states["cache"] in (State.OK, State.NOTE)  # a note where the look-up was slow


async def test_a_redis_that_is_away_is_a_fault_of_the_cache() -> None:
    async with a_ward() as ward:
        faults = await ward.faults(cache={"backend": "redis", "url": "redis://127.0.0.1:9/0"})
        assert "cache.url" in faults["cache"]


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def _closed(folder: Path) -> Path:
    folder.chmod(0o500)
    return folder
