"""All that the documentation claims, measured one after the other: what there is, and how a run of all goes.

Rules
-----
* Each benchmark is its own command in a process of its own, as the documentation names it: what one leaves
  behind in memory is not another's burden, and one that crashes or hangs does not end the run.
* One Kafka serves them all, so that its broker is warm.
* A file that is there is replaced only by one that is whole, or where it was not whole itself.
* Ctrl-C ends the one that is measured and the run; what was measured before is kept.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from benchmarks import measured
from benchmarks.measured import JSON_OPTION
from tests.interrupts import ctrl_c_is_heeded

LATE_FACTOR = 3  # so much slower a machine may be; what takes longer hangs
LATE_MIN_S = 300.0  # short ones spend most of their time on what starts with them
PROGRAM = (sys.executable, "-m", "benchmarks")
END_WAIT_S = 60.0  # for an interrupted one to end its own processes


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One command of `python -m benchmarks`: about how long it takes at its usual size, on two cores; what it
    needs beyond the repository; and whether it is measured only where it is named."""

    name: str
    minutes: float
    needs: Sequence[str] = ("Kafka",)
    only_named: bool = False
    late_min_s: float = LATE_MIN_S

    @property
    def late_s(self) -> float:
        """After which it is taken to hang."""
        return max(self.minutes * 60 * LATE_FACTOR, self.late_min_s)


SUITE: Sequence[Benchmark] = (
    Benchmark(name="hot-path", minutes=9, needs=("Kafka", "Redis")),
    Benchmark(name="growth", minutes=14),
    Benchmark(name="goodput", minutes=33),
    Benchmark(name="article", minutes=4),
    Benchmark(name="urgent", minutes=7),
    Benchmark(name="limits", minutes=3),
    Benchmark(name="delivery", minutes=10),
    Benchmark(name="scrape", minutes=3),
    Benchmark(name="memory", minutes=9),
    Benchmark(name="steady", minutes=4),
    Benchmark(name="start", minutes=1),
    Benchmark(name="hour", minutes=66, only_named=True),
    Benchmark(name="cache", minutes=3, needs=("Redis, or it is left out",)),
    Benchmark(name="rolling-restart", minutes=11, needs=("Kafka", "Redis")),
    Benchmark(name="projection", minutes=4, needs=()),
    Benchmark(name="faults", minutes=2, needs=()),
    Benchmark(name="updates", minutes=2, needs=()),
    Benchmark(name="cost", minutes=4, needs=("npm, once",)),
    Benchmark(name="ratios", minutes=1, needs=()),
    Benchmark(name="leaks", minutes=0.2, needs=()),
    Benchmark(name="redaction", minutes=0.5, needs=()),
)
"""In the order in which they are measured."""


class Outcome(Enum):
    """What became of one, as it is told."""

    HELD = "held"
    NOT_HELD = "does not hold what is required"
    FAILED = "failed"
    LATE = "hung, and was ended"
    DONE = "was measured before"


Start = Callable[[Benchmark, Path], Outcome]
"""Measures one and writes its file. Raises KeyboardInterrupt when it has ended after a Ctrl-C."""


def chosen(only: Iterable[str]) -> list[Benchmark]:
    """Those that are named, else all but those that want to be. Raises KeyError for a name that is none."""
    by_name = {each.name: each for each in SUITE}
    names = list(only)
    return [by_name[name] for name in names] if names else [each for each in SUITE if not each.only_named]


def measure_all(
    benchmarks: Sequence[Benchmark],
    into: Path,
    *,
    skip_done: bool,
    start: Start,
    tell: Callable[[str], None],
) -> dict[str, Outcome]:
    """One after the other; files go `into` a directory. After a Ctrl-C it holds what there is by then."""
    outcomes: dict[str, Outcome] = {}
    for number, benchmark in enumerate(benchmarks):
        target = into / f"{benchmark.name}.json"
        if skip_done and is_whole(target):
            outcomes[benchmark.name] = Outcome.DONE
            continue
        minutes = sum(each.minutes for each in benchmarks[number:])
        tell(f"{benchmark.name}: about {benchmark.minutes:g} minutes, {minutes:.0f} with what is left")
        new = target.with_suffix(".now")
        try:
            outcomes[benchmark.name] = start(benchmark, new)
        except KeyboardInterrupt:
            tell("interrupted: what was measured is kept")
            break
        finally:
            _replace(target, new)
    return outcomes


def is_whole(path: Path) -> bool:
    """Whether a file holds a benchmark at its usual size, not cut short."""
    found = measured.read(path)
    return found is not None and found.whole


def _replace(target: Path, new: Path) -> None:
    if new.exists():
        if is_whole(new) or not is_whole(target):
            new.replace(target)
        else:
            new.unlink()


def in_a_process(environment: Mapping[str, str], program: Sequence[str] = PROGRAM) -> Start:
    """As the documentation has it, in this environment."""

    def start(benchmark: Benchmark, into: Path) -> Outcome:
        into.parent.mkdir(parents=True, exist_ok=True)
        command = [*program, benchmark.name, JSON_OPTION, str(into)]
        with ctrl_c_is_heeded():
            process = subprocess.Popen(command, env=dict(environment), start_new_session=True)
        try:
            status = process.wait(benchmark.late_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return Outcome.LATE
        except KeyboardInterrupt:
            _end(process)
            raise
        return _outcome(status, into)

    return start


def _outcome(status: int, into: Path) -> Outcome:
    if status == 0:
        return Outcome.HELD
    # A command that has measured all and found wanting has written a whole file; one that broke has not.
    return Outcome.NOT_HELD if is_whole(into) else Outcome.FAILED


def _end(process: subprocess.Popen[bytes]) -> None:
    """So that it ends what it has started; a terminal's Ctrl-C has not reached it in its own session."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(END_WAIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
