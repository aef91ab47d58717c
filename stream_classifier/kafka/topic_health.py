"""How a topic's partitions are served at this moment. `topic_rules` is about how it was set up."""

from collections.abc import Iterator

from stream_classifier.kafka.topic_rules import Finding, Role, Severity, Topic


def health(role: Role, topic: Topic) -> Iterator[Finding]:
    """What is wrong with it now; nothing where every replica has everything."""
    if topic.leaderless:
        numbers = ", ".join(map(str, topic.leaderless))
        yield _fault(
            role,
            f"{topic.name} has partitions that no broker serves ({numbers}): bring back the brokers that "
            "hold them; until then nothing of these partitions is read or written.",
        )
        return
    in_sync, written = topic.fewest_in_sync, role is not Role.INPUT
    if in_sync is None or in_sync >= topic.replication:
        return
    if written and topic.min_insync_replicas and in_sync < topic.min_insync_replicas:
        yield _fault(
            role,
            f"{topic.name} has a partition with {in_sync} of {topic.replication} replicas in sync, and "
            f"writing needs {topic.min_insync_replicas}: bring the other brokers back.",
        )
    else:
        yield Finding(
            role=role,
            severity=Severity.NOTE,
            sentence=f"{topic.name} has a partition with {in_sync} of {topic.replication} replicas in sync: "
            "look after the brokers that are away or behind.",
        )


def _fault(role: Role, sentence: str) -> Finding:
    return Finding(role=role, severity=Severity.FAULT, sentence=sentence)
