"""Ends what a test run leaves behind, also where the test run was killed.

A process of its own, in a session of its own, so that neither Ctrl-C nor a kill of the test run reaches it.
It reads lines from stdin, whose other end only the test run holds:

    {"name": "redis", "command": ["kill", "-9", "4711"]}     remember
    {"name": "redis", "command": null}                       forget: it has ended in good order

When stdin closes, for whatever reason, it runs what it still remembers, the latest first, and exits.
(PR_SET_PDEATHSIG would need a preexec_fn, which is unsafe beside threads, and is Linux only.)
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from typing import IO


class Warden:
    """The test run's end of the pipe."""

    def __init__(self) -> None:
        process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        assert process.stdin is not None
        self._process, self._pipe = process, process.stdin

    def remember(self, name: str, command: Sequence[str]) -> None:
        """Has `command` run when this test run ends, unless `forget(name)` comes first."""
        self._tell(name, command)

    def forget(self, name: str) -> None:
        self._tell(name, None)

    def _tell(self, name: str, command: Sequence[str] | None) -> None:
        self._pipe.write(json.dumps({"name": name, "command": command}) + "\n")
        self._pipe.flush()


@cache
def the_warden() -> Warden:
    """One for the whole test run, started by the first daemon."""
    return Warden()


def watch(lines: IO[str]) -> None:
    """The warden's whole life: remember and forget until the pipe closes, then run what is left."""
    remembered: dict[str, list[str]] = {}
    for line in lines:
        word = json.loads(line)
        remembered.pop(word["name"], None)
        if word["command"] is not None:
            remembered[word["name"]] = word["command"]
    for command in reversed(remembered.values()):
        subprocess.run(command, check=False)


if __name__ == "__main__":
    watch(sys.stdin)
