"""What is said of the topics, what the missing ones should be like, and that looking creates none."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import given
from hypothesis import strategies as st

from stream_classifier.kafka.topic_rules import (
    BROKER_DEFAULT_BYTES,
    HEADERS_ROOM_BYTES,
    Finding,
    Role,
    Severity,
    Topic,
    findings,
    plan,
    required,
    roles,
)
from stream_classifier.kafka.topics import missing_sentence, missing_topics
from stream_classifier.settings.kafka import Kafka

NAMES = roles(Kafka())


def topic(role: Role, **details: Any) -> Topic:
    usual: dict[str, Any] = {
        "name": NAMES[role],
        "partitions": 1 if role is Role.OVERRIDES else 6,
        "replication": 3,
        "cleanup_policy": "compact" if role is Role.OVERRIDES else "delete",
        "max_message_bytes": BROKER_DEFAULT_BYTES + HEADERS_ROOM_BYTES * (role is not Role.INPUT),
        "min_insync_replicas": 2,
    }
    return Topic(**usual | details)


def all_topics(*changed: Topic) -> dict[str, Topic]:
    return {found.name: found for found in [topic(role) for role in Role] + list(changed)}


def only_finding(*changed: Topic) -> Finding:
    [finding] = findings(NAMES, all_topics(*changed))
    return finding


def test_topics_as_they_should_be_have_no_findings() -> None:
    assert findings(NAMES, all_topics()) == []


@pytest.mark.parametrize("role", [Role.INPUT, Role.OUTPUT, Role.DEAD_LETTER])
def test_a_missing_topic_is_a_fault(role: Role) -> None:
    topics = all_topics()
    del topics[NAMES[role]]
    assert [(found.role, found.severity) for found in findings(NAMES, topics)] == [(role, Severity.FAULT)]


def test_missing_overrides_are_a_note() -> None:
    topics = all_topics()
    del topics[NAMES[Role.OVERRIDES]]
    [finding] = findings(NAMES, topics)
    assert finding.severity is Severity.NOTE


def test_overrides_that_are_not_compacted_are_a_fault() -> None:
    finding = only_finding(topic(Role.OVERRIDES, cleanup_policy="delete"))
    assert finding.severity is Severity.FAULT
    assert "compact" in finding.sentence


def test_overrides_that_are_also_deleted_by_age_are_a_note() -> None:
    assert only_finding(topic(Role.OVERRIDES, cleanup_policy="compact,delete")).severity is Severity.NOTE


def test_overrides_in_several_partitions_are_a_note() -> None:
    assert only_finding(topic(Role.OVERRIDES, partitions=3)).severity is Severity.NOTE


@pytest.mark.parametrize("role", [Role.OUTPUT, Role.DEAD_LETTER])
@pytest.mark.parametrize(
    "details",
    [{"partitions": 5}, {"replication": 2}, {"max_message_bytes": 1000}, {"cleanup_policy": "compact"}],
    ids=lambda details: next(iter(details)),
)
def test_what_does_not_fit_the_input_is_a_note(role: Role, details: dict[str, Any]) -> None:
    finding = only_finding(topic(role, **details))
    assert (finding.role, finding.severity) == (role, Severity.NOTE)


def test_a_topic_that_nobody_can_write_to_is_a_fault() -> None:
    assert only_finding(topic(Role.OUTPUT, min_insync_replicas=4)).severity is Severity.FAULT


def test_a_broker_that_tells_no_limits_gives_no_findings_about_them() -> None:
    topics = {
        name: replace(found, cleanup_policy=None, max_message_bytes=None, min_insync_replicas=None)
        for name, found in all_topics().items()
    }
    assert findings(NAMES, topics) == []


def test_the_plan_without_any_topic_makes_all_four() -> None:
    plans = {planned.role: planned for planned in plan(NAMES, {}, brokers=5)}
    assert plans.keys() == set(Role)
    assert plans[Role.OVERRIDES].configs == {"cleanup.policy": "compact"}
    assert plans[Role.OVERRIDES].partitions == 1
    assert plans[Role.INPUT].configs == {}


def test_missing_topics_take_the_shape_of_the_input() -> None:
    source = topic(Role.INPUT, partitions=24, replication=2, max_message_bytes=9_000_000)
    output = next(
        planned for planned in plan(NAMES, {source.name: source}, brokers=5) if planned.role is Role.OUTPUT
    )
    assert (output.partitions, output.replication) == (24, 2)
    assert output.configs == {"max.message.bytes": str(9_000_000 + HEADERS_ROOM_BYTES)}


@given(
    existing=st.sets(st.sampled_from(Role)),
    brokers=st.integers(1, 9),
    partitions=st.integers(1, 50) | st.none(),
    replication=st.integers(1, 3) | st.none(),
)
def test_what_the_plan_makes_has_no_faults(
    existing: set[Role], brokers: int, partitions: int | None, replication: int | None
) -> None:
    present = {NAMES[role]: topic(role) for role in existing}
    plans = plan(NAMES, present, brokers=brokers, partitions=partitions, replication=replication)
    made = {
        planned.name: Topic(
            name=planned.name,
            partitions=planned.partitions,
            replication=planned.replication,
            cleanup_policy=planned.configs.get("cleanup.policy", "delete"),
            max_message_bytes=int(planned.configs.get("max.message.bytes", BROKER_DEFAULT_BYTES)),
        )
        for planned in plans
    }
    assert not made.keys() & present.keys()
    assert all(found.severity is Severity.NOTE for found in findings(NAMES, present | made))


def test_the_overrides_need_not_exist() -> None:
    assert required(Kafka()) == ("tickets", "ticket-labels", "ticket-dead-letters")


@dataclass
class Listing:
    """An admin client that can only list: whoever asks for a topic by name fails here."""

    topics: list[str]

    async def list_topics(self) -> list[str]:
        return self.topics


async def test_missing_topics_are_found_by_listing_alone() -> None:
    admin = cast(AIOKafkaAdminClient, Listing(["a", "b"]))
    assert await missing_topics(admin, ["c", "a", "d"]) == ("c", "d")


def test_the_sentence_for_missing_topics_names_them_and_the_remedy() -> None:
    told = missing_sentence(["tickets", "ticket-labels"])
    assert "tickets, ticket-labels" in told
    assert "stream-classifier topics --create" in told
