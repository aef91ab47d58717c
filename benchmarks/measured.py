"""What one command has measured, kept: `docs/measured/NAME.json`, from which the documentation is made.

Rules
-----
* A file holds every value of every run, the command, the machine and how busy it was; nothing that names the
  place where it ran: of a file that was read only its own name.
* What was cut short, or measured at another size than the usual one, says so.
* A file is written whole or not at all.
"""

import os
import platform
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from benchmarks.figures import Findings
from stream_classifier.core.faults import OperatorFault

DIRECTORY = Path(__file__).parents[1] / "docs" / "measured"
JSON_OPTION = "--json"
FILE_OPTIONS = (JSON_OPTION, "--samples")
"""They name where something is written, and change nothing that is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What figures depend on most. `load` is how many processes wanted a core in the minute before."""

    cores: int
    processor: str
    memory_gib: float
    system: str
    architecture: str
    python: str
    load: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The findings of one command by name."""

    command: str
    usual_size: bool
    interrupted: bool
    date: str
    machine: Machine
    benchmarks: Mapping[str, Findings]

    @property
    def whole(self) -> bool:
        """At the usual size, and not cut short."""
        return self.usual_size and not self.interrupted

    def as_json(self) -> bytes:
        """All of it, with each figure's median and verdict."""
        written = ADAPTER.dump_python(self, mode="json")
        for name, findings in self.benchmarks.items():
            figures = zip(written["benchmarks"][name]["figures"], findings.figures, strict=True)
            for into, figure in figures:
                into |= {"median": figure.middle, "holds": figure.holds}
        return orjson.dumps(written, option=orjson.OPT_INDENT_2) + b"\n"


ADAPTER = TypeAdapter(Measured)


def measured(
    benchmarks: Mapping[str, Findings], machine: Machine, arguments: Sequence[str], *, interrupted: bool
) -> Measured:
    """What was found on this machine by `python -m benchmarks ARGUMENTS`."""
    told = without_files(arguments)
    return Measured(
        command=shlex.join(["python", "-m", "benchmarks", *map(_named, told)]),
        usual_size=len(told) == 1,
        interrupted=interrupted,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        machine=machine,
        benchmarks=benchmarks,
    )


def write(path: Path, found: Measured) -> None:
    """In the place of what stood there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(found.as_json())
    new.replace(path)


def read(path: Path) -> Measured | None:
    """None where there is no such file. Raises `OperatorFault` for one that was not written by `write`."""
    try:
        return ADAPTER.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise OperatorFault(
            f"{path} is not what a benchmark has written ({where}: {first['msg']}). Measure again: "
            f"python -m benchmarks all --only {path.stem}"
        ) from error


def this_machine() -> Machine:
    """As it is now."""
    return Machine(
        cores=os.cpu_count() or 1,
        processor=_processor(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        architecture=platform.machine(),
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 1),
    )


def without_files(arguments: Sequence[str]) -> list[str]:
    """The command without where it writes."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument in FILE_OPTIONS:
            next(rest, None)
        elif argument.partition("=")[0] not in FILE_OPTIONS:
            kept.append(argument)
    return kept


def _named(argument: str) -> str:
    option, equals, value = argument.rpartition("=")
    return option + equals + (PurePath(value).name or value)


def _processor() -> str:
    """Its model, by Linux; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    models: list[Any] = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
