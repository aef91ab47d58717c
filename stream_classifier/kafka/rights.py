"""What this user may do, asked before anything is done: so that a right that is missing is named at the
start, and not at the first ticket.

Rules
-----
* A broker tells the rights on a topic and on a group to whoever asks (Kafka 2.3 and newer). Of a topic that
  this user may not even describe it says only that; whether the topic exists stays its secret.
* What a broker does not tell (an older one, a stand-in for Kafka, no access control) is taken for granted:
  it is named where it is refused.
* Asked by name, and told not to make what is not there.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

from stream_classifier.kafka.protocol import NOT_TOLD, RightsOnGroup, RightsOnTopics
from stream_classifier.kafka.topic_rules import TopicSettings

COORDINATOR_TRIES, COORDINATOR_RETRY_S = 25, 0.2  # five seconds in all; a new cluster takes one


class Operation(IntEnum):
    """What may be allowed, by the protocol's numbers."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DESCRIBE = 8


class Right(NamedTuple):
    """One right on one resource."""

    operation: Operation
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.operation.name} on {self.kind} {self.name}"


class RightsMissing(KafkaError):  # type: ignore[misc]
    """The broker does not allow what we need; `rights` are those to be granted."""

    def __init__(self, rights: Iterable[Right]) -> None:
        self.rights = tuple(rights)
        super().__init__(", ".join(map(str, self.rights)))


class AccessSettings(TopicSettings, Protocol):
    """The part of the `kafka` settings that names what the service uses."""

    @property
    def group_id(self) -> str: ...
    @property
    def delivery(self) -> str: ...


async def require_rights(client: AIOKafkaClient, kafka: AccessSettings) -> None:
    """Raises `RightsMissing` with all that is missing to run the service."""
    told = await told_rights(client, kafka)
    if missing := [right for right, granted in told.items() if granted is False]:
        raise RightsMissing(missing)


async def told_rights(client: AIOKafkaClient, kafka: AccessSettings) -> dict[Right, bool | None]:
    """The rights that the service needs, and whether we have each; None where the broker does not tell."""
    needed = {
        kafka.input_topic: Operation.READ,
        kafka.output_topic: Operation.WRITE,
        kafka.dead_letter_topic: Operation.WRITE,
    }
    told = await told_on_topics(client, needed)
    told |= await told_on_group(client, kafka.group_id)
    if kafka.delivery == "exactly-once":
        told[transactions_of(kafka)] = await _may_see_transactions(client, kafka)
    return told


def transactions_of(kafka: AccessSettings) -> Right:
    """The right to make transactions, an id a partition."""
    return Right(Operation.WRITE, "every transactional id that begins with", kafka.group_id)


async def missing_on_topics(client: AIOKafkaClient, needed: Mapping[str, Operation]) -> list[Right]:
    """Which of these rights on topics are missing, as far as the broker tells."""
    told = await told_on_topics(client, needed)
    return [right for right, granted in told.items() if granted is False]


async def told_on_topics(client: AIOKafkaClient, needed: Mapping[str, Operation]) -> dict[Right, bool | None]:
    """These rights on topics, and whether we have each; None where the broker does not tell."""
    told: dict[Right, bool | None] = {Right(need, "topic", name): None for name, need in needed.items()}
    for topic in await _describe(client, list(needed)):
        name, error_code = topic["topic"], topic["error_code"]
        right = Right(needed[name], "topic", name)
        if error_code == TopicAuthorizationFailedError.errno:  # hidden from us
            told[right] = False
        elif error_code == 0:
            told[right] = _allows(topic["authorized_operations"], right.operation)
    return told


async def told_on_group(client: AIOKafkaClient, group_id: str) -> dict[Right, bool | None]:
    """The right to commit for a group, and whether we have it; None where the broker does not tell."""
    return {Right(Operation.READ, "group", group_id): await _may_use_group(client, group_id)}


async def _describe(client: AIOKafkaClient, topics: Sequence[str]) -> list[dict[str, Any]]:
    try:
        answer = await client.send(client.get_random_node(), RightsOnTopics(topics))
    except NotImplementedError:  # the broker does not know so new a request
        return []
    described: list[dict[str, Any]] = answer.to_object()["topics"]
    return described


async def _may_use_group(client: AIOKafkaClient, group_id: str) -> bool | None:
    """Whether we may join the group and commit; None where the broker does not tell."""
    try:
        coordinator = await _coordinator(client, CoordinationType.GROUP, group_id)
        [group] = (await client.send(coordinator, RightsOnGroup(group_id))).to_object()["groups"]
    except GroupAuthorizationFailedError:
        return False
    except (KafkaError, NotImplementedError):
        return None
    refused = group["error_code"] == GroupAuthorizationFailedError.errno
    return False if refused else _allows(group["authorized_operations"], Operation.READ)


async def _may_see_transactions(client: AIOKafkaClient, kafka: AccessSettings) -> bool | None:
    """Whether the first partition's transactional id is ours to see: WRITE on it includes that."""
    name = f"{kafka.group_id}-{kafka.input_topic}-0"
    try:
        await _coordinator(client, CoordinationType.TRANSACTION, name)
    except TransactionalIdAuthorizationFailed:
        return False
    except KafkaError:
        return None
    return True


async def _coordinator(client: AIOKafkaClient, kind: CoordinationType, name: str) -> Any:
    """The node to ask. On a new cluster there is none for a moment: its topic is made at the first look."""
    for _ in range(COORDINATOR_TRIES):
        with suppress(GroupCoordinatorNotAvailableError):
            return await client.coordinator_lookup(kind, name)
        await asyncio.sleep(COORDINATOR_RETRY_S)
    return await client.coordinator_lookup(kind, name)


def _allows(operations: int, operation: Operation) -> bool | None:
    return None if operations == NOT_TOLD else bool(operations & (1 << operation))
