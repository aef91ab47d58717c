"""An error that nobody expected, on the command line: told by its type and its frames, quoting nothing."""

import asyncio
import io
import json
from collections.abc import Coroutine
from typing import Any

import pytest
import typer

from stream_classifier.cli.errors import FAILED, show
from stream_classifier.cli.run import to_its_end
from stream_classifier.core.faults import OperatorFault
from stream_classifier.observe import logs

TEXT = "my card is 4111"


async def a_crash() -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_broken())


async def _broken() -> None:
    await asyncio.sleep(0)
    raise KeyError(TEXT)


async def a_fault() -> None:
    raise OperatorFault("Set kafka.bootstrap_servers.")


def told(service: Coroutine[Any, Any, None], ends_with: type[BaseException]) -> dict[str, Any]:
    """The only line of a service that ends like that."""
    stream = io.StringIO()
    logs.configure("info", "json", 50, stream)
    with pytest.raises(ends_with):
        to_its_end(service)
    line: dict[str, Any] = json.loads(stream.getvalue())
    return line


def test_a_service_that_breaks_says_where_in_the_log_and_quotes_nothing() -> None:
    line = told(a_crash(), typer.Exit)
    assert (line["event"], line["level"], line["error"]) == ("service_failed", "error", "ExceptionGroup")
    assert line["exception"][1]["type"] == "KeyError"
    assert "_broken" in line["exception"][1]["frames"][-1]
    assert TEXT not in json.dumps(line)


def test_a_fault_that_ends_the_service_stands_in_the_log_and_goes_on_to_the_command_line() -> None:
    line = told(a_fault(), OperatorFault)
    assert (line["event"], line["error"]) == ("service_failed", "Set kafka.bootstrap_servers.")
    assert "exception" not in line


def test_a_command_that_breaks_prints_its_frames_and_quotes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise KeyError(TEXT)
    except KeyError as error:
        status = show(error)
    said = capsys.readouterr().err
    assert status == FAILED
    assert "test_cli_crash.py" in said
    assert "KeyError" in said
    assert TEXT not in said
