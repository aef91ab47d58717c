"""The client's consumer: set up as a session needs it, let go, and what it does not tell."""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from stream_classifier.kafka.group_client import GroupClient
from stream_classifier.kafka.header_names import accept_any_header_name
from stream_classifier.kafka.parsed import as_parsed, hand_out_parsed
from stream_classifier.settings.kafka import Kafka

log = structlog.get_logger(__name__)

HEARTBEATS = 6  # in a session timeout
REQUESTS = 3  # in a session timeout: a coordinator that stops answering is left for the next one in time
SHORTEST_REQUEST_S, LONGEST_REQUEST_S = 3.0, 10.0  # a broker under load; all else that waits for an answer
JOIN_SLACK_S = 10.0  # the answer to a join comes when the group's slowest member is there, or given up
FETCH_BYTES = 8 << 20  # of one broker's answer over all partitions, which is in memory twice while it is read
LEAVE_S = 1.5  # to leave the group takes milliseconds; a coordinator that is away must not hold the process
METADATA_S = 5  # new partitions of the topic are noticed within this; it is one small request


def new_consumer(settings: Kafka, client: dict[str, Any]) -> AIOKafkaConsumer:
    """A consumer for one session, not started.

    Where a partition begins is the session's to say (`starts`). The reset policy here is for an offset that
    is no longer on the topic later on, and it goes to the first that is left, whatever the settings say: a
    partition that was read before must not be left out up to its end.
    """
    accept_any_header_name()
    hand_out_parsed()
    waiting = {
        "request_timeout_ms": round(request_s(settings) * 1000),
        "metadata_max_age_ms": METADATA_S * 1000,
    }
    consumer = AIOKafkaConsumer(
        **client,
        group_id=settings.group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=round(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=round(settings.session_timeout_s * 1000 / HEARTBEATS),
        rebalance_timeout_ms=round(settings.rebalance_timeout_s * 1000),
        partition_assignment_strategy=(RangePartitionAssignor,),
        fetch_max_bytes=FETCH_BYTES,
        value_deserializer=as_parsed,
        **waiting,
    )
    join_s = settings.rebalance_timeout_s + JOIN_SLACK_S
    consumer._client = GroupClient(**client, **waiting, join_s=join_s)  # noqa: SLF001
    return consumer


def request_s(settings: Kafka) -> float:
    """How long a broker may take to answer, in seconds, before it is taken for gone.

    A broker that is frozen keeps its connections, so that nothing else tells of it.
    """
    return min(max(settings.session_timeout_s / REQUESTS, SHORTEST_REQUEST_S), LONGEST_REQUEST_S)


def patience_s(settings: Kafka) -> float:
    """How long a gap in our own loop may be, in seconds, before the group may have gone on without us.

    The last heartbeat may be as old as the time between two when the gap begins.
    """
    return settings.session_timeout_s * (1 - 1 / HEARTBEATS)


def is_connected(consumer: AIOKafkaConsumer) -> bool:
    """Whether any broker has a connection with us. While there is none the client looks for one, on and on,
    and raises nothing."""
    return any(connection.connected() for connection in consumer._client._conns.values())  # noqa: SLF001


def is_dropped(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group has dropped this member (its session ended at the broker). The client goes through
    the same callbacks as for any rebalance, and tells it nowhere but in its generation."""
    return bool(consumer._coordinator.generation < 0)  # noqa: SLF001


async def leave(consumer: AIOKafkaConsumer) -> None:
    """Close a consumer, which leaves its group if it has one, and wait `LEAVE_S` for it.

    Where it takes longer it goes on by itself: a client that is cut off in the middle of it would go on
    telling the group that it is there, and read nothing.
    """
    leaving = asyncio.create_task(consumer.stop())
    _LEAVING.add(leaving)
    leaving.add_done_callback(_left)
    if not (await asyncio.wait([leaving], timeout=LEAVE_S))[0]:
        log.warning("leave_failed", error="TimeoutError")


_LEAVING: set[asyncio.Task[None]] = set()  # the loop itself would forget them


def _left(leaving: asyncio.Task[None]) -> None:
    _LEAVING.discard(leaving)
    if not leaving.cancelled() and (error := leaving.exception()) is not None:
        log.warning("leave_failed", error=type(error).__name__)
