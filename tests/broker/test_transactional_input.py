"""Tickets that were written in transactions: what stands behind the last record is never delivered."""

from collections import Counter
from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.client import end_offsets
from tests.brokers.kafka import Kafka


async def ends(stream: Stream) -> list[int]:
    return await end_offsets(stream.bootstrap_servers, stream.tickets, stream.partitions)


async def test_the_commit_goes_over_the_markers_at_the_end_and_no_lag_is_left(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=stream.name
        ) as producer:
            async with producer.transaction():
                for number in range(3):
                    await producer.send(stream.tickets, ticket(number))
            await stream.settled()
            await producer.begin_transaction()
            await producer.send_and_wait(stream.tickets, ticket(3))
            await producer.abort_transaction()
        await stream.settled()  # over the record that was taken back, with nothing to label
        assert (await stream.committed())[0].offset == (await ends(stream))[0] == 6
        await member.until_metric('lag_records{partition="0"}', lambda lag: lag == 0)
        assert Counter(int(event["ticket_id"]) for event in await stream.events()) == Counter(range(3))


async def test_a_restart_behind_the_markers_reads_on_and_labels_each_once(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=stream.name
        ) as producer:
            for number in range(6):
                async with producer.transaction():
                    await producer.send(stream.tickets, ticket(number))
                if number == 2:
                    first = await stream.working_member()
                    await stream.settled()
                    await first.kill()
        second = await stream.working_member()
        await stream.settled()
        assert not second.logged("offset_out_of_range")
        assert Counter(int(event["ticket_id"]) for event in await stream.events()) == Counter(range(6))
