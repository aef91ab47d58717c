"""Every recipe of docs/logs.md, as it stands there, on a log that the service has just written."""

import asyncio
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from stream_classifier.lab.simulator import ArmedFault
from tests.broker.night import DOCS
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.brokers.kafka import Kafka

BLOCK = re.compile(r"^```sh run\n(.*?)^```", re.MULTILINE | re.DOTALL)
RECIPES = [
    line for block in BLOCK.findall((DOCS / "logs.md").read_text("utf-8")) for line in block.splitlines()
]
NAMED_TICKET = 4711  # in the recipes
NAMED_EVENT = "tickets:0:17"


async def an_eventful_log(stream: Stream, member: Member) -> None:
    """All that a recipe asks for: labels, an urgent one, a dead letter, a review, a pause that is over."""
    await stream.put([*(ticket(number) for number in range(20)), ticket(NAMED_TICKET, priority="urgent")])
    await stream.put([b"no ticket", ticket(21, "")])
    await stream.settled()
    stream.simulator.faults.arm("http_503")
    await stream.put(ticket(number) for number in range(30, 40))
    await member.until_logged("provider_paused")
    stream.simulator.faults.clear()
    await member.until_logged("provider_resumed")
    await stream.settled()
    member.process.terminate()
    assert await member.exited() == 0


async def output_of(recipe: str, directory: Path) -> str:
    process = await asyncio.create_subprocess_shell(
        f"set -o pipefail; {recipe}",
        executable=shutil.which("bash"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=directory,
    )
    said, wrong = await process.communicate()
    assert process.returncode == 0, f"{recipe}: {wrong.decode()}"
    return said.decode()


def empty(outputs: Iterable[tuple[str, str]]) -> list[str]:
    return [recipe for recipe, output in outputs if not output.strip()]


@pytest.mark.usefixtures("jq")
async def test_every_recipe_finds_what_it_looks_for_in_a_real_log(kafka: Kafka, tmp_path: Path) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, log__level="debug") as stream:
        member = await stream.working_member()
        await an_eventful_log(stream, member)
        (tmp_path / "log.jsonl").write_bytes(member.log_file.read_bytes())
        event = NAMED_EVENT.replace("tickets", stream.tickets)
    shutil.copy(DOCS / "questions.jq", tmp_path)
    recipes = [recipe.replace(NAMED_EVENT, event) for recipe in RECIPES]
    outputs = [(recipe, await output_of(recipe, tmp_path)) for recipe in recipes]
    assert len(recipes) >= 15
    assert empty(outputs) == []


@pytest.mark.usefixtures("jq")
async def test_a_tickets_journey_has_the_call_that_failed_and_the_call_that_answered(
    kafka: Kafka, tmp_path: Path
) -> None:
    async with a_stream(kafka.bootstrap_servers, tmp_path, log__level="debug") as stream:
        member = await stream.working_member()
        stream.simulator.faults.replace([ArmedFault(name="http_503", count=1)])
        await stream.put([ticket(1)])
        await stream.settled()
        await member.until_logged("bulk_ticket")
        journey = f'include "questions"; log | journey_of("{stream.tickets}:0:0") | "\\(.event) \\(.outcome)"'
        said = await output_of(f"jq -L '{DOCS}' -nRr '{journey}' {member.log_file}", tmp_path)
    assert said.splitlines() == [
        *("call_begun null", "model_call server_error", "call_begun null", "model_call answered"),
        "bulk_ticket null",
    ]
