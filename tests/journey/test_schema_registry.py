"""Avro and JSON Schema through a registry that stands in: what is asked, what an answer means, and labels."""

import io
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from pydantic import SecretStr

from stream_classifier.core import measures
from stream_classifier.lab.broker import EmbeddedBroker
from stream_classifier.registry import client
from stream_classifier.registry.client import Reference, Registered, RegistryClient, Unavailable
from stream_classifier.registry.wire import HEADER
from tests.journey.schema_registry import Fault, Registry, a_registry, answering, basic, never
from tests.journey.test_service import DEAD, EVENTS, Running, a_service, ids, ticket
from tests.patience import until

PASSWORD = "p/w:secret"
TICKET = {
    "type": "record",
    "name": "Ticket",
    "fields": [
        {"name": "ticket_id", "type": "string"},
        {"name": "subject", "type": ["null", "string"]},
        {"name": "body", "type": "string"},
        {"name": "updated_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
AVRO = {"schema": json.dumps(TICKET)}
JSON_SCHEMA = {"schema": "{}", "schemaType": "JSON"}


def avro(number: int, text: str) -> bytes:
    stream = io.BytesIO()
    value = {"ticket_id": f"A{number}", "subject": None, "body": text, "updated_at": 1_700_000_000_000}
    schemaless_writer(stream, parse_schema(TICKET), value)
    return stream.getvalue()


def framed(schema: int, payload: bytes) -> bytes:
    return b"\0" + schema.to_bytes(4) + payload


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with a_registry() as standing:
        standing.schemas = {1: AVRO, 2: JSON_SCHEMA}
        yield standing


async def asked(url: str, number: int = 1, request_s: float = client.REQUEST_S) -> Registered | None:
    async with RegistryClient(lambda: SecretStr(url), request_s=request_s) as asking:
        return await asking.schema(number)


# ------------------------------------------------------------------------------------------- the client


async def test_a_schema_comes_with_its_kind_and_what_it_names(registry: Registry) -> None:
    named = [{"name": "Other", "subject": "other/value", "version": 3}]
    registry.schemas[1] = {**AVRO, "references": named}
    registry.versions["other/value", 3] = {"subject": "other/value", "version": 3, "id": 9, **AVRO}
    async with RegistryClient(lambda: SecretStr(f"{registry.url}/")) as asking:
        by_number, by_guid = await asking.schema(1), await asking.schema(registry.guid(2))
        version = await asking.version(Reference("other/value", 3))
    assert by_number == Registered(AVRO["schema"], "AVRO", (Reference("other/value", 3),))
    assert by_guid == Registered("{}", "JSON")
    assert version == Registered(AVRO["schema"])


async def test_what_the_registry_says_it_does_not_have_is_none(registry: Registry) -> None:
    assert await asked(registry.url, 99) is None


FAULTS: dict[str, tuple[Fault, str]] = {
    "a path that is no registry's": (answering(404, b"nothing"), r"no schema registry at this path \(404\)"),
    "a login that is refused": (answering(401), r"refused us \(401\): check user and password"),
    "a right that is missing": (answering(403), r"refused us \(403\)"),
    "an error of its own": (answering(500, b"{}"), "status 500"),
    "too many requests": (answering(429), "status 429"),
    "a page for people": (answering(200, b"<html>"), "no schema registry: check"),
    "another service's JSON": (answering(200, b'{"schema": 3}'), "no schema registry: check"),
    "references of another form": (
        answering(200, b'{"schema": "{}", "references": [{"subject": 1}]}'),
        "no schema registry: check",
    ),
    "a redirect": (answering(302, location="http://127.0.0.1:1/"), "sends us on to another address"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_anything_but_the_registry_s_own_no_may_pass_and_says_what_to_look_at(
    registry: Registry, name: str
) -> None:
    registry.fault, sentence = FAULTS[name]
    with pytest.raises(Unavailable, match=sentence):
        await asked(registry.url)


async def test_a_registry_that_is_not_there_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match="refused the connection"):
        await asked(f"http://127.0.0.1:{port}")


async def test_a_registry_that_says_nothing_is_given_up(registry: Registry) -> None:
    registry.fault = never
    with pytest.raises(Unavailable, match=r"within 0\.2 s"):
        await asked(registry.url, request_s=0.2)


async def test_an_answer_without_end_is_given_up(registry: Registry) -> None:
    registry.fault = answering(200, b" " * (client.MAX_RESPONSE_BYTES + 1))
    with pytest.raises(Unavailable, match="larger than any schema"):
        await asked(registry.url)


async def test_user_and_password_of_the_address_go_into_the_request_and_into_no_sentence(
    registry: Registry,
) -> None:
    registry.login = f"me:{PASSWORD}"
    address = registry.url.replace("//", "//me:p%2Fw%3Asecret@")
    assert await asked(address) is not None
    registry.fault = answering(500)
    with pytest.raises(Unavailable) as caught:
        await asked(address)
    assert "secret" not in f"{caught.value!r}{caught.value.__cause__!r}{caught.value.__context__!r}"
    assert set(registry.logins) == {basic(f"me:{PASSWORD}")}


async def test_the_password_does_not_follow_a_redirect(registry: Registry) -> None:
    async with a_registry() as elsewhere:
        registry.fault = answering(307, location=f"{elsewhere.url}/schemas/ids/1")
        with pytest.raises(Unavailable):
            await asked(registry.url.replace("//", "//me:secret@"))
        assert elsewhere.asked == []


async def test_a_renewed_password_is_used_at_the_next_request(registry: Registry) -> None:
    urls = iter(SecretStr(registry.url.replace("//", f"//me:{word}@")) for word in ("old", "new"))
    async with RegistryClient(lambda: next(urls)) as asking:
        await asking.schema(1)
        await asking.schema(1)
    assert registry.logins == [basic("me:old"), basic("me:new")]


# ------------------------------------------------------------------------------------------- the service


def kafka(registry: Registry) -> dict[str, Any]:
    return {"schema_registry_url": SecretStr(registry.url)}


async def test_avro_json_schema_and_plain_json_on_one_topic_are_labelled(
    embedded_broker: EmbeddedBroker, registry: Registry
) -> None:
    async with a_service(embedded_broker, kafka=kafka(registry)) as running:
        await running.put(framed(1, avro(1, "The app crashes")), framed(2, ticket(2, "The app hangs")))
        await running.put(ticket(3, "Please add dark mode"))
        header = [(HEADER, b"\1" + registry.guid(1).bytes)]
        await running.put(avro(4, "The app is slow"), headers=header)
        events = await running.events(4)
    assert ids(events) == {"A1": 1, "2": 1, "3": 1, "A4": 1}
    assert {event["status"] for event in events} == {"labelled"}
    assert {event["revision"] for event in events if event["ticket_id"] == "A1"} == {
        "2023-11-14T22:13:20+00:00"
    }


async def test_the_event_does_not_carry_the_header_that_names_the_ticket_s_schema(
    embedded_broker: EmbeddedBroker, registry: Registry
) -> None:
    async with a_service(embedded_broker, kafka=kafka(registry)) as running:
        header = (HEADER, b"\1" + registry.guid(1).bytes)
        await running.put(avro(1, "The app crashes"), headers=[header, ("team", b"emea")])
        [event] = await running.read(EVENTS, 1)
    names = {name for name, _ in event.headers}
    assert (HEADER in names, "team" in names) == (False, True)


async def test_a_registry_that_is_away_is_waited_for_and_no_ticket_is_a_dead_letter(
    embedded_broker: EmbeddedBroker, registry: Registry
) -> None:
    registry.fault = answering(503)
    async with a_service(embedded_broker, kafka=kafka(registry)) as running:
        await running.put(ticket(1, "The app crashes"), framed(1, avro(2, "The app hangs")))
        await until(lambda: fetches(running, "failed") >= 1)
        assert ids(await running.events(1)) == {"1": 1}
        await until(lambda: waiting(running) == 1)
        registry.fault = None
        assert ids(await running.events(2)) == {"1": 1, "A2": 1}
        assert measures.DEAD_LETTERS not in running.service.tally.counters
        await until(lambda: waiting(running) == 0)


async def test_what_cannot_be_read_goes_to_the_dead_letters_with_its_bytes_and_its_schema_s_id(
    embedded_broker: EmbeddedBroker, registry: Registry
) -> None:
    values = [framed(404, b"abc"), framed(1, b"\xff\xff"), framed(2, b"{")]
    async with a_service(embedded_broker, kafka=kafka(registry)) as running:
        await running.put(*values)
        records = await running.read(DEAD, 3)
    sentences = [dict(record.headers)["dlq.error"].decode() for record in records]
    assert [record.value for record in records] == values
    assert ["no schema 404" in sentences[0], "by schema 1" in sentences[1], "schema 2" in sentences[2]] == [
        True,
        True,
        True,
    ]
    assert {dict(record.headers)["dlq.reason"] for record in records} == {b"not_json"}


async def test_without_a_registry_the_dead_letter_names_the_setting(embedded_broker: EmbeddedBroker) -> None:
    async with a_service(embedded_broker) as running:
        await running.put(framed(1, avro(1, "The app crashes")))
        [record] = await running.read(DEAD, 1)
    assert b"kafka.schema_registry_url" in dict(record.headers)["dlq.error"]


def fetches(running: Running, outcome: str) -> float:
    return running.service.tally.counters.get(measures.SCHEMA_FETCHES, {}).get((outcome,), 0)


def waiting(running: Running) -> float:
    return running.service.tally.gauges[measures.PARTITIONS_PAUSED]()["schema",]
