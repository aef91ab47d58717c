"""Records wait until their schema is known: what is asked for, what an answer means, and what is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from stream_classifier.core import measures
from stream_classifier.core.formats.fault import NotATicket
from stream_classifier.core.tally import Tally
from stream_classifier.registry.client import Reference, Registered, Unavailable
from stream_classifier.registry.schemas import (
    ASK_AGAIN_S,
    LAST_BACKOFF_S,
    MAX_REFERENCES,
    MISSING_KEPT_S,
    Schemas,
)
from stream_classifier.registry.wire import HEADER, SchemaId, framed
from tests.patience import until

JSON = Registered("{}", "JSON")
GUID = UUID("89791762-2336-4186-9674-299b90a802e2")
AWAY = Unavailable("The schema registry cannot be reached.")
Answer = Registered | Unavailable | None


@dataclass
class Record:
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def by_number(number: int, payload: bytes = b'{"id": 1}') -> Record:
    return Record(b"\0" + number.to_bytes(4) + payload)


@dataclass
class FakeRegistry:
    """Answers as `script` says, and remembers what it was asked."""

    script: Callable[[SchemaId], Answer] = lambda _: JSON
    versions: dict[Reference, Registered] = field(default_factory=dict)
    asked: list[SchemaId] = field(default_factory=list)

    async def schema(self, schema_id: SchemaId) -> Registered | None:
        self.asked.append(schema_id)
        answer = self.script(schema_id)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    async def version(self, reference: Reference) -> Registered | None:
        return self.versions.get(reference)


@dataclass
class World:
    registry: FakeRegistry
    schemas: Schemas
    tally: Tally

    def fetched(self, outcome: str) -> float:
        return self.tally.counters[measures.SCHEMA_FETCHES][(outcome,)]

    async def until_known(self, *records: Record) -> None:
        await until(lambda: self.schemas.ready(records) == len(records), patience_s=600)

    def read(self, record: Record) -> object:
        assert record.value is not None
        return self.schemas.decode(record.value, record.headers)


@asynccontextmanager
async def world(script: Callable[[SchemaId], Answer] = lambda _: JSON) -> AsyncIterator[World]:
    registry, tally = FakeRegistry(script), Tally()
    schemas = Schemas(registry, tally, asyncio.get_running_loop().time)
    running = asyncio.create_task(schemas.run())
    try:
        yield World(registry, schemas, tally)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# ------------------------------------------------------------------------------------------- the frame


def test_a_schema_is_named_before_the_value_or_in_a_header() -> None:
    value = by_number(258).value
    assert value is not None
    before = framed(value, ())
    guid = framed(b"{}", [(HEADER, b"\1" + GUID.bytes)])
    number = framed(b"{}", [(HEADER, b"\0\0\0\1\2")])
    found = [(f.schema_id, f.start) for f in (before, guid, number) if f is not None]
    assert found == [(258, 5), (GUID, 0), (258, 0)]


@pytest.mark.parametrize(
    "record",
    [
        Record(b"{}"),
        Record(b""),
        Record(b"\0\0\0\1"),
        Record(b"{}", [(HEADER, b"\1abc")]),
        Record(b"{}", [(HEADER, None)]),
        Record(b"{}", [("__key_schema_id", b"\1" + GUID.bytes)]),
    ],
)
def test_a_value_without_a_whole_frame_is_none_of_ours(record: Record) -> None:
    assert framed(record.value or b"", record.headers) is None


# ------------------------------------------------------------------------------------------- ready


async def test_plain_json_and_tombstones_never_wait() -> None:
    async with world() as w:
        assert w.schemas.ready([Record(b"{}"), Record(None)]) == 2
        assert w.read(Record(b'{"id": 1}')) == {"id": 1}
    assert w.registry.asked == []


async def test_records_before_the_first_unknown_schema_are_ready_and_all_unknown_ones_are_asked_for() -> None:
    async with world() as w:
        records = [Record(b"{}"), by_number(1), Record(b"{}"), by_number(2)]
        assert w.schemas.ready(records) == 1
        await w.until_known(*records)
    assert sorted(map(str, w.registry.asked)) == ["1", "2"]


async def test_a_schema_is_fetched_once_however_many_records_have_it() -> None:
    async with world() as w:
        for _ in range(3):
            await w.until_known(by_number(1), Record(b"{}", [(HEADER, b"\1" + GUID.bytes)]))
    assert w.registry.asked == [1, GUID]


async def test_a_value_is_read_by_its_schema_whichever_way_it_is_named() -> None:
    kept = by_number(1), Record(b'{"id": 1}', [(HEADER, b"\1" + GUID.bytes)])
    async with world() as w:
        await w.until_known(*kept)
        assert [w.read(record) for record in kept] == [{"id": 1}] * 2


# ------------------------------------------------------------------------------------------- answers


async def test_a_registry_that_is_away_makes_no_dead_letter_and_is_asked_until_it_is_back() -> None:
    answers: dict[SchemaId, Answer] = {1: AWAY}
    with capture_logs() as lines:
        async with world(answers.__getitem__) as w:
            w.schemas.ready([by_number(1)])
            await asyncio.sleep(5 * LAST_BACKOFF_S)
            assert w.schemas.ready([by_number(1)]) == 0
            tries = len(w.registry.asked)
            answers[1] = JSON
            await w.until_known(by_number(1))
    assert 5 <= tries <= 12, "the waits grow, up to a bound"
    told = [line["event"] for line in lines]
    assert told == ["schema_registry_away"] * tries + ["schema_fetched", "schema_registry_back"]
    assert (w.fetched("failed"), w.fetched("fetched")) == (tries, 1)


async def test_it_tells_for_how_long_the_registry_has_been_away() -> None:
    answers: dict[SchemaId, Answer] = {1: AWAY}
    async with world(answers.__getitem__) as w:
        assert w.schemas.away_s == 0
        w.schemas.ready([by_number(1)])
        await asyncio.sleep(5 * LAST_BACKOFF_S)
        assert w.schemas.away_s == pytest.approx(5 * LAST_BACKOFF_S)
        answers[1] = JSON
        await w.until_known(by_number(1))
        assert w.schemas.away_s == 0


async def test_an_id_that_a_follower_did_not_know_yet_is_found_at_the_second_look() -> None:
    answers = iter([None, JSON])
    async with world(lambda _: next(answers)) as w:
        await w.until_known(by_number(1))
        assert w.read(by_number(1)) == {"id": 1}


async def test_an_id_that_the_registry_does_not_have_is_a_dead_letter_that_names_it() -> None:
    async with world(lambda _: None) as w:
        await w.until_known(by_number(77))
        with pytest.raises(NotATicket, match=r"no schema 77.*kafka\.schema_registry_url"):
            w.read(by_number(77))
    assert w.fetched("missing") == 1


async def test_an_id_that_was_missing_is_looked_for_again_later() -> None:
    answers: dict[SchemaId, Answer] = {1: None}
    async with world(answers.__getitem__) as w:
        await w.until_known(by_number(1))
        answers[1] = JSON
        await asyncio.sleep(MISSING_KEPT_S + 1)
        await w.until_known(by_number(1))
        assert w.read(by_number(1)) == {"id": 1}


async def test_a_poll_of_made_up_ids_costs_seconds_and_not_a_wait_for_each() -> None:
    began = asyncio.get_running_loop().time()
    async with world(lambda _: None) as w:
        await w.until_known(*(by_number(number) for number in range(500)))
    assert asyncio.get_running_loop().time() - began < 25 * ASK_AGAIN_S


async def test_protobuf_is_a_dead_letter_that_says_what_to_send() -> None:
    async with world(lambda _: Registered("syntax", "PROTOBUF")) as w:
        await w.until_known(by_number(5))
        with pytest.raises(NotATicket, match="schema 5, which is Protobuf: send Avro"):
            w.read(by_number(5))


async def test_what_is_behind_a_json_schema_and_is_no_json_is_a_dead_letter_that_names_the_schema() -> None:
    async with world() as w:
        await w.until_known(by_number(5, b"{"))
        with pytest.raises(NotATicket, match="behind schema 5 is not JSON"):
            w.read(by_number(5, b"{"))


# ------------------------------------------------------------------------------------------- references

INNER, OUTER = Reference("inner-value", 1), Reference("outer-value", 2)


def record(name: str, kind: str) -> str:
    return json.dumps({"type": "record", "name": name, "fields": [{"name": "x", "type": kind}]})


async def test_schemas_that_name_one_another_are_fetched_the_innermost_first() -> None:
    async with world(lambda _: Registered(record("Top", "Outer"), references=(OUTER, INNER))) as w:
        w.registry.versions = {
            OUTER: Registered(record("Outer", "Inner"), references=(INNER,)),
            INNER: Registered(record("Inner", "string")),
        }
        await w.until_known(by_number(1))
        assert w.read(by_number(1, b"\x04hi")) == {"x": {"x": {"x": "hi"}}}


@pytest.mark.parametrize("versions", [{}, {OUTER: Registered("x", references=(INNER,))}])
async def test_a_schema_that_names_what_is_not_there_is_a_dead_letter_for_its_values(
    versions: dict[Reference, Registered],
) -> None:
    async with world(lambda _: Registered(record("Top", "Outer"), references=(OUTER,))) as w:
        w.registry.versions = versions
        await w.until_known(by_number(1))
        with pytest.raises(NotATicket, match="schema 1 names schemas that the registry does not have"):
            w.read(by_number(1))


async def test_a_chain_of_schemas_without_end_has_one_here() -> None:
    chain = {
        Reference("s", n): Registered("x", references=(Reference("s", n + 1),))
        for n in range(2 * MAX_REFERENCES)
    }
    async with world(lambda _: Registered("x", references=(Reference("s", 0),))) as w:
        w.registry.versions = chain
        await w.until_known(by_number(1))
        with pytest.raises(NotATicket, match=f"more than {MAX_REFERENCES}"):
            w.read(by_number(1))
