"""A Prometheus of a test's own, with our rules, that scrapes one address every second."""

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.brokers.daemon import Daemon
from tests.brokers.ports import free_ports
from tests.plain_http import NO_TLS

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"
EVERY = "1s"


class RealPrometheus:
    """Runs from `__enter__` to `__exit__`; its questions are asked by async tests."""

    def __init__(self, program: str, directory: Path, target: str) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        configuration = directory / "prometheus.yml"
        configuration.write_text(yaml.safe_dump(_configuration(target)), encoding="utf-8")
        command = [
            program,
            f"--config.file={configuration}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        name = f"stream-classifier-test-prometheus-{os.getpid()}-{port}"
        self.process = Daemon(name, command, directory / "prometheus.log")

    def __enter__(self) -> Self:
        self.process.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()

    async def ready(self) -> bool:
        """Whether it answers."""
        try:
            async with httpx.AsyncClient(base_url=self.url, verify=NO_TLS) as client:
                return (await client.get("/-/ready")).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    async def asked(self, what: str, **parameters: str) -> Any:
        """The `data` of its answer to `/api/v1/…`. Raises where it calls that an error."""
        async with httpx.AsyncClient(base_url=self.url, verify=NO_TLS) as client:
            answer = (await client.get(f"/api/v1/{what}", params=parameters)).json()
        if answer["status"] != "success":
            raise ValueError(f"{parameters}: {answer['error']}")
        return answer["data"]

    async def value(self, query: str) -> float | None:
        """A query's one value now; None where it has none."""
        rows = (await self.asked("query", query=query))["result"]
        return float(rows[0]["value"][1]) if rows else None


def _configuration(target: str) -> dict[str, Any]:
    jobs = [{"job_name": "stream-classifier", "static_configs": [{"targets": [target]}]}]
    return {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(RULES)],
        "scrape_configs": jobs,
    }
