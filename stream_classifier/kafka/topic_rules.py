"""The four topics: what each is to us, what is wrong with one, what a missing one should be like.

Decisions only; `topics` asks the broker.

A `fault` stops the service at its start or would lose something; a `note` is what works and a person
will still want to know. Everything published carries what came in plus headers of ours, so those topics
take larger records than the input (`HEADERS_ROOM_BYTES`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

HEADERS_ROOM_BYTES = 64 * 1024
"""How much more than the input the published topics take: our `dlq.*` headers with a sentence and a
topic's name need under 2 KiB; the rest is room for what senders add in headers between here and there."""

BROKER_DEFAULT_BYTES = 1_048_588
"""Apache Kafka's own default of `max.message.bytes`."""

SUGGESTED_PARTITIONS = 6
SUGGESTED_REPLICATION = 3
"""Used where neither the person nor the input topic says: room for six pods, and the usual three copies
where the cluster has as many brokers."""


class Role(StrEnum):
    """What a topic is to us, in the order in which people read them."""

    INPUT = "input"
    OUTPUT = "output"
    DEAD_LETTER = "dead letter"
    OVERRIDES = "overrides"


class TopicSettings(Protocol):
    """The part of the `kafka` settings that names the topics."""

    @property
    def input_topic(self) -> str: ...
    @property
    def output_topic(self) -> str: ...
    @property
    def dead_letter_topic(self) -> str: ...
    @property
    def overrides_topic(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic that exists. `leaderless` are its partitions that no broker serves; in sync are the replicas
    that hold all of a partition. The last three are None where the broker does not tell them."""

    name: str
    partitions: int
    replication: int
    leaderless: tuple[int, ...] = ()
    fewest_in_sync: int | None = None
    cleanup_policy: str | None = None
    max_message_bytes: int | None = None
    min_insync_replicas: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPlan:
    """A topic to be made; `configs` are the broker's own names and values."""

    role: Role
    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str] = field(default_factory=dict)


def roles(kafka: TopicSettings) -> dict[Role, str]:
    """The topics' names by what they are to us."""
    return {
        Role.INPUT: kafka.input_topic,
        Role.OUTPUT: kafka.output_topic,
        Role.DEAD_LETTER: kafka.dead_letter_topic,
        Role.OVERRIDES: kafka.overrides_topic,
    }


def required(kafka: TopicSettings) -> tuple[str, ...]:
    """The names of the topics without which nothing can run: all but the overrides."""
    return tuple(name for role, name in roles(kafka).items() if role is not Role.OVERRIDES)


