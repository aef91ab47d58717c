"""`docs/formats.md` and the examples say what the code does."""

import json
import re
from pathlib import Path

import orjson
import pytest

from stream_classifier.core.formats.passing import WHY, PassRule
from stream_classifier.core.ticket import AVAILABLE_FORMATS, TicketReader
from tests.unit.made_payloads import MADE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text()


def section(title: str) -> str:
    return re.split(r"^## ", PAGE.split(f"## {title}\n")[1], flags=re.MULTILINE)[0]


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)


def test_every_format_is_in_the_table() -> None:
    assert {"auto", *first_cells(PAGE.split("## Where")[0])} == set(AVAILABLE_FORMATS)


def test_every_rule_is_in_the_table_and_says_why() -> None:
    assert first_cells(section("What is passed over")) == [rule.value for rule in PassRule]
    assert WHY.keys() == set(PassRule)


@pytest.mark.parametrize("block", re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
def test_every_example_is_read_with_its_text(block: str) -> None:
    (ticket,) = TicketReader().read(orjson.dumps(json.loads(block)))
    assert ticket.subject
    assert ticket.body


def test_the_examples_of_all_shapes_are_those_of_the_tests() -> None:
    lines = (ROOT / "examples" / "helpdesks.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [case.payload for case in MADE]
