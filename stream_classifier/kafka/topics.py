"""The four topics: looking for them, reading how they are set up, and making the missing ones.

Rules:
- A topic is looked for by listing all of them: asking a broker for one by name may create it.
- A topic that this user may not describe is not in the list, and looks missing: see `access` first.
- Only `stream-classifier topics --create` makes topics; the service only asks `missing_topics`.

What is wrong with a topic, and what a missing one should be like, is decided in `topic_rules`.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    IncompatibleBrokerVersion,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    for_code,
)

from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.rights import Operation, Right, RightsMissing
from stream_classifier.kafka.topic_rules import Role, Topic, TopicPlan, plan

CREATE_TIMEOUT_S = 30.0
"""For the controller to make topics: it places replicas on every broker first."""

VISIBLE_TIMEOUT_S = 15.0
"""A controller confirms a new topic before every broker knows it; a cluster takes about a second."""

VISIBLE_POLL_S = 0.1

RIGHTS_MISSING = (TopicAuthorizationFailedError.errno, ClusterAuthorizationFailedError.errno)

NO_LEADER = -1

SHOWN_CONFIGS = ("cleanup.policy", "max.message.bytes", "min.insync.replicas")


async def missing_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> tuple[str, ...]:
    """Those of `names` that the broker does not list, in their order; creates none by looking."""
    listed = set(await admin.list_topics())
    return tuple(name for name in names if name not in listed)


def missing_sentence(names: Sequence[str]) -> str:
    """One sentence for topics that are not there, with the remedy."""
    which = f"Topic {names[0]} does" if len(names) == 1 else f"Topics {', '.join(names)} do"
    return (
        f"{which} not exist, or this user may not see it: `stream-classifier topics --create` makes what is "
        "missing of the configured ones."
    )


async def read_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Topic]:
    """Those of `names` that exist, with their shape and, where the broker tells them, their limits."""
    listed = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    present = [name for name in names if name in listed]
    configs = await _configs(admin, present)
    return {name: _topic(name, listed[name], configs.get(name, {})) for name in present}


async def create_missing(
    admin: AIOKafkaAdminClient,
    names: Mapping[Role, str],
    *,
    partitions: int | None = None,
    replication: int | None = None,
) -> tuple[str, ...]:
    """Make the topics that are missing, shaped as `topic_rules.plan` says, and return their names.

    The input comes first and alone: the others' size limit follows from the one that the broker gives it.
    Raises `OperatorFault` where the broker refuses one or has no controller to make them, and
    `RightsMissing` where it does not allow it (`connection.admin_client` says it as a sentence).
    """
    brokers = len((await admin.describe_cluster())["brokers"])
    made: list[str] = []
    for batch in ({Role.INPUT}, set(Role)):
        present = await read_topics(admin, names.values())
        plans = plan(names, present, brokers=brokers, partitions=partitions, replication=replication)
        chosen = [planned for planned in plans if planned.role in batch]
        await _create(admin, chosen)
        made += [planned.name for planned in chosen]
    return tuple(made)


async def _create(admin: AIOKafkaAdminClient, plans: Sequence[TopicPlan]) -> None:
    """Make these topics and wait until the broker lists them; one that exists already is left alone."""
    if not plans:
        return
    if not await _has_controller(admin):
        raise OperatorFault(
            "This broker has no controller that makes topics on request; a stand-in for Kafka makes them "
            "when they are first used."
        )
    timeout_ms = int(CREATE_TIMEOUT_S * 1000)
    response = await admin.create_topics([_new_topic(planned) for planned in plans], timeout_ms=timeout_ms)
    errors = response.topic_errors
    if refused := [name for name, code, _ in errors if code in RIGHTS_MISSING]:
        raise RightsMissing(Right(Operation.CREATE, "topic", name) for name in refused)
    for name, code, message in errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise OperatorFault(_refusal(name, code, message))
    await _until_listed(admin, [planned.name for planned in plans])


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """What the broker tells of `SHOWN_CONFIGS`, by topic; nothing of a topic that it refuses to tell."""
    asked = dict.fromkeys(SHOWN_CONFIGS)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, asked) for name in names]
    try:
        responses = await admin.describe_configs(resources)
    except IncompatibleBrokerVersion:
        return {}
    told = [resource for response in responses for resource in response.resources]
    return {
        name: {config: value for config, value, *_ in entries}
        for code, _, _, name, entries in told
        if code == 0
    }


def _topic(name: str, partitions: Sequence[Mapping[str, Any]], configs: Mapping[str, str]) -> Topic:
    return Topic(
        name=name,
        partitions=len(partitions),
        replication=min((len(partition["replicas"]) for partition in partitions), default=0),
        leaderless=tuple(sorted(p["partition"] for p in partitions if p["leader"] == NO_LEADER)),
        fewest_in_sync=min((len(partition["isr"]) for partition in partitions), default=None),
        cleanup_policy=configs.get("cleanup.policy"),
        max_message_bytes=_number(configs.get("max.message.bytes")),
        min_insync_replicas=_number(configs.get("min.insync.replicas")),
    )


def _number(value: str | None) -> int | None:
    return int(value) if value else None


async def _has_controller(admin: AIOKafkaAdminClient) -> bool:
    cluster = await admin.describe_cluster()
    return cluster["controller_id"] in {broker["node_id"] for broker in cluster["brokers"]}


def _new_topic(planned: TopicPlan) -> NewTopic:
    configs = dict(planned.configs)
    return NewTopic(planned.name, planned.partitions, planned.replication, topic_configs=configs)


def _refusal(name: str, code: int, message: str | None) -> str:
    """The broker's own words say which limit or policy was broken: here they are the remedy."""
    why = message or for_code(code).description
    return f"The broker refused to make topic {name} ({for_code(code).__name__}): {why.strip().rstrip('.')}."


async def _until_listed(admin: AIOKafkaAdminClient, names: Sequence[str]) -> None:
    """Ask again and again until every topic is listed: there is no event to wait for."""
    for _ in range(int(VISIBLE_TIMEOUT_S / VISIBLE_POLL_S)):
        if not await missing_topics(admin, names):
            return
        await asyncio.sleep(VISIBLE_POLL_S)
    raise OperatorFault(
        f"The topics were made, but the broker does not list them after {VISIBLE_TIMEOUT_S:.0f} s: look at "
        "the broker's log, then run `stream-classifier topics` again."
    )
