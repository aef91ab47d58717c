"""A night with a fault in it: the real service, and a reader who has nothing but its log and the recipes.

Rules
-----
* The provider is well first, so that the log holds good calls as well; then it fails, and tickets go on
  coming.
* The reader asks again and again, as a person would, until the recipes name somebody. Where a fault is to
  show nowhere, they are asked when all is done.
* A name is right only if nobody else is named beside it.
"""

import asyncio
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream_classifier.lab.simulator import FAULTS, ArmedFault, SimulatorOptions
from tests.broker.service_process import Member
from tests.broker.stream import Stream, a_stream, ticket
from tests.patience import PATIENCE_S

DOCS = Path(__file__).parents[2] / "docs"
CULPRIT = "is_it_the_provider_or_us"
NOBODY = "nobody"
BEFORE, MEANWHILE = 40, 60  # tickets
SLOW_S, DELAY_S = 1.0, 2.0
LOOK_S = 0.5
SETTINGS: dict[str, Any] = {
    "llm__timeout_s": 4,
    "urgent__timeout_s": 4,
    "urgent__deadline_s": 6,
    "llm__max_attempts": 3,
    "log__max_per_event_per_s": 50,
}

WHO = {
    **dict.fromkeys(("reset", "close", "hang", "down", "slow"), "the provider"),
    **dict.fromkeys(("http_500", "http_502", "http_503", "http_529", "html_200"), "the provider"),
    **dict.fromkeys(("no_choices", "error_in_200"), "the provider"),
    **dict.fromkeys(("refusal", "content_filter", "content_filter_400"), "the provider"),
    **dict.fromkeys(("rate_limited", "quota", "key_refused"), "the account"),
    **dict.fromkeys(("forbidden", "model_unknown", "context_overflow", "http_413"), "our settings"),
    **dict.fromkeys(("length", "prose", "schema_ignored", "broken_json", "empty_content"), "the model"),
    **dict.fromkeys(("missing", "swapped", "slid_answers", "duplicate_keys", "wrong_check"), "the model"),
    **dict.fromkeys(("unknown_label", "unsure"), "the model"),
    # What the service mends by itself, or what costs nothing:
    **dict.fromkeys(("json_schema_refused", "json_object_refused", "parameter_refused"), NOBODY),
    **dict.fromkeys(("fenced", "extra_answer", "no_usage"), NOBODY),
    # What nobody outside the model can see:
    **dict.fromkeys(("wrong_label", "slid_labels", "obeyed_order"), NOBODY),
}
"""Whom the log must name, by the provider's fault."""
assert WHO.keys() == FAULTS.keys(), "every fault there is has its row"

MILD = {"missing", "swapped", "duplicate_keys", "wrong_check", "unknown_label", "unsure"}
"""Faults that hit one answer of a call unless told otherwise: here half of them."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the log said, how long after the fault began."""

    culprit: str
    working: str
    after_s: float

    @property
    def names(self) -> set[str]:
        """Who was named."""
        return {said.partition(":")[0] for said in self.culprit.split(" | ")}


async def read(log_file: Path, recipe: str, **settings: float) -> str:
    """What a recipe of docs/questions.jq says of a log."""
    named = [part for name, value in settings.items() for part in ("--argjson", name, json.dumps(value))]
    jq = shutil.which("jq")
    assert jq is not None
    process = await asyncio.create_subprocess_exec(
        *(jq, "-nRr", "-L", str(DOCS), *named, f'include "questions"; log | {recipe}', str(log_file)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await process.communicate()
    assert process.returncode == 0, wrong.decode()
    return said.decode().strip()


async def a_night(bootstrap_servers: str, directory: Path, fault: str) -> Told:
    """What the log says while the provider has this fault."""
    provider = SimulatorOptions(latency_s=0.05)
    async with a_stream(bootstrap_servers, directory, provider=provider, **SETTINGS) as stream:
        member = await stream.working_member()
        await stream.put(ticket(number) for number in range(BEFORE))
        await stream.until_events(BEFORE)
        stream.simulator.faults.replace([_order(fault)])
        return await _asked(stream, member, WHO[fault])


def _order(fault: str) -> ArmedFault:
    delay_s = DELAY_S if fault == "slow" else None
    retry_after_s = 1.0 if fault == "rate_limited" else None
    amount = 5 if fault in MILD else 1
    return ArmedFault(name=fault, amount=amount, delay_s=delay_s, retry_after_s=retry_after_s)


async def _asked(stream: Stream, member: Member, expected: str) -> Told:
    began = time.monotonic()
    await stream.put(ticket(number) for number in range(BEFORE, BEFORE + MEANWHILE))
    await stream.put([ticket(1_000, priority="urgent")])
    if expected == NOBODY:
        await stream.settled()
    deadline = began + PATIENCE_S
    while True:
        told = Told(
            await read(member.log_file, CULPRIT, slow_s=SLOW_S),
            await read(member.log_file, "is_it_working", slow_s=SLOW_S),
            round(time.monotonic() - began, 1),
        )
        if told.names != {NOBODY} or expected == NOBODY or time.monotonic() > deadline:
            return told
        await asyncio.sleep(LOOK_S)
