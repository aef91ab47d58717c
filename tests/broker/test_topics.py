"""`topics` on a real Apache Kafka: what it shows, what it makes, and that `--create` can be repeated."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from stream_classifier.cli import main
from stream_classifier.core.faults import OperatorFault
from stream_classifier.kafka.connection import admin_client
from stream_classifier.kafka.topic_rules import HEADERS_ROOM_BYTES, Role, roles
from stream_classifier.kafka.topics import create_missing, missing_topics, read_topics
from stream_classifier.settings.kafka import Kafka as KafkaSettings
from tests.brokers.client import create_topic
from tests.brokers.kafka import Kafka

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings(kafka: Kafka) -> KafkaSettings:
    """Topics that only this test knows."""
    mark = uuid.uuid4().hex[:8]
    return KafkaSettings(
        bootstrap_servers=kafka.bootstrap_servers,
        input_topic=f"{mark}-tickets",
        output_topic=f"{mark}-labels",
        dead_letter_topic=f"{mark}-dead",
        overrides_topic=f"{mark}-overrides",
    )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], settings: KafkaSettings, tmp_path: Path) -> Run:
    """Runs `topics`; returns exit status, stdout and stderr."""
    path = tmp_path / "config.yaml"
    named = settings.model_dump(include={"bootstrap_servers", *(f"{name}_topic" for name in KINDS)})
    path.write_text(yaml.safe_dump({"kafka": named, "taxonomy": {"labels": ["a", "b"]}}))

    def run_it(*args: str) -> tuple[int, str, str]:
        status = 0
        try:
            main(["topics", "--config", str(path), *args])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        out, err = capsys.readouterr()
        return status, out, err

    return run_it


KINDS = ("input", "output", "dead_letter", "overrides")


def by_role(out: str) -> dict[str, dict[str, Any]]:
    return {topic["role"]: topic for topic in orjson.loads(out)["topics"]}


def test_missing_topics_are_faults_and_looking_creates_none(run: Run) -> None:
    for _ in range(2):
        status, out, _ = run("--json")
        assert status == 1
        assert not any(topic["exists"] for topic in by_role(out).values())


def test_create_makes_all_four_as_they_should_be(run: Run) -> None:
    status, out, err = run("--create", "--partitions", "3", "--replication", "1", "--json")
    topics = by_role(out)
    assert (status, orjson.loads(out)["findings"]) == (0, [])
    assert err.startswith("Made ")
    assert [topics[role]["partitions"] for role in Role] == [3, 3, 3, 1]
    assert topics["overrides"]["cleanup_policy"] == "compact"
    room = topics["dead letter"]["max_message_bytes"] - topics["input"]["max_message_bytes"]
    assert room == HEADERS_ROOM_BYTES


def test_create_a_second_time_makes_nothing(run: Run) -> None:
    run("--create", "--replication", "1")
    status, _, err = run("--create", "--replication", "1")
    assert (status, err) == (0, "")


def test_missing_topics_follow_an_input_that_is_there(run: Run, settings: KafkaSettings) -> None:
    limits = {"max.message.bytes": "5000000"}
    asyncio.run(create_topic(settings.bootstrap_servers, settings.input_topic, 5, limits))
    topics = by_role(run("--create", "--json")[1])
    assert [topics[role]["partitions"] for role in Role] == [5, 5, 5, 1]
    assert topics["output"]["max_message_bytes"] == 5_000_000 + HEADERS_ROOM_BYTES


def test_overrides_that_are_not_compacted_are_a_fault(run: Run, settings: KafkaSettings) -> None:
    asyncio.run(create_topic(settings.bootstrap_servers, settings.overrides_topic, 1))
    status, out, _ = run("--create", "--replication", "1")
    assert status == 1
    assert "fault\toverrides\t" in out


async def test_what_the_broker_refuses_is_told_in_its_own_words(settings: KafkaSettings) -> None:
    async with admin_client(settings) as admin:
        with pytest.raises(OperatorFault, match=r"InvalidReplicationFactorError.*replicat"):
            await create_missing(admin, roles(settings), replication=99)


async def test_new_topics_are_listed_when_create_returns(settings: KafkaSettings) -> None:
    names = roles(settings)
    async with admin_client(settings) as admin:
        made = await create_missing(admin, names, partitions=2, replication=1)
        assert await missing_topics(admin, names.values()) == ()
        assert set(made) == set(await read_topics(admin, names.values()))
