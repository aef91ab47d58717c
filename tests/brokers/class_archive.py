"""Kafka's classes as a JVM keeps them, in a file: with it a node starts in half of the processor's time.

Rules
-----
* The first process that needs a Kafka makes the archive, by a node that starts and stops. Others that come
  meanwhile do not wait: they start without it.
* It is tried, then put in place by one renaming: half of one would crash every JVM that is given it.
* One of another Java is passed over by the JVM itself; one that cannot be made is missed by nobody.
"""

import fcntl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

from tests.brokers import DidNotStart
from tests.brokers.installation import Installation
from tests.brokers.kafka import RealKafka

RECORD_WAIT_S = 60.0  # to write the archive takes 4 s of two idle cores


def make_class_archive(found: Installation) -> None:
    """Make the archive, unless it is there or somebody is at it; takes some seconds."""
    if found.archive is None or found.archive.exists():
        return
    with _alone(found.archive) as is_alone:
        if is_alone and not found.archive.exists():
            _make(found.archive, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording(Installation):
    """Kafka that writes down, as it ends, the classes that it had."""

    recorded: Path

    def command(self, main_class: str, *arguments: str, name: str, directory: Path) -> list[str]:
        java, *rest = Installation.command(self, main_class, *arguments, name=name, directory=directory)
        return [java, f"-XX:ArchiveClassesAtExit={self.recorded}", "-Xlog:disable", *rest]


def _make(archive: Path, found: Installation) -> None:
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="incoming-") as incoming:
        recorded = Path(incoming, archive.name)
        same = {field.name: getattr(found, field.name) for field in fields(found)}
        try:
            with RealKafka(Path(incoming, "kafka"), _Recording(**same, recorded=recorded)) as kafka:
                has_ended = kafka.nodes[0].process.stop(RECORD_WAIT_S)
        except DidNotStart:
            return
        if has_ended and recorded.exists() and _serves(replace(found, archive=recorded)):
            recorded.rename(archive)


def _serves(found: Installation) -> bool:
    """Whether a small program of Kafka's runs with it."""
    command = found.command("kafka.tools.StorageTool", "random-uuid", name="trial", directory=Path())
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def _alone(archive: Path) -> Iterator[bool]:
    """Whether nobody else makes it."""
    with archive.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
