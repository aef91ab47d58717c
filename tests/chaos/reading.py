"""The facts, taken from where they are told: the topics, Kafka's log of commits, the replicas' logs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import orjson

from stream_classifier.core.finished_map import decode
from tests.broker.stream import Record, Stream, read_to
from tests.brokers.client import end_offsets
from tests.chaos.commit_log import COMMITS_TOPIC, read_key, read_value
from tests.chaos.history import Commit, Input, Output, Owned, Place, Source
from tests.chaos.tickets import expected

READ_WAIT_S = 120.0  # an hour's records take half a minute
POLL_MS = 200
COMMITS_PARTITIONS = 4  # as the tests' cluster is set


async def committed_records(bootstrap_servers: str, topic: str, partitions: int) -> list[Record]:
    """Every record of the topic, as a `read_committed` consumer sees them, in the order of its partitions.

    Raises TimeoutError where the end cannot be reached: a transaction is left open.
    """
    ends = await end_offsets(bootstrap_servers, topic, partitions)
    return await read_to(bootstrap_servers, topic, ends, READ_WAIT_S)


async def read_inputs(stream: Stream) -> Mapping[Place, Input]:
    """What came in."""
    records = await committed_records(stream.bootstrap_servers, stream.tickets, stream.partitions)
    return {
        Place(record.partition, record.offset): Input(
            at_ms=record.timestamp, key=record.key, expected=expected(record.value)
        )
        for record in records
    }


async def read_outputs(stream: Stream) -> list[Output]:
    """What came out: events, then dead letters."""
    events = await committed_records(stream.bootstrap_servers, stream.labels, stream.partitions)
    dead = await committed_records(stream.bootstrap_servers, stream.dead_letters, stream.partitions)
    return [*map(_event, events), *map(_dead_letter, dead)]


async def read_commits(stream: Stream) -> Mapping[int, Sequence[Commit]]:
    """Every commit that the group made, by partition, in order."""
    log = await committed_records(stream.bootstrap_servers, COMMITS_TOPIC, COMMITS_PARTITIONS)
    commits: defaultdict[int, list[Commit]] = defaultdict(list)
    for record in log:
        key = read_key(record.key or b"")
        if key is None or (key.group, key.topic) != (stream.name, stream.tickets) or record.value is None:
            continue
        position, text = read_value(record.value)
        runs = decode(key.topic, key.partition, position, text)
        commits[key.partition].append(Commit(at_ms=record.timestamp, position=position, runs=runs))
    return commits


def read_owned(stream: Stream) -> list[Owned]:
    """What the replicas said that they own."""
    said = [word for member in stream.members for word in owned_by_log(member.name, _lines(member.log_file))]
    return sorted(said, key=lambda word: word.at_ms)


def owned_by_log(replica: str, lines: Iterable[str]) -> Iterator[Owned]:
    """What one replica's log says of it, a word for each change."""
    for line in lines:
        if '"partitions_assigned"' in line:
            told = orjson.loads(line)
            partitions = frozenset(int(name.rpartition(":")[2]) for name in told["partitions"])
            yield Owned(at_ms=_at_ms(told), replica=replica, partitions=partitions)
        elif '"partitions_revoked"' in line or '"session_lost"' in line:
            at_ms, lost = _at_ms(orjson.loads(line)), '"session_lost"' in line
            yield Owned(at_ms=at_ms, replica=replica, partitions=frozenset(), lost=lost)


def _lines(file: Path) -> Iterator[str]:
    with file.open() as log:
        yield from log


def _at_ms(told: Mapping[str, str]) -> int:
    return round(datetime.fromisoformat(told["timestamp"]).timestamp() * 1000)


def _event(record: Record) -> Output:
    event = orjson.loads(record.value or b"")
    source = event["source"]
    part = event["event_id"].partition("#")[2]
    return Output(
        source=Source(Place(source["partition"], source["offset"]), int(part) if part else None),
        at_ms=record.timestamp,
        partition=record.partition,
        offset=record.offset,
        label=event["label"],
        reason=event["reason"],
        overtook=event["overtook"],
    )


def _dead_letter(record: Record) -> Output:
    headers = dict(record.headers)
    return Output(
        source=Source(Place(int(headers["dlq.partition"]), int(headers["dlq.offset"]))),
        at_ms=record.timestamp,
        partition=record.partition,
        offset=record.offset,
        dead=True,
    )
