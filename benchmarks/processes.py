"""The processes that are measured: the service as it runs elsewhere, the simulated provider, the bare loop.

Each is a process of its own, so that the benchmark's own work is not on its account. One that is paused
(SIGSTOP) uses nothing and keeps all it knows: so a topic is filled while its consumer, warm, stands still.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.kafka import Topics
from stream_classifier.lab.made_tickets import DEMO_TAXONOMY
from stream_classifier.observe.metrics import PREFIX
from tests.brokers.daemon import Daemon
from tests.brokers.ports import free_ports

HOST = "127.0.0.1"
START_WAIT_S = 30.0
POLL_S = 0.05


class DidNotStart(Exception):
    """A process ended early or was not ready in time; the text holds the end of its log."""


class Process(Daemon):
    """A daemon that serves HTTP at `url`, and whose use of the processor can be read."""

    def __init__(self, name: str, command: list[str], log: Path, url: str = "") -> None:
        super().__init__(f"benchmark-{name}-{os.getpid()}", command, log)
        self.url = url

    def cpu_s(self) -> float:
        """Seconds of processor time used so far, in user and system mode (Linux: /proc)."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """The memory that it has in use now, in MiB (Linux: /proc)."""
        assert self._process is not None
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    @property
    def pid(self) -> int:
        """Its number. To be asked while it runs."""
        assert self._process is not None
        return self._process.pid

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._signal(number)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The lines of its log that are of this event."""
        mark = f'"event":"{event}"'.encode()
        return [orjson.loads(line) for line in self._log.read_bytes().splitlines() if mark in line]

    async def ready(self, path: str, look_s: float = POLL_S) -> None:
        """Return when `path` answers 200, asked every `look_s`. Raises `DidNotStart`."""
        try:
            async with asyncio.timeout(START_WAIT_S), httpx.AsyncClient(base_url=self.url) as client:
                while not await _answers(client, path):
                    if not self.is_running:
                        raise DidNotStart(f"{self.name} ended early. Its log ends:\n{self.log_tail()}")
                    await asyncio.sleep(look_s)
        except TimeoutError as error:
            raise DidNotStart(f"{self.name} is not ready. Its log ends:\n{self.log_tail()}") from error

    async def get(self, path: str) -> httpx.Response:
        """What it answers."""
        async with httpx.AsyncClient(base_url=self.url) as client:
            return (await client.get(path)).raise_for_status()

    async def metrics(self) -> dict[str, dict[str, float]]:
        """All of its own metrics, of histograms the sums and counts: by name without the prefix, then by the
        values of their labels, joined with commas."""
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families((await self.get("/metrics")).text):
            for sample in family.samples:
                if sample.name.startswith(PREFIX) and not sample.name.endswith("_bucket"):
                    rows = found.setdefault(sample.name.removeprefix(PREFIX), {})
                    rows[",".join(sample.labels.values())] = sample.value
        return found

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels."""
        text = (await self.get("/metrics")).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"{PREFIX}{name}" and labels.items() <= sample.labels.items()
        )


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """The process, started; killed where the block ends, if it has not been stopped."""
    process.start()
    try:
        yield process
    finally:
        process.kill()


def simulator(directory: Path, *options: str, name: str = "simulator") -> Process:
    """The simulated provider, with options of `stream-classifier simulate-llm`."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "stream_classifier", "simulate-llm", "--port", str(port), *options]
    return Process(name, command, directory / f"{name}.log", f"http://{HOST}:{port}")


def service(
    directory: Path, topics: Topics, provider: Process, settings: Mapping[str, Any], name: str = ""
) -> Process:
    """`stream-classifier run` on these topics; `settings` are laid over the defaults, group by group. A
    `name` sets several of one group apart."""
    [port] = free_ports(1)
    file = directory / f"{topics.group_id}{name}.yaml"
    file.write_text(yaml.safe_dump(_configuration(topics, provider, port, settings)))
    command = [sys.executable, "-m", "stream_classifier", "run", "--config", str(file)]
    return Process(topics.group_id + name, command, file.with_suffix(".log"), f"http://{HOST}:{port}")


def _configuration(
    topics: Topics, provider: Process, port: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    ours: dict[str, dict[str, Any]] = {
        "kafka": {
            "bootstrap_servers": topics.bootstrap_servers,
            "input_topic": topics.input,
            "output_topic": topics.output,
            "dead_letter_topic": topics.dead_letters,
            "group_id": topics.group_id,
        },
        "llm": {"base_url": f"{provider.url}/v1"},
        "cache": {"backend": "memory"},
        "http": {"host": HOST, "port": port},
        "log": {"format": "json"},
        "taxonomy": dict(DEMO_TAXONOMY),
    }
    for group, values in settings.items():
        ours[group] = ours.get(group, {}) | values
    return ours


async def _answers(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
