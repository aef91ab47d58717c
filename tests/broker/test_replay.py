"""`replay` on a real Apache Kafka: sent through again, once each, in order, through whatever ends it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from confluent_kafka.admin import AclOperation, ResourceType

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.replay import Offsets, Origin, Selection
from stream_classifier.kafka.replaying import Account, Replay
from stream_classifier.lab.simulator import ArmedFault, SimulatorOptions
from stream_classifier.settings import load
from tests.broker.service_process import Member
from tests.broker.stream import Record, Stream, a_stream, ticket
from tests.brokers.client import admin_of, end_offsets
from tests.brokers.kafka import Kafka
from tests.brokers.secured import MAY_LITTLE, SecuredKafka
from tests.patience import PATIENCE_S, until

MANY = 3_000
KILLS = 3
FROM_MS, MINUTE_MS = 1_767_225_600_000, 60_000


async def replayed(
    stream: Stream,
    origin: Origin = Origin.DEAD_LETTERS,
    *,
    force: bool = False,
    dry: bool = False,
    settings: Mapping[str, Any] = MappingProxyType({}),
    **selected: Any,
) -> Account:
    """What comes of a replay."""
    loaded = load(stream.config_file(f"{stream.name}-replay", 1, **settings), os.environ)
    digest = loaded.taxonomy.digest if origin is Origin.LABELS else None
    selection = Selection(origin=origin, taxonomy_digest=digest, **selected)
    replay = Replay(loaded.kafka, selection, force=force, dry=dry)
    async with asyncio.timeout(PATIENCE_S):
        await replay.run()
    return replay.account


async def begun(stream: Stream, *arguments: str) -> asyncio.subprocess.Process:
    """The command, under way."""
    config = stream.config_file(f"{stream.name}-replay", 1)
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream_classifier", "replay", "--config", str(config), *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"NO_COLOR": "1"},
    )


async def ended(member: Member) -> None:
    """It ends in good order, so that the next one need not wait for its session to end."""
    member.tell(signal.SIGTERM)
    assert await member.exited() == 0


async def dead_letters(stream: Stream, count: int) -> Sequence[Record]:
    """Wait for so many."""

    async def there() -> bool:
        return len(await stream.records(stream.dead_letters)) >= count

    await until(there)
    return await stream.records(stream.dead_letters)


def own(record: Record) -> list[tuple[str, bytes]]:
    """The headers that a replay adds."""
    return [header for header in record.headers if header[0].startswith("replay.")]


async def test_dead_letters_come_back_with_key_value_and_own_headers_and_once_each(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        await stream.working_member()
        await stream.put([b"one", b"two"], partition=1, key=b"k", headers=[("h", b"1")])
        await dead_letters(stream, 2)
        assert (await replayed(stream)).sent == 2
        again = [record for record in await stream.records(stream.tickets) if own(record)]
        assert [(r.partition, r.key, r.value) for r in again] == [(1, b"k", b"one"), (1, b"k", b"two")]
        assert list(again[0].headers) == [
            ("h", b"1"),
            ("replay.of", f"{stream.tickets}:1:0".encode()),
            ("replay.trips", b"1"),
        ]


async def test_the_same_command_sends_nothing_twice_and_takes_what_came_since(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await stream.put([b"one"])
        await dead_letters(stream, 1)
        await ended(member)
        assert (await replayed(stream)).sent == 1
        assert (await replayed(stream)).sent == 0
        await stream.working_member()
        second = (await dead_letters(stream, 2))[-1]
        assert dict(second.headers)["replay.trips"] == b"1"
        assert (await replayed(stream)).sent == 1


async def test_a_dry_run_writes_nothing_and_remembers_nothing(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.working_member()
        await stream.put([b"one", b"{}", b"[]"])
        await dead_letters(stream, 3)
        for _ in range(2):
            assert (await replayed(stream, dry=True)).reasons == {"not_a_ticket": 2, "not_json": 1}
        assert await end_offsets(kafka.bootstrap_servers, stream.tickets, 1) == [3]


async def test_what_failed_three_times_is_left_unless_it_is_named_and_forced(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        await stream.working_member()
        await stream.put([b"one"])
        for trips in range(1, 4):
            await dead_letters(stream, trips)
            assert (await replayed(stream)).sent == 1
        await dead_letters(stream, 4)
        left = await replayed(stream)
        assert (left.sent, left.worn) == (0, 1)
        assert left.worn_places == [f"{stream.dead_letters}:0:3"]
        named = (Offsets(0, 3, 3),)
        assert (await replayed(stream, offsets=named, force=True)).sent == 1
        assert dict((await dead_letters(stream, 5))[-1].headers)["replay.trips"] == b"4"


async def test_reviews_are_read_again_from_their_source_and_the_new_event_names_the_first(
    kafka: Kafka, tmp_path: Path
) -> None:
    unsure = SimulatorOptions(faults=(ArmedFault(name="unsure", text="button 1"),))
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=unsure) as stream:
        await stream.working_member()
        await stream.put([ticket(1), ticket(2)])
        events = await stream.until_events(2)
        [review] = [event for event in events if event["status"] == "needs_review"]
        stream.simulator.faults.clear()
        assert (await replayed(stream, Origin.REVIEWS, reasons=frozenset({"unsure"}))).sent == 1
        renewed = (await stream.until_events(3))[-1]
        assert (renewed["ticket_id"], renewed["relabel_of"]) == ("1", review["event_id"])
        assert renewed["event_id"] != review["event_id"]


async def test_an_arrays_tickets_send_their_record_once_and_each_new_event_names_its_own(
    kafka: Kafka, tmp_path: Path
) -> None:
    unsure = SimulatorOptions(faults=(ArmedFault(name="unsure", amount=9),))
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=unsure) as stream:
        await stream.working_member()
        await stream.put([orjson.dumps([{"id": number, "body": f"text {number}"} for number in range(3)])])
        await stream.until_events(3)
        account = await replayed(stream, Origin.REVIEWS)
        assert (account.sent, account.repeated) == (1, 2)
        events = (await stream.until_events(6))[3:]
        assert [event["relabel_of"] for event in events] == [f"{stream.tickets}:0:0#{n}" for n in range(3)]


async def test_labels_of_an_older_taxonomy_are_asked_by_the_new_one(kafka: Kafka, tmp_path: Path) -> None:
    newer = {"taxonomy": {"labels": ["broken", "wish"]}}
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        member = await stream.working_member()
        await stream.put([ticket(1), ticket(2)])
        await stream.until_events(2)
        assert (await replayed(stream, Origin.LABELS)).sent == 0
        await ended(member)
        assert (await replayed(stream, Origin.LABELS, settings=newer)).sent == 2
        await stream.working_member(**newer)
        events = (await stream.until_events(4))[2:]
        assert {event["label"] for event in events} <= {"broken", "wish"}
        assert [event["relabel_of"] for event in events] == [f"{stream.tickets}:0:{n}" for n in range(2)]
        assert (await replayed(stream, Origin.LABELS, settings=newer)).sent == 0


async def test_what_retention_removed_is_named_and_the_others_are_sent(kafka: Kafka, tmp_path: Path) -> None:
    unsure = SimulatorOptions(faults=(ArmedFault(name="unsure", amount=9),))
    async with a_stream(kafka.bootstrap_servers, tmp_path, provider=unsure) as stream:
        await stream.working_member()
        await stream.put(map(ticket, range(4)))
        await stream.until_events(4)
        async with admin_of(kafka.bootstrap_servers) as admin:
            await admin.delete_records({TopicPartition(stream.tickets, 0): RecordsToDelete(3)})
        account = await replayed(stream, Origin.REVIEWS)
        assert (account.sent, account.gone, account.left) == (1, 3, 3)
        assert sorted(account.gone_places) == [f"{stream.tickets}:0:{offset}" for offset in range(3)]


async def test_offsets_and_times_choose_what_is_sent(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path) as stream:
        headers = [("dlq.reason", b"not_json"), ("dlq.topic", stream.tickets.encode())]
        headers += [("dlq.partition", b"0")]
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
            for offset in range(5):
                await producer.send_and_wait(
                    stream.dead_letters,
                    b"%d" % offset,
                    headers=[*headers, ("dlq.offset", b"%d" % offset)],
                    timestamp_ms=FROM_MS + offset * MINUTE_MS,
                )

        async def chosen(**selected: Any) -> int:
            return (await replayed(stream, dry=True, **selected)).sent

        assert await chosen(offsets=(Offsets(0, 1, 3),)) == 3
        assert await chosen(offsets=(Offsets(0, 4, 4), Offsets(0, 0, 0))) == 2
        assert await chosen(offsets=(Offsets(0, 2, 2**63 - 1),)) == 3
        assert await chosen(offsets=(Offsets(1, 0, 9),)) == 0
        assert await chosen(since_ms=FROM_MS + 2 * MINUTE_MS) == 3
        assert await chosen(since_ms=FROM_MS + MINUTE_MS, until_ms=FROM_MS + 3 * MINUTE_MS) == 2
        assert await chosen(since_ms=FROM_MS + 9 * MINUTE_MS) == 0
        assert await chosen(reasons=frozenset({"too_large"})) == 0


async def fill(stream: Stream, count: int) -> None:
    """Dead letters as the service writes them, of records with a key each ten."""
    async with AIOKafkaProducer(bootstrap_servers=stream.bootstrap_servers, linger_ms=5) as producer:
        sent = []
        for number in range(count):
            place = {"topic": stream.tickets, "partition": number % 2, "offset": number}
            described = {"reason": "not_json", **place}
            headers = [(f"dlq.{name}", str(value).encode()) for name, value in described.items()]
            sent.append(
                await producer.send(
                    stream.dead_letters,
                    b"%d" % number,
                    key=b"%d" % (number % 20),
                    partition=number % 2,
                    headers=headers,
                )
            )
        await asyncio.gather(*sent)


async def test_killed_at_any_moment_and_given_again_it_sends_each_once_and_in_the_order_of_its_key(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        await fill(stream, MANY)
        for kill in range(1, KILLS + 1):
            process = await begun(stream, "--from", "dead-letters")
            await until(partial(_more_than, stream, MANY * kill // (2 * KILLS)))
            process.kill()
            await process.communicate()
        last = await replayed(stream)
        records = await stream.records(stream.tickets)
        assert 0 < last.sent < MANY  # else no kill was in the middle
        assert sorted(int(record.value or b"") for record in records) == list(range(MANY))
        for partition in range(2):
            numbers = [int(r.value or b"") for r in records if r.partition == partition]
            assert numbers == list(range(partition, MANY, 2))


async def _more_than(stream: Stream, count: int) -> bool:
    return sum(await end_offsets(stream.bootstrap_servers, stream.tickets, stream.partitions)) > count


async def test_a_right_that_is_missing_is_named(secured: SecuredKafka, tmp_path: Path) -> None:
    login = secured.login(user=MAY_LITTLE)
    async with a_stream(secured.bootstrap_servers, tmp_path, **login) as stream:
        names = stream.tickets, stream.dead_letters
        read = [(ResourceType.TOPIC, name, AclOperation.READ) for name in names]
        await asyncio.to_thread(secured.grant, read)
        process = await begun(stream, "--from", "dead-letters")
        _, err = await process.communicate()
    assert process.returncode == 1
    told = err.decode()
    assert told.startswith("error: User:bob lacks rights at ")
    assert f"grant WRITE on topic {stream.tickets}, READ on group {stream.name}-replay-" in told


async def test_missing_topics_are_named(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, topics=False) as stream:
        with pytest.raises(OperatorFault, match=f"Topics {stream.dead_letters}, {stream.tickets} do not"):
            await replayed(stream)


async def test_a_second_replay_of_the_same_selection_ends_the_first(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, partitions=2) as stream:
        await fill(stream, MANY)
        first = asyncio.create_task(replayed(stream))
        await until(partial(_more_than, stream, MANY // 10))
        await replayed(stream)
        with pytest.raises(OperatorFault, match="Another replay of the same selection"):
            await first
        values = [int(record.value or b"") for record in await stream.records(stream.tickets)]
        assert sorted(values) == list(range(MANY))
