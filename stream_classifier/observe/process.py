"""What is told of the process itself beside what Prometheus' client knows: what runs, its memory's limit,
how many tasks there are.

A container is killed at its limit, so how near it is matters more than how much is used. The limit is the
control group's; where the group has none, or cannot be read, nothing is told.
"""

import asyncio
from pathlib import Path

from stream_classifier import __version__
from stream_classifier.core import measures
from stream_classifier.core.tally import GaugeRows, Tally

CGROUP = Path("/sys/fs/cgroup")
LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")  # of version 2, and of version 1
UNLIMITED_BYTES = 1 << 60  # version 1 says "none" by a number that no machine has


def declare_process(tally: Tally, settings_digest: str) -> None:
    """Declare the gauges of the process."""
    limit_bytes = memory_limit_bytes(CGROUP)
    limit: GaugeRows = {} if limit_bytes is None else {(): limit_bytes}
    tally.gauge(measures.MEMORY_LIMIT, lambda: limit)
    tally.gauge(measures.TASKS, lambda: {(): len(asyncio.all_tasks())})
    tally.gauge(measures.BUILD, lambda: {(__version__, settings_digest): 1})


def memory_limit_bytes(cgroup: Path) -> int | None:
    """What the control group that is mounted there may use; None where there is no limit."""
    for name in LIMIT_FILES:
        try:
            said = (cgroup / name).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        return int(said) if said.isdecimal() and int(said) < UNLIMITED_BYTES else None
    return None
