"""A run of all benchmarks: it goes on, it goes on again, and it keeps what it has."""

import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.main import get_command

from benchmarks import measured, suite
from benchmarks.commands import app
from benchmarks.figures import Figure, Findings
from benchmarks.suite import SUITE, Benchmark, Outcome
from tests.unit.test_measured import MACHINE

NOT_BENCHMARKS = {"all", "document", "list", "sizing"}
ONE, TWO, THREE = (Benchmark(name=name, minutes=minutes) for name, minutes in (("a", 1), ("b", 2), ("c", 3)))


def write(path: Path, value: float, *, interrupted: bool = False, arguments: Iterable[str] = ()) -> None:
    figures = [Figure(name="rate", values=[value])]
    found = {path.stem: Findings(title="t", figures=figures)}
    measured.write(path, measured.measured(found, MACHINE, [path.stem, *arguments], interrupted=interrupted))


def value(path: Path) -> float:
    found = measured.read(path)
    assert found is not None
    [findings] = found.benchmarks.values()
    return findings.figures[0].middle


class Machinery:
    """Starts nothing: each benchmark ends as it is told, with a file of its turn's number."""

    def __init__(self, **outcomes: Outcome | type[BaseException]) -> None:
        self.outcomes = outcomes
        self.told: list[str] = []
        self.turns = 0

    def __call__(self, benchmark: Benchmark, into: Path) -> Outcome:
        self.turns += 1
        outcome = self.outcomes.get(benchmark.name, Outcome.HELD)
        whole = outcome in {Outcome.HELD, Outcome.NOT_HELD}
        if outcome is not Outcome.FAILED:
            write(into, self.turns, interrupted=not whole)
        if isinstance(outcome, type):
            raise outcome
        return outcome

    def measure(self, into: Path, *, skip_done: bool = False) -> dict[str, Outcome]:
        return suite.measure_all(
            [ONE, TWO, THREE], into, skip_done=skip_done, start=self, tell=self.told.append
        )


def test_every_command_is_in_the_table_and_the_table_has_only_commands() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {each.name for each in SUITE} == commands - NOT_BENCHMARKS


def test_no_benchmark_is_there_twice() -> None:
    assert len({each.name for each in SUITE}) == len(SUITE)


def test_what_is_named_is_chosen_and_else_all_that_need_no_name() -> None:
    assert [each.name for each in suite.chosen(["urgent"])] == ["urgent"]
    assert suite.chosen([]) == [each for each in SUITE if not each.only_named]
    with pytest.raises(KeyError):
        suite.chosen(["nothing"])


def test_one_that_fails_and_one_that_does_not_hold_end_no_others(tmp_path: Path) -> None:
    outcomes = Machinery(a=Outcome.FAILED, b=Outcome.NOT_HELD).measure(tmp_path)
    assert outcomes == {"a": Outcome.FAILED, "b": Outcome.NOT_HELD, "c": Outcome.HELD}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "c.json"]


def test_each_is_told_with_the_time_that_is_left(tmp_path: Path) -> None:
    machinery = Machinery()
    machinery.measure(tmp_path)
    assert machinery.told[1] == "b: about 2 minutes, 5 with what is left"


def test_a_run_that_goes_on_measures_only_what_has_no_whole_file(tmp_path: Path) -> None:
    write(tmp_path / "a.json", 70)
    write(tmp_path / "b.json", 80, interrupted=True)
    write(tmp_path / "c.json", 90, arguments=["--tickets", "5"])
    outcomes = Machinery().measure(tmp_path, skip_done=True)
    assert outcomes == {"a": Outcome.DONE, "b": Outcome.HELD, "c": Outcome.HELD}
    assert [value(tmp_path / f"{name}.json") for name in "abc"] == [70, 1, 2]


def test_after_an_interruption_what_was_measured_is_kept_and_nothing_more_begun(tmp_path: Path) -> None:
    machinery = Machinery(b=KeyboardInterrupt)
    assert machinery.measure(tmp_path) == {"a": Outcome.HELD}
    assert machinery.turns == 2
    assert [value(tmp_path / f"{name}.json") for name in "ab"] == [1, 2]


def test_half_a_file_does_not_take_the_place_of_a_whole_one(tmp_path: Path) -> None:
    write(tmp_path / "b.json", 80)
    Machinery(b=Outcome.LATE).measure(tmp_path)
    assert value(tmp_path / "b.json") == 80
    assert list(tmp_path.glob("*.now")) == []


def test_a_whole_file_takes_the_place_of_half_a_one(tmp_path: Path) -> None:
    write(tmp_path / "b.json", 80, interrupted=True)
    Machinery().measure(tmp_path)
    assert value(tmp_path / "b.json") == 2


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        ("import sys; sys.exit(0)", Outcome.HELD),
        ("import sys; sys.exit(1)", Outcome.FAILED),
        (
            "import os, sys, shutil; shutil.copy(os.environ['WHOLE'], sys.argv[-1]); sys.exit(1)",
            Outcome.NOT_HELD,
        ),
        ("import time; time.sleep(60)", Outcome.LATE),
    ],
)
def test_a_process_is_judged_by_its_end_and_by_what_it_has_written(
    tmp_path: Path, program: str, outcome: Outcome
) -> None:
    write(tmp_path / "whole.json", 1)
    quick = Benchmark(name="a", minutes=0.01, late_min_s=1.0 if outcome is Outcome.LATE else 30.0)
    start = suite.in_a_process({"WHOLE": str(tmp_path / "whole.json")}, [sys.executable, "-c", program])
    assert start(quick, tmp_path / "a.now") is outcome
