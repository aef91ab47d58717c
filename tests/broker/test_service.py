"""The service from the outside, when all goes well: what comes in, what goes out, what it tells of itself."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.service_process import Event
from tests.broker.stream import a_stream, ticket
from tests.brokers.client import end_offsets
from tests.brokers.kafka import Kafka
from tests.patience import until


def ids(events: Iterable[Event]) -> list[int]:
    return sorted(int(event["ticket_id"]) for event in events)


async def test_every_ticket_comes_out_labelled_once(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=3) as stream:
        await stream.put(ticket(number) for number in range(300))
        await stream.working_member()
        await stream.settled()
        events = await stream.events()
    assert ids(events) == list(range(300))
    assert Counter(event["status"] for event in events) == {"labelled": 300}


async def test_an_idle_group_has_committed_to_the_end(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=3) as stream:
        member = await stream.working_member()
        await stream.put([ticket(1), b"not a ticket", None, ticket(2), None], partition=1, key=b"4711")
        await stream.settled()
        committed = await stream.committed()
        await member.until_metric('lag_records{partition="1"}', lambda lag: lag == 0)
    assert [committed[number] for number in range(3)] == [(0, ""), (5, ""), (0, "")]


async def test_a_dead_letter_carries_its_bytes_untouched_and_says_why(kafka: Kafka, tmp_path: Path) -> None:
    value, headers = b"\xff\x00 no ticket \xfe", [("trace", b"\x01"), ("trace", b"\x02")]
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.working_member()
        await stream.put([ticket(1)])
        await stream.put([value], key=b"k\xff", headers=headers)
        await stream.settled()
        [dead] = await stream.records(stream.dead_letters)
        tickets = stream.tickets
    assert (dead.key, dead.value, list(dead.headers)[:2]) == (b"k\xff", value, headers)
    told = dict(list(dead.headers)[2:])
    assert told.keys() == {
        f"dlq.{name}" for name in ("reason", "error", "topic", "partition", "offset", "failed_at")
    }
    assert (told["dlq.reason"], told["dlq.topic"]) == (b"not_json", tickets.encode())
    assert (told["dlq.partition"], told["dlq.offset"]) == (b"0", b"1")


async def test_a_tombstone_passes_over_and_is_counted(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await stream.put([None, ticket(1), None], key=b"4711")
        await stream.settled()
        assert ids(await stream.events()) == [1]
        await member.until_metric('records_passed_over_total{rule="tombstone"}', lambda n: n == 2)


async def test_an_event_keeps_its_key_and_the_partition_of_its_ticket(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=4) as stream:
        await stream.working_member()
        for partition in range(4):
            await stream.put([ticket(partition)], partition=partition, key=b"the same")
        await stream.settled()
        records = await stream.records(stream.labels)
    assert [(r.key, r.partition, int(orjson.loads(r.value or b"")["ticket_id"])) for r in records] == [
        (b"the same", partition, partition) for partition in range(4)
    ]


async def test_events_of_a_key_leave_in_the_order_of_their_tickets(kafka: Kafka, tmp_path: Path) -> None:
    slow_and_uneven = SimulatorOptions(latency_s=0.05, jitter=1.0)
    async with a_stream(
        kafka.bootstrap_servers, tmp_path, provider=slow_and_uneven, batch__max_tickets=2
    ) as stream:
        await stream.working_member()
        for number in range(0, 200, 10):
            await stream.put((ticket(n) for n in range(number, number + 10)), key=str(number % 30).encode())
        await stream.settled()
        records = await stream.records(stream.labels)
    by_key: dict[bytes | None, list[int]] = {}
    for record in records:
        by_key.setdefault(record.key, []).append(int(orjson.loads(record.value or b"")["ticket_id"]))
    assert len(records) == 200
    assert all(order == sorted(order) for order in by_key.values())


async def test_an_urgent_ticket_behind_ten_thousand_is_answered_at_once(kafka: Kafka, tmp_path: Path) -> None:
    slow = SimulatorOptions(latency_s=0.5)
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=slow) as stream:
        await stream.put(ticket(number) for number in range(10_000))
        member = await stream.working_member()
        await stream.put([ticket(10_000, priority="urgent")])
        line = await member.until_logged("urgent_ticket", ticket_id="10000")
        assert (
            line["latency_ms"] < 5_000
        )  # reading ten thousand takes a second or two; labelling them minutes
        row = 'events_total{decided_by="llm",lane="bulk",reason="",status="labelled"}'
        labelled = (await member.metrics())[row]
        assert labelled < 2_000


async def test_the_probes_tell_what_is_so(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        assert (await member.get("/healthz")).status_code == 200
        assert (await member.get("/readyz")).status_code == 200
        stream.simulator.faults.arm("hang")
        await stream.put([ticket(1)])
        await until(lambda: stream.simulator.stats.concurrent == 1)
        member.process.terminate()
        await member.until_logged("service_stopping")
        assert (await member.get("/healthz")).status_code == 200
        assert (await member.get("/readyz")).status_code == 503


async def test_the_metrics_add_up_to_what_is_on_the_topics(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        member = await stream.working_member()
        await stream.put(ticket(number % 40) for number in range(60))
        await stream.put([b"none", None], key=b"4711")
        await stream.settled()
        told = await member.metrics()
        labels = sum(await end_offsets(stream.bootstrap_servers, stream.labels, 2))
        acknowledged = f'acknowledged_total{{topic="{stream.labels}"}}'
        committed = await stream.committed()
    events = sum(value for name, value in told.items() if name.startswith("events_total"))
    assert (told["records_total"], events, labels, told[acknowledged]) == (62, 60, 60, 60)
    assert told['dead_letters_total{reason="not_json"}'] == 1
    assert (told["in_flight_tickets"], told["partitions_owned"]) == (0, 2)
    for number in range(2):
        assert told[f'committed_offset{{partition="{number}"}}'] == committed[number].offset


@pytest.mark.parametrize("topic", ["labels", "dead_letters"])
async def test_an_output_that_is_too_large_is_made_smaller_and_the_stream_goes_on(
    kafka: Kafka, tmp_path: Path, topic: str
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        await stream.create_topics(**{topic: {"max.message.bytes": "2000"}})
        member = await stream.working_member()
        large = [("trace", b"x" * 3_000)]
        await stream.put([ticket(1)])
        await stream.put([ticket(2), b"no ticket" * 500], headers=large)
        await stream.put([ticket(3), b"no ticket"])
        await stream.settled()
        events = await stream.events()
        dead = await stream.records(stream.dead_letters)
        assert not member.logged("library", level="error")
    assert ids(events) == [1, 2, 3]
    assert [event["ticket_id"] for event in events if event["headers_dropped"]] == ["2"] * (topic == "labels")
    omitted = ("dlq.value_omitted", b"true")
    assert [(omitted in record.headers, record.value is None) for record in dead] == [
        (topic == "dead_letters", topic == "dead_letters"),
        (False, False),
    ]
