"""Promise 4 on a real Kafka: each record's events are seen once, whatever becomes of who makes them."""

import asyncio
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition

from stream_classifier.core.finished_map import decode
from stream_classifier.kafka.transactional_producer import transactional_id
from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Event, Member
from tests.broker.stream import a_stream, ticket
from tests.brokers.kafka import Kafka
from tests.conftest import StartKafka
from tests.patience import until

QUICK = SimulatorOptions(latency_s=0.05)
SLOW = SimulatorOptions(latency_s=0.3)
EXACTLY_ONCE: dict[str, Any] = {"kafka__delivery": "exactly-once"}


def times(events: list[Event]) -> Counter[int]:
    """How often each ticket came out."""
    return Counter(int(event["ticket_id"]) for event in events)


def once(count: int) -> Counter[int]:
    return Counter(range(count))


def complaints(member: Member) -> list[Event]:
    """What only a fault of ours would log."""
    lines = [*member.logged("library"), *({"text": line["text"]} for line in member.log if "text" in line)]
    return [line for line in lines if "never retrieved" in str(line) or "Traceback" in str(line)]


async def test_a_kill_in_mid_flight_repeats_nothing_not_even_what_had_overtaken(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=2, provider=QUICK, **EXACTLY_ONCE
    ) as stream:
        numbers = range(1_500)
        await stream.put(ticket(n, priority="urgent" if n % 10 == 9 else "normal") for n in numbers)
        member = await stream.working_member()
        await stream.until_events(300)
        await member.kill()
        await stream.evict()  # its session would end by itself, six seconds later
        await stream.working_member()
        await stream.settled()
        came = times(await stream.events())
    assert came == once(1_500)


async def test_members_that_join_and_leave_lose_nothing_and_repeat_nothing(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=4, provider=SLOW, **EXACTLY_ONCE
    ) as stream:
        await stream.put(ticket(number) for number in range(800))
        first = await stream.working_member(llm__concurrency=4)
        await stream.until_events(100)
        second = await stream.member(llm__concurrency=4)
        await second.until_assigned(2)
        await stream.until_events(300)
        first.process.terminate()
        assert await first.exited() == 0
        await second.until_assigned(4)
        await stream.settled()
        assert times(await stream.events()) == once(800)
        for member in stream.members:
            assert not member.logged("producer_fenced")
            assert not complaints(member)


async def test_a_zombie_publishes_and_commits_nothing(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=2, batch__max_tickets=1, **EXACTLY_ONCE
    ) as stream:
        frozen, other = await stream.member(), await stream.member()
        await frozen.until_assigned(1)
        await other.until_assigned(1)
        stream.simulator.faults.arm("slow", delay_s=2, count=20)
        for partition in range(2):
            await stream.put((ticket(n) for n in range(partition, 20, 2)), partition=partition)
        await until(lambda: stream.simulator.stats.concurrent == 16)
        frozen.tell(signal.SIGSTOP)
        await other.until_assigned(2)
        await stream.settled()
        assignments = len(frozen.logged("partitions_assigned"))
        frozen.tell(signal.SIGCONT)
        await frozen.until_logged("session_lost")
        await frozen.until_assigned(1, after=assignments)
        await stream.put(ticket(number) for number in range(20, 40))
        await stream.settled()
        assert times(await stream.events()) == once(40)
        assert not complaints(frozen)


async def test_a_member_that_is_fenced_gives_its_partitions_up_and_joins_again(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK, **EXACTLY_ONCE) as stream:
        member = await stream.working_member()
        await stream.put(ticket(number) for number in range(50))
        await stream.settled()
        name = transactional_id(stream.name, TopicPartition(stream.tickets, 0))
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, transactional_id=name):
            await stream.put(ticket(number) for number in range(50, 100))
            await member.until_logged("producer_fenced")
        await member.until_logged("session_lost")
        await stream.settled()
        assert times(await stream.events()) == once(100)
        assert (await member.metrics())['transactions_total{outcome="fenced"}'] == 1
        assert not complaints(member)


async def test_a_member_that_was_thrown_out_publishes_nothing_of_it_and_joins_again(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, **EXACTLY_ONCE) as stream:
        stream.simulator.faults.arm("slow", delay_s=1)
        member = await stream.working_member()
        await stream.put(ticket(number) for number in range(30))
        await until(lambda: stream.simulator.stats.concurrent > 0)
        await stream.evict()
        await member.until_logged("session_lost")
        await stream.settled()
        assert times(await stream.events()) == once(30)
        assert not complaints(member)


async def test_tombstones_dead_letters_and_arrays_are_committed_with_the_rest(
    kafka: Kafka, tmp_path: Path
) -> None:
    array = orjson.dumps([orjson.loads(ticket(number)) for number in range(10, 15)])
    async with a_stream(kafka.bootstrap_servers, tmp_path, **EXACTLY_ONCE) as stream:
        member = await stream.working_member()
        await stream.put([b"no ticket"])
        await stream.put([None, ticket(0), None, array, ticket(1), None], key=b"key")
        await stream.settled()
        events, dead = await stream.events(), await stream.records(stream.dead_letters)
        assert times(events) == Counter([0, 1, *range(10, 15)])
        assert [record.value for record in dead] == [b"no ticket"]
        assert (await member.metrics())['transactions_total{outcome="committed"}'] > 0


