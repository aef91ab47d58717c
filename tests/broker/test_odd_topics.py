"""Topics that are not as one would have them: gaps, markers, sizes, partitions that come, topics that go."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from tests.broker.service_process import Event
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.client import admin_of, create_topic, end_offsets
from tests.brokers.kafka import Kafka
from tests.brokers.raw_batch import NO_TEXT_READ, STAND_IN, put_raw, raw_batch
from tests.patience import until

MB = 1_000_000
AT_ONCE = {  # a compacted topic whose records are cleaned as soon as the broker's cleaner looks
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.001",
    "segment.ms": "100",
    "delete.retention.ms": "100",
}


def times(events: Iterable[Event]) -> Counter[int]:
    """How often each ticket came out."""
    return Counter(int(event["ticket_id"]) for event in events)


async def write_transactions(stream: Stream, tickets: Sequence[Sequence[int]]) -> None:
    """Each inner sequence in a transaction of its own, the odd ones aborted."""
    async with AIOKafkaProducer(
        bootstrap_servers=stream.bootstrap_servers, transactional_id=stream.name
    ) as producer:
        for turn, numbers in enumerate(tickets):
            await producer.begin_transaction()
            for number in numbers:
                await producer.send_and_wait(stream.tickets, ticket(number))
            await (producer.abort_transaction() if turn % 2 else producer.commit_transaction())


async def test_a_compacted_input_is_read_over_its_gaps_to_its_end(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await stream.create_topics(tickets=AT_ONCE)
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
            for number in range(600):
                await producer.send(stream.tickets, ticket(number % 30), key=b"%d" % (number % 10))
            await producer.send(stream.tickets, None, key=b"0")

        async def is_compacted() -> bool:
            await stream.put([ticket(1000)], key=b"last")  # what is in the newest segment stays
            return len(await stream.records(stream.tickets)) < 100

        await until(is_compacted)
        member = await stream.working_member()
        await stream.settled()
        await member.until_metric('lag_records{partition="0"}', lambda lag: lag == 0)
        labelled = {event["source"]["offset"] for event in await stream.events()}
        left = await stream.records(stream.tickets)  # the cleaner may have gone on meanwhile
    assert len(left) < left[-1].offset  # there are gaps
    assert {record.offset for record in left if record.value is not None} <= labelled


@pytest.mark.parametrize("ends", ["committed", "aborted"])
async def test_a_transaction_at_the_end_leaves_no_lag(kafka: Kafka, tmp_path: Path, ends: str) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        written = [[1, 2], [3], [4]] + [[5, 6]] * (ends == "aborted")
        await write_transactions(stream, written)
        member = await stream.working_member()
        await stream.settled()
        await member.until_metric('lag_records{partition="0"}', lambda lag: lag == 0)
        assert times(await stream.events()) == Counter([1, 2, 4])


async def test_partitions_that_are_added_while_running_are_read_from_their_start(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__auto_offset_reset="latest") as stream:
        member = await stream.working_member()
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.create_partitions({stream.tickets: NewPartitions(3)})
        await stream.put([ticket(2)], partition=2)
        await member.until_assigned(3)
        await stream.put([ticket(1)], partition=1)
        events = await stream.until_events(2)
    assert times(events) == Counter([1, 2])


async def test_records_that_retention_removes_before_they_were_read_do_not_stop_it(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__max_in_flight_tickets=200) as stream:
        stream.simulator.faults.arm("slow", delay_s=2, count=8)
        await stream.put(ticket(number) for number in range(3_000))
        member = await stream.working_member()
        await member.until_metric('partitions_paused{reason="bounds"}', lambda paused: paused == 1)
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_records({TopicPartition(stream.tickets, 0): RecordsToDelete(2_900)})
        await stream.settled()
        came = times(await stream.events())
    assert set(range(2_900, 3_000)) <= came.keys()
    assert came.total() == len(came)


@pytest.mark.parametrize("room", [1 * MB, 10 * MB], ids=["too small a topic for it", "a topic with room"])
async def test_a_record_of_the_largest_size_becomes_a_dead_letter_and_holds_nothing_up(
    kafka: Kafka, tmp_path: Path, room: int
) -> None:
    """Larger, too, than what the client fetches at once, of a partition and of all."""
    value = b"x" * (9 * MB)
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        limits = {"tickets": 10 * MB, "labels": MB, "dead_letters": room}
        await stream.create_topics(
            **{name: {"max.message.bytes": str(most)} for name, most in limits.items()}
        )
        await stream.put([ticket(1), value, ticket(2)])
        await stream.working_member()
        await stream.settled()
        events = await stream.events()
        [dead] = await stream.records(stream.dead_letters)
    assert times(events) == Counter([1, 2])
    assert dict(dead.headers)["dlq.reason"] == b"too_large"
    assert dead.value == (value if room > len(value) else None)


async def test_a_ticket_of_five_megabytes_is_labelled_where_the_settings_allow_it(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False, ticket__max_bytes=6 * MB) as stream:
        await stream.create_topics(tickets={"max.message.bytes": str(6 * MB)})
        await stream.put([ticket(1), ticket(2, "help " * MB), ticket(3)])
        await stream.working_member()
        await stream.settled()
        assert times(await stream.events()) == Counter([1, 2, 3])


async def test_an_event_for_which_the_topic_has_no_room_at_all_becomes_a_dead_letter(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await stream.create_topics(labels={"max.message.bytes": "300"})
        await stream.put([ticket(1), ticket(2)])
        member = await stream.working_member()
        await stream.settled()
        dead = await stream.records(stream.dead_letters)
        assert len(member.logged("event_too_large")) == 2
    assert [dict(record.headers)["dlq.reason"] for record in dead] == [b"too_large"] * 2


async def test_published_topics_may_have_other_numbers_of_partitions(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        for name, partitions in ((stream.tickets, 4), (stream.labels, 3), (stream.dead_letters, 1)):
            await create_topic(kafka.bootstrap_servers, name, partitions)
        keys = [b"%d" % number for number in range(20)]
        for number, key in enumerate(keys):
            await stream.put([ticket(number), ticket(100 + number), b"no ticket"], key=key)
        stream.partitions = 4
        await stream.working_member()
        await stream.settled()
        stream.partitions = 3
        records = await stream.records(stream.labels)
        assert sum(await end_offsets(kafka.bootstrap_servers, stream.dead_letters, 1)) == 20
    lies_in = {key: {record.partition for record in records if record.key == key} for key in keys}
    assert len(records) == 40
    assert all(len(partitions) == 1 for partitions in lies_in.values())
    assert set.union(*lies_in.values()) == {0, 1, 2}


async def test_a_compacted_output_takes_no_event_without_a_key_and_the_sentence_says_so(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await stream.create_topics(labels={"cleanup.policy": "compact"})
        member = await stream.working_member()
        await stream.put([ticket(1)], key=b"4711")
        await stream.settled()
        await stream.put([ticket(2)])
        assert await member.exited() == 1
        [sentence] = [line["text"] for line in member.log if "text" in line]
        assert (await stream.committed())[0].offset == 1
    assert stream.labels in sentence
    assert "cleanup.policy" in sentence


async def test_an_input_that_is_deleted_is_not_made_by_us_and_is_read_again_when_it_is_there(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.put([ticket(1), ticket(2)])
        member = await stream.working_member()
        await stream.settled()
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_topics([stream.tickets])
            await member.until_logged("input_topic_missing")
            assert stream.tickets not in await admin.list_topics()
        assert (await member.get("/healthz")).status_code == 200
        await create_topic(kafka.bootstrap_servers, stream.tickets, 1)
        await stream.put([ticket(3)])
        events = await stream.until_events(3)
        await stream.settled()
    assert times(events) == Counter([1, 2, 3])


async def test_an_output_that_is_deleted_is_waited_for(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await stream.put([ticket(1)])
        await stream.settled()
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_topics([stream.labels])
            await stream.put([ticket(2)])
            await member.until_logged("publish_failed")
            assert stream.labels not in await admin.list_topics()
        assert (await stream.committed())[0].offset == 1
        await create_topic(kafka.bootstrap_servers, stream.labels, 1)
        await stream.settled()
        assert times(await stream.events()) == Counter([2])


@pytest.mark.parametrize(
    ("delivery", "line"), [("at-least-once", "publish_failed"), ("exactly-once", "transaction_failed")]
)
async def test_a_dead_letter_topic_that_is_deleted_is_waited_for_and_nothing_is_dropped(
    kafka: Kafka, tmp_path: Path, delivery: str, line: str
) -> None:
    """Tickets behind the dead letter are labelled meanwhile, as far as a transaction need not hold both."""
    async with a_stream(kafka.bootstrap_servers, tmp_path, kafka__delivery=delivery) as stream:
        member = await stream.working_member()
        await stream.put([ticket(1), b"dead before"], key=b"k")
        await stream.settled()
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_topics([stream.dead_letters])
            await stream.put([b"not a ticket", ticket(2)], key=b"k", headers=[("trace", b"7")])
            await member.until_logged(line)
            assert stream.dead_letters not in await admin.list_topics()
        assert (await stream.committed())[0].offset == 2
        assert (await member.get("/healthz")).status_code == 200
        await create_topic(kafka.bootstrap_servers, stream.dead_letters, 1)
        await stream.settled()
        [dead] = await stream.records(stream.dead_letters)
        assert times(await stream.events()) == Counter([1, 2])
    assert (dead.key, dead.value, dead.headers[0]) == (b"k", b"not a ticket", ("trace", b"7"))
    assert "stream-classifier topics" in member.logged(line)[0]["remedy"]


async def test_a_header_whose_name_is_no_text_holds_nothing_up(kafka: Kafka, tmp_path: Path) -> None:
    """Written by another client: ours can write no such name."""
    bad = [(STAND_IN, b"\xff")]
    batch = raw_batch((ticket(1), bad), (ticket(2), ()), (b"no ticket", bad), compress=True)
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await put_raw(kafka.bootstrap_servers, stream.tickets, batch)
        await stream.put([ticket(3)])
        await stream.working_member()
        await stream.settled()
        assert times(await stream.events()) == Counter([1, 2, 3])
        labelled = await stream.records(stream.labels)
        [dead] = await stream.records(stream.dead_letters)
    assert [(NO_TEXT_READ, b"\xff") in record.headers for record in labelled].count(True) == 1
    assert (dead.value, dead.headers[0]) == (b"no ticket", (NO_TEXT_READ, b"\xff"))


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_records_that_their_producer_compressed_are_read(
    kafka: Kafka, tmp_path: Path, codec: str
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, compression_type=codec
        ) as producer:
            for number in range(50):
                await producer.send(stream.tickets, ticket(number))
        await stream.member()
        await stream.settled()
        assert times(await stream.events()) == Counter(range(50))
