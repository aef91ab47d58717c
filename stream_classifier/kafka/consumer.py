"""The client's consumer, set up as a session needs it, and the one thing that it does not tell."""

from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from stream_classifier.settings.kafka import Kafka

HEARTBEATS = 6  # in a session timeout
JOIN_SLACK_S = 10.0  # the answer to a join comes when the group's slowest member is there, or given up
METADATA_S = 60  # new partitions of the topic are noticed within this


def new_consumer(settings: Kafka, client: dict[str, Any]) -> AIOKafkaConsumer:
    """A consumer for one session, not started.

    Where a partition begins is the session's to say (`starts`). The reset policy here is for an offset that
    is no longer on the topic later on, and it goes to the first that is left, whatever the settings say: a
    partition that was read before must not be left out up to its end.
    """
    return AIOKafkaConsumer(
        **client,
        group_id=settings.group_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=round(settings.session_timeout_s * 1000),
        heartbeat_interval_ms=round(settings.session_timeout_s * 1000 / HEARTBEATS),
        rebalance_timeout_ms=round(settings.rebalance_timeout_s * 1000),
        request_timeout_ms=round((settings.rebalance_timeout_s + JOIN_SLACK_S) * 1000),
        partition_assignment_strategy=(RangePartitionAssignor,),
        metadata_max_age_ms=METADATA_S * 1000,
    )


def patience_s(settings: Kafka) -> float:
    """How long a gap in our own loop may be, in seconds, before the group may have gone on without us.

    The last heartbeat may be as old as the time between two when the gap begins.
    """
    return settings.session_timeout_s * (1 - 1 / HEARTBEATS)


def is_dropped(consumer: AIOKafkaConsumer) -> bool:
    """Whether the group has dropped this member (its session ended at the broker). The client goes through
    the same callbacks as for any rebalance, and tells it nowhere but in its generation."""
    return bool(consumer._coordinator.generation < 0)  # noqa: SLF001
