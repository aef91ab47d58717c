"""The start: what is waited for, what is refused with a sentence, and where reading begins."""

import asyncio
import socket
from collections import Counter
from pathlib import Path

from tests.broker.service_process import Member
from tests.broker.stream import a_stream, ticket
from tests.brokers.client import admin_of
from tests.brokers.kafka import Kafka
from tests.conftest import StartKafka


def told(member: Member) -> list[str]:
    """What it told a person: the lines that are no log."""
    return [line["text"] for line in member.log if "text" in line]


async def test_a_broker_that_comes_later_is_waited_for_with_a_line_a_try(
    start_kafka: StartKafka, tmp_path: Path
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.put([ticket(1)])
        await asyncio.to_thread(kafka.nodes[0].process.stop)
        member = await stream.member()
        await member.until_logged("waiting_for_kafka", times=2)
        assert {line["event"] for line in member.log} == {"service_starting", "waiting_for_kafka"}
        assert (await member.get("/healthz")).status_code == 200
        assert (await member.get("/readyz")).status_code == 503
        await asyncio.to_thread(kafka.restart, kafka.nodes[0])
        await stream.settled()
        assert [event["ticket_id"] for event in await stream.events()] == ["1"]


async def test_a_missing_topic_is_one_sentence_with_its_remedy_and_is_not_made_by_looking(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        member = await stream.member()
        assert await member.exited() == 1
        [sentence] = told(member)
        async with admin_of(kafka.bootstrap_servers) as admin:
            topics = await admin.list_topics()
        assert not {stream.tickets, stream.labels, stream.dead_letters} & set(topics)
    assert stream.tickets in sentence
    assert "stream-classifier topics --create" in sentence


async def test_a_wrong_configuration_ends_with_2_before_anything_is_tried(tmp_path: Path) -> None:
    async with a_stream("127.0.0.1:1", tmp_path, topics=False) as stream:
        member = await stream.member(kafka__drain_s=20)
        assert await member.exited() == 2
    assert not member.logged("service_starting")
    assert "kafka.drain_s" in "".join(told(member))


async def test_a_port_in_use_is_one_sentence_with_its_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with a_stream("127.0.0.1:1", tmp_path, topics=False) as stream:
            member = await stream.member(http__port=taken.getsockname()[1])
            assert await member.exited() == 1
    [sentence] = told(member)
    assert "http.port" in sentence


async def test_a_new_group_that_begins_at_the_latest_keeps_its_place_over_a_restart(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__auto_offset_reset="latest") as stream:
        await stream.put([ticket(1)])
        member = await stream.working_member()
        await stream.settled()  # nothing is labelled, and its place is committed all the same
        member.process.terminate()
        await member.exited()
        await stream.put([ticket(2)])
        await stream.working_member()
        await stream.settled()
        assert Counter(event["ticket_id"] for event in await stream.events()) == {"2": 1}
