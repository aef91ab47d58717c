"""A broker's process: started, stopped, killed, frozen, thawed, started again; never outlives the tests.

Blocking throughout, for fixtures. An async test hands the slow calls to a thread, so that its own loop
turns on: `await asyncio.to_thread(daemon.stop)`.
"""

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.brokers.warden import the_warden

STOP_WAIT_S = 20.0  # for a clean exit; then it is killed
LOG_TAIL_BYTES = 4_000  # shown where a broker does not start


class Daemon:
    """One process under a unique `name`. Where it runs in a container of that name, signals go to that."""

    def __init__(self, name: str, command: Sequence[str], log: Path, *, in_container: bool = False) -> None:
        self.name = name
        self._command = list(command)
        self._log = log
        self._in_container = in_container
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts the process, its output appended to the log. Does nothing where it runs already."""
        if self.is_running:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        the_warden().remember(self.name, self._last_command(self._process.pid))

    def stop(self, wait_s: float = STOP_WAIT_S) -> bool:
        """Asks for a clean exit, and kills after `wait_s`; returned is whether it ended by itself."""
        self._signal(signal.SIGTERM)
        ended = self.has_exited_within(wait_s)
        if not ended:
            self.kill()
        the_warden().forget(self.name)
        return ended

    def kill(self) -> None:
        """Kills at once, as a crash would; returns when the process is gone."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        the_warden().forget(self.name)

    def freeze(self) -> None:
        """Stops the process in its tracks: its sockets stay open and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen process run on."""
        self._signal(signal.SIGCONT)

    def has_exited_within(self, wait_s: float) -> bool:
        """Waits for the process to end by itself, at most `wait_s`."""
        if self._process is None:
            return True
        try:
            self._process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def log_tail(self) -> str:
        """The end of what the process has said."""
        return self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace") if self._log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or not self.is_running:
            return
        if self._in_container:
            subprocess.run(self._docker_kill(number), check=False, capture_output=True)
        else:
            self._process.send_signal(number)

    def _last_command(self, process_id: int) -> list[str]:
        """What the warden runs; `kill` as the shell has it, for small images have no program of that name."""
        if self._in_container:
            return self._docker_kill(signal.SIGKILL)
        return ["sh", "-c", f"kill -9 {process_id}"]

    def _docker_kill(self, number: signal.Signals) -> list[str]:
        return ["docker", "kill", f"--signal={number.name}", self.name]
