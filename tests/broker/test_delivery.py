"""Promises 1 and 2 through crashes: nothing is lost, nothing passes a gap, and little comes twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import ProducerClosed

from stream_classifier.core.finished_map import decode
from stream_classifier.kafka.producer import Producer
from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Event
from tests.broker.stream import Stream, a_stream, read_to, ticket
from tests.brokers.client import admin_of, create_topic, end_offsets
from tests.brokers.kafka import Kafka
from tests.conftest import StartKafka
from tests.patience import until

QUICK = SimulatorOptions(latency_s=0.05)


def times(events: list[Event]) -> Counter[int]:
    """How often each ticket came out."""
    return Counter(int(event["ticket_id"]) for event in events)


def once(count: int) -> Counter[int]:
    return Counter(range(count))


@asynccontextmanager
async def a_frozen_text(kafka: Kafka, tmp_path: Path) -> AsyncIterator[Stream]:
    """Two hundred tickets of which all are labelled but the fiftieth, whose call hangs."""
    async with a_stream(kafka.bootstrap_servers, tmp_path, batch__max_tickets=1) as stream:
        stream.simulator.faults.arm("hang", text="frozen")
        texts = ["frozen" if number == 50 else None for number in range(200)]
        await stream.put(ticket(number, text) for number, text in enumerate(texts))
        await stream.working_member()
        await until(lambda: _is_mapped(stream))
        yield stream


async def test_a_kill_loses_nothing_and_repeats_only_what_was_not_yet_committed(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2, provider=QUICK) as stream:
        await stream.put(ticket(number) for number in range(1_500))
        member = await stream.working_member(kafka__commit_interval_s=0.5)
        await stream.until_events(300)
        await member.kill()
        not_committed = len(await stream.events()) - await stream.finished_by_commit()
        await stream.working_member()
        await stream.settled()
        came = times(await stream.events())
    assert came.keys() == once(1_500).keys()
    assert came.total() - 1_500 <= not_committed


async def test_a_commit_stands_before_the_one_that_is_not_done_and_maps_those_behind_it(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_frozen_text(kafka, tmp_path) as stream:
        commit = (await stream.committed())[0]
        assert commit.offset == 50
        assert decode(stream.tickets, 0, commit.offset, commit.metadata) == ((51, 200),)


async def test_what_was_finished_beyond_the_gap_is_not_labelled_again_after_a_kill(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_frozen_text(kafka, tmp_path) as stream:
        await stream.members[0].kill()
        await stream.evict()  # its session would end by itself, six seconds later
        stream.simulator.faults.clear()
        stream.simulator.stats.reset()
        await stream.working_member()
        await stream.settled()
        assert times(await stream.events()) == once(200)
        assert stream.tickets_asked == 1


async def test_the_node_stops_and_comes_back_and_the_service_goes_on_by_itself(
    start_kafka: StartKafka, tmp_path: Path
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK) as stream:
        await stream.put(ticket(number) for number in range(1_000))
        member = await stream.working_member()
        await stream.until_events(200)
        await asyncio.to_thread(kafka.nodes[0].process.kill)
        await member.until_logged("library")
        assert (await member.get("/healthz")).status_code == 200
        await asyncio.to_thread(kafka.restart, kafka.nodes[0])
        await stream.settled()
        came = times(await stream.events())
        assert member.process.returncode is None
    assert came == once(1_000)


async def test_what_was_given_up_while_the_node_was_away_is_not_sent_when_it_comes_back(
    start_kafka: StartKafka,
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    await create_topic(kafka.bootstrap_servers, "labels", 1)
    producer = Producer({"bootstrap_servers": kafka.bootstrap_servers})
    await producer.start(["labels"])
    await asyncio.to_thread(kafka.nodes[0].process.kill)
    sending = asyncio.create_task(producer.send("labels", 0, [(None, b"given up", [])]))
    await asyncio.wait([sending], timeout=1)
    producer.abandon()
    with pytest.raises(ProducerClosed):
        await sending
    await asyncio.to_thread(kafka.restart, kafka.nodes[0])
    await producer.send("labels", 0, [(None, b"sent", [])])
    await producer.stop()
    assert [r.value for r in await read_to(kafka.bootstrap_servers, "labels", [1])] == [b"sent"]
    assert await end_offsets(kafka.bootstrap_servers, "labels", 1) == [1]


async def test_offsets_with_holes_are_committed_past_and_aborted_records_are_not_labelled(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=stream.name
        ) as producer:
            for number, end in enumerate((producer.commit_transaction, producer.abort_transaction) * 3):
                await producer.begin_transaction()
                await producer.send_and_wait(stream.tickets, ticket(number))
                await end()
        await stream.put([ticket(6)])
        await stream.working_member()
        await stream.settled()
        assert times(await stream.events()) == Counter([0, 2, 4, 6])


async def test_a_commit_that_retention_has_overtaken_goes_on_at_the_first_record_that_is_left(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.put(ticket(number) for number in range(10))
        member = await stream.working_member()
        await stream.settled()
        member.process.terminate()
        await member.exited()
        await stream.put(ticket(number) for number in range(10, 20))
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_records({TopicPartition(stream.tickets, 0): RecordsToDelete(15)})
        restarted = await stream.working_member(kafka__auto_offset_reset="latest")
        await stream.settled()
        assert times(await stream.events()) == Counter([*range(10), *range(15, 20)])
        [told] = restarted.logged("offset_out_of_range")
        assert (told["why"], told["start"]) == ("expired", 15)


async def _is_mapped(stream: Stream) -> bool:
    commit = (await stream.committed())[0]
    return decode(stream.tickets, 0, commit.offset, commit.metadata) == ((51, 200),)
