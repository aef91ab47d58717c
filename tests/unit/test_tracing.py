"""Whether there are traces: what the environment asks for, and what is told where they cannot be had."""

import asyncio
import importlib
import pkgutil
import sys
from collections.abc import Mapping
from enum import Enum
from typing import Any

import pytest
import structlog
from opentelemetry.semconv import attributes
from opentelemetry.semconv._incubating import attributes as incubating
from opentelemetry.semconv.schemas import Schemas

from stream_classifier.observe import trace_names
from stream_classifier.observe.call_spans import OPENAI, PROVIDERS
from stream_classifier.observe.tracing import asked_for, tracing
from tests.unit.lane_world import settings

HERE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({"OTEL_SERVICE_NAME": "labels"}, False),
        (HERE, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"}, True),
        ({**HERE, "OTEL_SDK_DISABLED": "true"}, False),
        ({**HERE, "OTEL_SDK_DISABLED": " TRUE "}, False),
        ({**HERE, "OTEL_SDK_DISABLED": "false"}, True),
        ({**HERE, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**HERE, "OTEL_TRACES_EXPORTER": "otlp"}, True),
    ],
)
def test_an_endpoint_asks_for_traces_unless_they_are_switched_off(
    environ: Mapping[str, str], wanted: bool
) -> None:
    assert asked_for(environ) is wanted


async def told_without_traces(environ: Mapping[str, str]) -> list[Any]:
    """What is told where no traces come of this environment."""
    with structlog.testing.capture_logs() as lines:
        async with tracing(settings(), environ, asyncio.get_running_loop().time) as traces:
            assert traces is None
    return lines


async def test_nobody_asks_and_nothing_is_told() -> None:
    assert await told_without_traces({}) == []


async def test_a_missing_package_is_told_with_the_command_and_the_stream_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stream_classifier.observe.trace_export", None)
    [line] = await told_without_traces(HERE)
    assert (line["event"], line["log_level"]) == ("traces_off", "warning")
    assert "pip install 'stream-classifier[otel]'" in line["remedy"]


async def test_a_protocol_that_is_not_spoken_is_told_with_the_one_that_is() -> None:
    [line] = await told_without_traces({**HERE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf" in line["remedy"]


async def test_a_variable_that_cannot_be_used_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-4711")
    [line] = await told_without_traces(HERE)
    assert line["event"] == "traces_off"
    assert "4711" not in str(line)


def officially() -> set[str]:
    """Every name that OpenTelemetry's conventions hold, and the values that they list for some."""
    found: set[str] = set()
    for package in (attributes, incubating):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, str):
                    found.add(value)
                elif isinstance(value, type) and issubclass(value, Enum):
                    found |= {str(member.value) for member in value}
    return found


def test_every_name_is_official_or_says_that_it_is_ours() -> None:
    used = {
        value
        for name, value in vars(trace_names).items()
        if name.isupper() and value != trace_names.SCHEMA_URL
    }
    theirs = {name for name in used if not name.startswith(trace_names.OURS)}
    assert len(theirs) >= 15
    assert theirs - officially() == set()
    assert {*PROVIDERS.values(), OPENAI} - officially() == set()


def test_the_names_are_of_the_newest_version_that_the_packages_know() -> None:
    newest = max(
        (schema.value for schema in Schemas), key=lambda url: [int(n) for n in url.split("/")[-1].split(".")]
    )
    assert newest == trace_names.SCHEMA_URL
