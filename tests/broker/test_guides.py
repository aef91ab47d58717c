"""The guides of docs/guides, followed to the letter, with a real Kafka and the simulated provider."""

import re
from pathlib import Path
from uuid import uuid4

import pytest

from tests.broker.guide import GUIDES, TO_BE_RUN, a_reader, blocks_of
from tests.brokers.kafka import Kafka
from tests.brokers.ports import free_ports

NAMES = sorted(guide.stem for guide in GUIDES.glob("*.md"))
FIRST = "first-hour"
AFTER_THE_FIRST = ("upgrading", "costs", "taxonomy", "exactly-once-consumers")
"""Guides that go on from where the first hour ended. The others need no service."""


def addresses(kafka: Kafka, topic: str) -> tuple[dict[str, str], dict[str, str]]:
    """The environment, and what stands in the guides and cannot be had here."""
    simulator, http = map(str, free_ports(2))
    environ = {
        "NO_COLOR": "1",
        "STREAM_CLASSIFIER_KAFKA__INPUT_TOPIC": f"{topic}-tickets",
        "STREAM_CLASSIFIER_KAFKA__OUTPUT_TOPIC": f"{topic}-labels",
        "STREAM_CLASSIFIER_KAFKA__DEAD_LETTER_TOPIC": f"{topic}-dead",
        "STREAM_CLASSIFIER_KAFKA__OVERRIDES_TOPIC": f"{topic}-overrides",
        "STREAM_CLASSIFIER_KAFKA__GROUP_ID": topic,
        "STREAM_CLASSIFIER_HTTP__HOST": "127.0.0.1",
        "STREAM_CLASSIFIER_HTTP__PORT": http,
    }
    names = {
        "localhost:9092": kafka.bootstrap_servers,
        "9100": simulator,
        "localhost:8080": f"127.0.0.1:{http}",
        "ticket-labels": f"{topic}-labels",
        "my-helpdesk": f"{topic}-helpdesk",
    }
    return environ, names


@pytest.mark.timeout(300)
async def test_the_first_hour_ends_with_labels_and_the_guides_after_it_go_on_from_there(
    kafka: Kafka, tmp_path: Path
) -> None:
    topic = f"test-{uuid4().hex[:12]}"
    environ, names = addresses(kafka, topic)
    async with a_reader(tmp_path, environ, names) as reader:
        said = await reader.follow(FIRST)
        assert re.search('decided_by="llm",lane="urgent",.*status="labelled"} 1.0', said)
        for guide in AFTER_THE_FIRST:
            said = await reader.follow(guide)
    assert said.endswith("3 labels taken\n")


@pytest.mark.parametrize("guide", [name for name in NAMES if name not in (FIRST, *AFTER_THE_FIRST)])
async def test_the_configurations_of(tmp_path: Path, guide: str) -> None:
    async with a_reader(tmp_path, {}, {}) as reader:
        said = await reader.follow(guide)
    assert said == "", "a configuration without faults says nothing here"


@pytest.mark.parametrize("guide", NAMES)
def test_every_command_is_run_or_says_that_it_is_not(guide: str) -> None:
    silent = [
        block.text
        for block in blocks_of(guide)
        if block.kind.startswith(TO_BE_RUN) and not block.is_run and not block.says_not_run
    ]
    assert silent == []


def test_the_guides_have_commands_that_are_run() -> None:
    with_commands = {guide for guide in NAMES if any(block.is_run for block in blocks_of(guide))}
    assert with_commands == set(NAMES)
