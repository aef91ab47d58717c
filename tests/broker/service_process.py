"""A member of the group: `stream-classifier run` as a process of its own.

It can be killed, frozen and told to stop, and is judged by what an operator sees of it: its log, its probes
and its exit status.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.brokers.warden import the_warden
from tests.patience import ASK_EVERY_S, PATIENCE_S, until
from tests.plain_http import NO_TLS

LOG_TAIL_CHARS = 4_000

Event = dict[str, Any]


@dataclass(slots=True, eq=False)
class Member:
    """One process of the group."""

    name: str
    process: asyncio.subprocess.Process
    log_file: Path
    http: str

    @property
    def log(self) -> list[Event]:
        """Its log so far, a line an entry; what is no JSON is a line of `text`."""
        return [_log_line(line) for line in self.log_file.read_text().splitlines()]

    def logged(self, event: str, **fields: Any) -> list[Event]:
        """The lines of this event with these fields."""
        lines = [line for line in self.log if line.get("event") == event]
        return [line for line in lines if fields.items() <= line.items()]

    async def until_logged(self, event: str, times: int = 1, **fields: Any) -> Event:
        """Wait for the event; returned is the line that was the last to be waited for. Fails at once, with
        the end of the log, where the process has ended without it."""

        def told() -> bool:
            enough = len(self.logged(event, **fields)) >= times
            assert enough or self.process.returncode is None, self.log_file.read_text()[-LOG_TAIL_CHARS:]
            return enough

        await until(told)
        return self.logged(event, **fields)[times - 1]

    async def until_assigned(self, count: int, after: int = 0) -> None:
        """Wait until it was given so many partitions, in an assignment later than the first `after`."""

        def given() -> bool:
            lines = self.logged("partitions_assigned")[after:]
            return bool(lines) and len(lines[-1]["partitions"]) == count

        await until(given)

    def tell(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def kill(self) -> None:
        """Kill it, as the machine's end would."""
        self.process.kill()
        await self.exited()

    async def exited(self) -> int:
        """Wait for its end; returned is the exit status."""
        async with asyncio.timeout(PATIENCE_S):
            status = await self.process.wait()
        the_warden().forget(self.name)
        return status

    async def get(self, path: str) -> httpx.Response:
        """Ask its HTTP face."""
        async with httpx.AsyncClient(verify=NO_TLS) as client:
            return await client.get(self.http + path)

    async def metrics(self) -> dict[str, float]:
        """Its metrics: `name{labels}` without the prefix, and the value."""
        lines = (await self.get("/metrics")).text.splitlines()
        rows = (line.rsplit(" ", 1) for line in lines if line.startswith("stream_classifier_"))
        return {name.removeprefix("stream_classifier_"): float(value) for name, value in rows}

    async def until_metric(self, name: str, holds: Callable[[float], bool]) -> None:
        """Wait until the metric is there and holds."""

        async def met() -> bool:
            value = (await self.metrics()).get(name)
            return value is not None and holds(value)

        await until(met, look_s=ASK_EVERY_S)


async def start_member(name: str, config: Path, log_file: Path, port: int) -> Member:
    """Start the process, not waiting for anything that it does."""
    with log_file.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream_classifier", "run", "--config", str(config)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"NO_COLOR": "1"},
        )
    the_warden().remember(name, ["sh", "-c", f"kill -9 {process.pid}"])
    return Member(name, process, log_file, f"http://127.0.0.1:{port}")


def _log_line(line: str) -> Event:
    try:
        read: Event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {"text": line}
    return read
