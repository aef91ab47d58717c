"""docs/simulate-llm.md against the code: the faults with their sentences, and the settings of one."""

import re
from dataclasses import fields
from pathlib import Path

from stream_classifier.lab.simulator import FAULTS, ArmedFault, Dialect
from stream_classifier.lab.simulator.faults import Fault

PAGE = (Path(__file__).parents[2] / "docs" / "simulate-llm.md").read_text(encoding="utf-8")


def row(fault: Fault) -> str:
    return f"| `{fault.name}` | {fault.says} | {'' if fault.detectable else 'undetectable '}|"


def rows_of_table(heading: str) -> list[str]:
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return table.splitlines()[2:]


def test_the_table_of_faults_is_the_table_in_the_code() -> None:
    assert rows_of_table("fault") == [row(fault) for fault in FAULTS.values()]


def test_every_setting_of_a_fault_is_documented() -> None:
    documented = [re.match(r"\| `(\w+)`", line) for line in rows_of_table("setting")]
    settings = [field.name for field in fields(ArmedFault) if field.name != "name"]
    assert sorted(match[1] for match in documented if match) == sorted(settings)


def test_every_dialect_is_documented() -> None:
    assert all(f"`{dialect}`" in PAGE for dialect in Dialect)
