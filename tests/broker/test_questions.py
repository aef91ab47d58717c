"""The five questions of a night, answered from the log alone (docs/logs.md, docs/questions.jq)."""

from pathlib import Path

import pytest

from tests.broker.night import NOBODY, WHO, a_night
from tests.brokers.kafka import Kafka

SEEDED = ("http_503", "quota", "model_unknown", "prose", "slow", "extra_answer")
"""One of each answer; the others are asked by `make soak`."""


@pytest.mark.usefixtures("jq")
@pytest.mark.parametrize(
    "fault", [fault if fault in SEEDED else pytest.param(fault, marks=pytest.mark.soak) for fault in WHO]
)
async def test_the_log_names_who_is_at_fault_and_nobody_else(
    kafka: Kafka, tmp_path: Path, fault: str
) -> None:
    told = await a_night(kafka.bootstrap_servers, tmp_path, fault)
    assert told.names == {WHO[fault]}, told.culprit
    assert told.working.startswith("yes") == (WHO[fault] == NOBODY), told.working
