"""What must be there and allowed before anything is done: topics and rights, each absence a sentence."""

from collections.abc import Iterable
from typing import Protocol

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.broker_faults import broker_faults
from stream_classifier.kafka.connection import (
    ConnectionSettings,
    admin_client,
    asking,
    client_kwargs,
    reachable,
)
from stream_classifier.kafka.rights import (
    AccessSettings,
    Operation,
    RightsMissing,
    missing_on_topics,
    require_rights,
)
from stream_classifier.kafka.topic_rules import required
from stream_classifier.kafka.topics import missing_sentence, missing_topics


class KafkaSettings(ConnectionSettings, AccessSettings, Protocol):
    """The part of the `kafka` settings that says what we use, and how to reach it."""


async def require_access(kafka: KafkaSettings) -> None:
    """Raises `OperatorFault` where a right or a topic is missing that the service needs."""
    with broker_faults(kafka):
        async with asking(client_kwargs(kafka)) as client:
            await require_rights(client, kafka)
    async with admin_client(kafka) as admin:
        if missing := await missing_topics(admin, required(kafka)):
            raise OperatorFault(missing_sentence(missing))


async def require_sight(kafka: ConnectionSettings, topics: Iterable[str]) -> None:
    """Raises `OperatorFault` where this user may not see one of the topics: it would look missing."""
    await reachable(kafka)  # it tells a wrong name or port by name
    with broker_faults(kafka):
        async with asking(client_kwargs(kafka)) as client:
            if hidden := await missing_on_topics(client, dict.fromkeys(topics, Operation.DESCRIBE)):
                raise RightsMissing(hidden)