async def test_the_events_of_an_array_are_in_one_transaction(kafka: Kafka, tmp_path: Path) -> None:
    array = orjson.dumps([orjson.loads(ticket(number)) for number in range(50)])
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=QUICK, **EXACTLY_ONCE) as stream:
        await stream.working_member()
        await stream.put([array])
        await stream.settled()
        records = await stream.records(stream.labels)
    offsets = [record.offset for record in records]
    assert len(offsets) == 50
    assert offsets == list(range(offsets[0], offsets[0] + 50))  # no marker stands between


async def test_an_event_that_is_too_large_is_shrunk_and_one_that_stays_so_is_a_dead_letter(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False, **EXACTLY_ONCE) as stream:
        await stream.create_topics(labels={"max.message.bytes": "2000"})
        member = await stream.working_member()
        await stream.put([ticket(0)])
        await stream.put([ticket(1)], headers=[("trace", b"x" * 3_000)])
        await stream.put([ticket(2)], key=b"k" * 3_000)
        await stream.put([ticket(3)])
        await stream.settled()
        records = await stream.records(stream.labels)
        events = [orjson.loads(record.value or b"") for record in records]
        [dead] = await stream.records(stream.dead_letters)
        assert {event["ticket_id"]: event["headers_dropped"] for event in events} == {
            "0": False,
            "1": True,
            "3": False,
        }
        assert dict(dead.headers)["dlq.reason"] == b"too_large"
        assert not complaints(member)


async def test_what_an_open_transaction_of_a_dead_owner_holds_is_neither_seen_nor_waited_for(
    kafka: Kafka, tmp_path: Path
) -> None:
    """The next owner ends it when it begins, long before the transaction's own time is over."""
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, kafka__transaction_timeout_s=600, **EXACTLY_ONCE
    ) as stream:
        name = transactional_id(stream.name, TopicPartition(stream.tickets, 0))
        dead = AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=name, transaction_timeout_ms=600_000
        )
        await dead.start()
        await dead.begin_transaction()
        await dead.send_and_wait(stream.labels, ticket(99, status="aborted"), partition=0)
        await dead.client.close()
        await stream.put([ticket(0)])
        await stream.working_member()
        await stream.settled()
        events = await stream.events()
        assert [event["status"] for event in events] == ["labelled"]
        dead._sender.sender_task.cancel()
        await dead.stop()


async def test_the_node_stops_and_comes_back_and_each_ticket_is_still_seen_once(
    start_kafka: StartKafka, tmp_path: Path
) -> None:
    kafka = await asyncio.to_thread(start_kafka)
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=2, provider=QUICK, **EXACTLY_ONCE
    ) as stream:
        await stream.put(ticket(number) for number in range(1_000))
        member = await stream.working_member(kafka__transaction_timeout_s=2)
        await stream.until_events(200)
        await asyncio.to_thread(kafka.nodes[0].process.kill)
        await member.until_logged("transaction_failed")
        assert (await member.get("/healthz")).status_code == 200
        await asyncio.to_thread(kafka.restart, kafka.nodes[0])
        await stream.settled()
        assert times(await stream.events()) == once(1_000)
        assert member.process.returncode is None
        assert not complaints(member)


async def test_an_urgent_ticket_is_published_before_the_bulk_ones_ahead_of_it_and_only_once(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, batch__max_tickets=1, **EXACTLY_ONCE) as stream:
        stream.simulator.faults.arm("hang", text="frozen")
        await stream.put([ticket(0, "frozen"), ticket(1, priority="urgent")])
        member = await stream.working_member()
        [event] = await stream.until_events(1)
        assert (event["ticket_id"], event["lane"]) == ("1", "urgent")
        commit = (await stream.committed())[0]
        assert (commit.offset, decode(stream.tickets, 0, commit.offset, commit.metadata)) == (0, ((1, 2),))
        await member.kill()
        await stream.evict()
        stream.simulator.faults.clear()
        await stream.working_member()
        await stream.settled()
        assert times(await stream.events()) == once(2)


async def test_members_that_are_killed_one_after_another_repeat_nothing(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, partitions=4, provider=QUICK, **EXACTLY_ONCE
    ) as stream:
        await stream.put(ticket(n, priority="urgent" if n % 7 == 0 else "normal") for n in range(2_000))
        members = [await stream.working_member() for _ in range(2)]
        for count, member in zip((200, 600), members, strict=True):
            await stream.until_events(count)
            await stream.member()
            await member.kill()
        await stream.settled()
        assert times(await stream.events()) == once(2_000)
