"""Files of findings: what they keep, and what they say of how it was had."""

from pathlib import Path

import orjson
import pytest

from benchmarks import measured, tables
from benchmarks.figures import Curve, Figure, Findings, Picture
from benchmarks.measured import Machine, Measured
from stream_classifier.core.faults import OperatorFault

MACHINE = Machine(
    cores=2,
    processor="a fast one",
    memory_gib=8,
    system="Linux 6.1",
    architecture="x86_64",
    python="3.11",
    load=0,
)
CURVE = Curve(name="service", points={1: [3.0, 4.0], 2.5: [5.0]})
FINDINGS = Findings(
    title="Urgent tickets",
    figures=[
        Figure(name="p99", values=[2.0, 1.0], unit="ms", at_most=1.2),
        Figure(name="rate", values=[0.5], at_least=0.4),
    ],
    pictures=[Picture(name="p", title="T", x="x", y="y", curves=[CURVE])],
)


def found(*arguments: str, interrupted: bool = False) -> Measured:
    return measured.measured({"urgent": FINDINGS}, MACHINE, arguments, interrupted=interrupted)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "measured" / "urgent.json"
    measured.write(path, found("urgent"))
    read = measured.read(path)
    assert read is not None
    assert (read.command, read.machine) == ("python -m benchmarks urgent", MACHINE)
    assert [list(each.values) for each in read.benchmarks["urgent"].figures] == [[2, 1], [0.5]]
    assert dict(read.benchmarks["urgent"].pictures[0].curves[0].points) == CURVE.points
    assert [each.name for each in path.parent.iterdir()] == ["urgent.json"]


def test_programs_find_every_value_the_median_and_the_verdict() -> None:
    figure = orjson.loads(found("urgent").as_json())["benchmarks"]["urgent"]["figures"][0]
    assert (figure["values"], figure["median"], figure["holds"]) == ([2.0, 1.0], 1.5, False)


def test_nothing_is_measured_where_there_is_no_file(tmp_path: Path) -> None:
    assert measured.read(tmp_path / "urgent.json") is None


@pytest.mark.parametrize("content", [b"", b"{}", b'{"machine": {"cores": "two"}}'])
def test_a_file_that_no_benchmark_has_written_is_named_with_the_remedy(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "urgent.json"
    path.write_bytes(content)
    with pytest.raises(OperatorFault, match=r"urgent\.json is not what a benchmark.*all --only urgent"):
        measured.read(path)


@pytest.mark.parametrize(
    ("arguments", "command", "usual"),
    [
        (["urgent"], "python -m benchmarks urgent", True),
        (["urgent", "--json", "/tmp/x.json"], "python -m benchmarks urgent", True),
        (["urgent", "--json=/tmp/x.json"], "python -m benchmarks urgent", True),
        (["hour", "--samples", "/tmp/x.jsonl"], "python -m benchmarks hour", True),
        (["urgent", "--tickets", "200"], "python -m benchmarks urgent --tickets 200", False),
        (["cost", "--input", "/data/a.jsonl"], "python -m benchmarks cost --input a.jsonl", False),
        (["cost", "--input=/data/a.jsonl"], "python -m benchmarks cost --input=a.jsonl", False),
    ],
)
def test_the_command_is_kept_without_the_machine_s_paths(
    arguments: list[str], command: str, usual: bool
) -> None:
    assert (found(*arguments).command, found(*arguments).usual_size) == (command, usual)


def test_this_machine_is_described() -> None:
    machine = measured.this_machine()
    assert machine.cores >= 1
    assert machine.memory_gib > 0


def test_a_table_has_the_spread_and_the_number_of_runs() -> None:
    lines = tables.markdown(found("urgent")).splitlines()
    assert "| p99, ms | 1 | **1.5** | 2 | 2 | at most 1.2: **not held** |" in lines
    assert "| rate |  | **0.5** |  | 1 | at least 0.4 |" in lines


def test_a_table_names_the_command_and_the_machine() -> None:
    told = tables.markdown(found("urgent"))
    assert told.startswith("`python -m benchmarks urgent`:\n")
    assert "2 cores (a fast one), 8 GiB, Linux 6.1, Python 3.11; load average before it 0." in told


@pytest.mark.parametrize(
    ("arguments", "interrupted", "says"),
    [
        (["urgent", "--tickets", "9"], False, "**not at its usual size**"),
        (["urgent"], True, "**interrupted: what is here came before**"),
        (["urgent", "-x"], True, "**not at its usual size; interrupted: what is here came before**"),
    ],
)
def test_a_table_says_what_keeps_it_from_being_the_whole(
    arguments: list[str], interrupted: bool, says: str
) -> None:
    assert says in tables.markdown(found(*arguments, interrupted=interrupted)).splitlines()[0]