class Severity(StrEnum):
    """How bad a finding is."""

    FAULT = "fault"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to know about one topic: a sentence that says what, and the remedy."""

    role: Role
    severity: Severity
    sentence: str


def findings(names: Mapping[Role, str], topics: Mapping[str, Topic]) -> list[Finding]:
    """Everything that is to be said of the topics, by role; empty where all is well."""
    present = {role: topics[name] for role, name in names.items() if name in topics}
    found = [_absence(role, name) for role, name in names.items() if role not in present]
    source = present.get(Role.INPUT)
    for role in (Role.OUTPUT, Role.DEAD_LETTER):
        if source and role in present:
            found += _beside_input(role, present[role], source)
        if role in present:
            found += _published(role, present[role])
    if Role.OVERRIDES in present:
        found += _overrides(present[Role.OVERRIDES])
    return sorted(found, key=lambda finding: list(Role).index(finding.role))


def _fault(role: Role, sentence: str) -> Finding:
    return Finding(role=role, severity=Severity.FAULT, sentence=sentence)


def _note(role: Role, sentence: str) -> Finding:
    return Finding(role=role, severity=Severity.NOTE, sentence=sentence)


def _absence(role: Role, name: str) -> Finding:
    if role is Role.OVERRIDES:
        return _note(role, f"{name} does not exist: people's corrections are off until --create makes it.")
    return _fault(role, f"{name} does not exist: make it with --create.")


def _beside_input(role: Role, topic: Topic, source: Topic) -> list[Finding]:
    """Where a published topic does not fit the input that it is made from."""
    found = []
    if topic.partitions != source.partitions:
        found.append(
            _note(
                role,
                f"{topic.name} has {topic.partitions} partitions and the input {source.partitions}: the same "
                "key lies in another partition there, which matters to whoever joins the two.",
            )
        )
    if topic.replication < source.replication:
        found.append(
            _note(
                role,
                f"{topic.name} has {topic.replication} replicas and the input {source.replication}: it is "
                "lost sooner than what it was made from; raise its replication.",
            )
        )
    if topic.max_message_bytes and topic.max_message_bytes < (source.max_message_bytes or 0):
        found.append(_note(role, _too_small(role, topic, source)))
    return found


def _too_small(role: Role, topic: Topic, source: Topic) -> str:
    left_out = "their value" if role is Role.DEAD_LETTER else "the headers copied from the input"
    return (
        f"{topic.name} takes records of {topic.max_message_bytes} bytes and the input of "
        f"{source.max_message_bytes}: the largest are published without {left_out}; set its "
        f"max.message.bytes to {(source.max_message_bytes or 0) + HEADERS_ROOM_BYTES}."
    )


def _published(role: Role, topic: Topic) -> list[Finding]:
    found = []
    if "compact" in (topic.cleanup_policy or ""):
        found.append(
            _note(
                role,
                f"{topic.name} is compacted: it refuses records without a key and forgets all but a key's "
                "last; set cleanup.policy to delete unless every ticket has a key.",
            )
        )
    if topic.min_insync_replicas and topic.min_insync_replicas > topic.replication:
        found.append(
            _fault(
                role,
                f"{topic.name} wants {topic.min_insync_replicas} replicas in sync and has "
                f"{topic.replication}: nothing can be written; lower min.insync.replicas.",
            )
        )
    return found


def _overrides(topic: Topic) -> list[Finding]:
    found = []
    policy = topic.cleanup_policy
    if policy is not None and "compact" not in policy:
        found.append(
            _fault(
                Role.OVERRIDES,
                f"{topic.name} is not compacted (cleanup.policy={policy}): corrections would be forgotten; "
                "set cleanup.policy to compact.",
            )
        )
    elif policy is not None and "delete" in policy:
        found.append(
            _note(
                Role.OVERRIDES,
                f"{topic.name} also deletes by age (cleanup.policy={policy}): old corrections end with "
                "retention.ms; set cleanup.policy to compact alone if they should stay.",
            )
        )
    if topic.partitions != 1:
        found.append(
            _note(
                Role.OVERRIDES,
                f"{topic.name} has {topic.partitions} partitions: one is enough, and lets every pod see "
                "corrections in one order.",
            )
        )
    return found


def plan(
    names: Mapping[Role, str],
    topics: Mapping[str, Topic],
    *,
    brokers: int,
    partitions: int | None = None,
    replication: int | None = None,
) -> list[TopicPlan]:
    """The missing topics, shaped as asked, else as the input topic is, else as is usual.

    An input topic takes the broker's own limits; what is published takes somewhat more than the input.
    """
    source = topics.get(names[Role.INPUT])
    count = partitions or (source.partitions if source else SUGGESTED_PARTITIONS)
    copies = replication or (source.replication if source else min(SUGGESTED_REPLICATION, brokers))
    limit = (source.max_message_bytes if source else None) or BROKER_DEFAULT_BYTES
    roomy = {"max.message.bytes": str(limit + HEADERS_ROOM_BYTES)}
    shapes: dict[Role, tuple[int, dict[str, str]]] = {
        Role.INPUT: (count, {}),
        Role.OUTPUT: (count, roomy),
        Role.DEAD_LETTER: (count, roomy),
        Role.OVERRIDES: (1, {"cleanup.policy": "compact"}),
    }
    return [
        TopicPlan(
            role=role, name=name, partitions=shapes[role][0], replication=copies, configs=shapes[role][1]
        )
        for role, name in names.items()
        if name not in topics
    ]
