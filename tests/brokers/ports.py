"""Ports for brokers that are stopped and started again at the same address."""

import os
import random
import socket
from collections.abc import Iterator

# Below Linux' ephemeral range (32768 up): there, an outgoing connection could take the port of a node
# that is down, and the node could not come back.
FIRST, LAST = 20_000, 32_000
PROCESSES = 16  # of a test run: each has ports of its own, or two could pick one before either listens


def free_ports(count: int) -> list[int]:
    """`count` different ports of 127.0.0.1 on which nothing listens."""
    ports: set[int] = set()
    for port in _candidates():
        if len(ports) == count:
            break
        if _is_free(port):
            ports.add(port)
    return sorted(ports)


def _candidates() -> Iterator[int]:
    chance = random.SystemRandom()  # the test run seeds the other one: two runs would pick the same
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PROCESSES
    while True:
        yield chance.randrange(FIRST + process, LAST, PROCESSES)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
