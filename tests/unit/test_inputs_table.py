"""docs/inputs.md against the pipeline: each row's record is sent, and has the fate that its row says."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from stream_classifier.core import measures
from tests.unit.bad_inputs import SECTIONS
from tests.unit.lane_fakes import Record
from tests.unit.lane_world import World, world

PAGE = (Path(__file__).parents[2] / "docs" / "inputs.md").read_text(encoding="utf-8")
ROWS = [(section, name) for section, cases in SECTIONS.items() for name in cases]


class Row(NamedTuple):
    """One row of the page: the fate, and what a person is told."""

    fate: str
    told: str


def rows(section: str) -> dict[str, Row]:
    """A section's rows, by their first cell."""
    text = PAGE.split(f"\n### {section}\n")[1].split("\n#")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    return {name: Row(fate, told[0] if told else "") for name, fate, *told in cells}


async def fate(w: World, record: Record) -> str:
    """What became of the record, in the page's words."""
    w.read(record)
    while w.partition.ledger.position == 0:
        await w.outbox.until(len(w.outbox.sent) + 1)
    if w.outbox.dead:
        [dead] = w.outbox.dead
        assert (dead.key, dead.value) == (record.key, record.value)
        assert dead.headers[: len(record.headers)] == list(record.headers)
        return f"dead letter `{dict(dead.headers)['dlq.reason'].decode()}`"
    if not w.outbox.sent:
        [(rule,)] = w.tally.counters[measures.PASSED_OVER]
        return f"passed over: `{rule}`"
    [said] = {(sent.event["status"], sent.event["reason"]) for sent in w.outbox.sent}
    times = f"{len(w.outbox.sent):,} times " if len(w.outbox.sent) > 1 else ""
    return times + (said[0] if said[1] is None else f"`{said[0]}`, `{said[1]}`")


@pytest.mark.parametrize(("section", "name"), ROWS, ids=[name for _, name in ROWS])
async def test_a_record_has_the_fate_that_its_row_says(section: str, name: str) -> None:
    row = rows(section)[name]
    with capture_logs():  # an array has a line for each of its tickets
        async with world() as w:
            assert await fate(w, SECTIONS[section][name]) == row.fate
    sentence = dict(w.outbox.dead[0].headers)["dlq.error"].decode() if w.outbox.dead else ""
    for quoted in re.findall("“(.+?)”", row.told):
        assert quoted in sentence
    assert bool(sentence) == ("“" in row.told)
    if "`truncated`" in row.told:
        assert w.outbox.sent[0].event["truncated"]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_row_of_the_page_is_sent(section: str) -> None:
    assert list(rows(section)) == list(SECTIONS[section])
