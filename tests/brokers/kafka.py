"""An Apache Kafka of one node or several, in KRaft mode, whose nodes can be killed one by one.

Blocking throughout: an async test hands the slow calls to a thread, so that the service under test, which
shares its loop, turns on: `await asyncio.to_thread(kafka.restart, kafka.nodes[1])`.
"""

import asyncio
import base64
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from tests.brokers import DidNotStart
from tests.brokers.daemon import Daemon
from tests.brokers.installation import Installation
from tests.brokers.ports import free_ports

HOST = "127.0.0.1"
START_WAIT_S = 90.0  # alone it takes 4 s; three nodes on two busy cores take longer
POLL_S = 0.1
STORAGE_VERSION = 1  # of `meta.properties`, since KRaft is
REQUEST_WAIT_MS = 2_000


class Kafka(Protocol):
    """What most tests need: an address. A RealKafka is one, and so is a cluster that runs elsewhere."""

    @property
    def bootstrap_servers(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningKafka:
    """A cluster that somebody else runs (STREAM_CLASSIFIER_TEST_KAFKA)."""

    bootstrap_servers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """What a cluster has beside the plain listener: more listeners (name to security protocol), settings,
    and what `format` is told besides (users, for example)."""

    listeners: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str | int] = field(default_factory=dict)
    format_arguments: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaNode:
    """One node, broker and controller in one. `process` kills, freezes and thaws it; `ports` are those of
    its further listeners."""

    node_id: int
    port: int
    controller_port: int
    ports: Mapping[str, int]
    directory: Path
    process: Daemon

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def listener(self, name: str) -> str:
        """The address of a further listener."""
        return f"{HOST}:{self.ports[name]}"


class RealKafka:
    """A cluster of its own below `directory`: `with RealKafka(directory, installation) as kafka: ...`.

    Raises DidNotStart, with the end of the log, where a node ends early or the cluster is not whole within
    `START_WAIT_S`.
    """

    def __init__(
        self, directory: Path, installation: Installation, node_count: int = 1, extra: Extra | None = None
    ) -> None:
        self._installation = installation
        self._extra = extra or Extra()
        self._cluster_id = _new_id()
        ports = iter(free_ports((2 + len(self._extra.listeners)) * node_count))
        self.nodes = tuple(
            self._new_node(node_id, ports, directory / f"node-{node_id}")
            for node_id in range(1, node_count + 1)
        )

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(node.address for node in self.nodes)

    def start(self) -> None:
        """Formats every node's storage, starts the nodes, and returns when all take requests."""
        self._format_storage()
        for node in self.nodes:
            node.process.start()
        self.wait_until_whole()
        self._wait_for_a_coordinator()

    def restart(self, node: KafkaNode) -> None:
        """Starts a node again on its old data and address (stopping it first where it runs)."""
        node.process.stop()
        node.process.start()
        self.wait_until_whole()

    def wait_until_whole(self) -> None:
        """Returns when every node whose process runs is known to the cluster and takes requests."""
        deadline = time.monotonic() + START_WAIT_S
        running = [node for node in self.nodes if node.process.is_running]
        while _registered(running) != {node.node_id for node in running}:
            late = time.monotonic() > deadline
            for node in running:
                if node.process.has_exited_within(POLL_S) or late:
                    raise DidNotStart(_complaint(node, "is not ready in time" if late else "ended early"))

    def _wait_for_a_coordinator(self) -> None:
        """Returns when groups can be asked for: the first who asks has the topic of their commits made,
        and is refused until it stands."""
        deadline = time.monotonic() + START_WAIT_S
        while not asyncio.run(_has_a_coordinator(self.bootstrap_servers)):
            if time.monotonic() > deadline:
                raise DidNotStart(_complaint(self.nodes[0], "has no coordinator for groups"))
            time.sleep(POLL_S)

    def close(self) -> None:
        """Ends every node without ceremony: nobody needs what it holds any more."""
        for node in self.nodes:
            node.process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _new_node(self, node_id: int, ports: Iterator[int], directory: Path) -> KafkaNode:
        port = next(ports)
        name = f"stream-classifier-test-kafka-{os.getpid()}-{port}"
        command = self._installation.command(
            "kafka.Kafka", str(directory / "server.properties"), name=name, directory=directory
        )
        in_container = self._installation.image is not None
        process = Daemon(name, command, directory / "server.log", in_container=in_container)
        return KafkaNode(
            node_id=node_id,
            port=port,
            controller_port=next(ports),
            ports={listener: next(ports) for listener in self._extra.listeners},
            directory=directory,
            process=process,
        )

    def _format_storage(self) -> None:
        for node in self.nodes:
            node.directory.mkdir(parents=True)
            settings = server_properties(node, self.nodes, self._extra)
            _write_properties(node.directory / "server.properties", settings)
            if not self._extra.format_arguments:
                self._write_format(node)
        if self._extra.format_arguments:
            self._format_by_kafkas_tool()

    def _write_format(self, node: KafkaNode) -> None:
        """What Kafka's tool would write, where it is told nothing besides: to start the tool takes as long as
        a third of a node."""
        data = node.directory / "data"
        data.mkdir()
        ids: dict[str, str | int] = {
            "node.id": node.node_id,
            "cluster.id": self._cluster_id,
            "directory.id": _new_id(),
        }
        _write_properties(data / "meta.properties", {"version": STORAGE_VERSION, **ids})

    def _format_by_kafkas_tool(self) -> None:
        for node, formatting in [(node, self._begin_formatting(node)) for node in self.nodes]:
            output, _ = formatting.communicate()
            if formatting.returncode != 0:
                raise DidNotStart(f"The storage of node {node.node_id} could not be formatted:\n{output}")

    def _begin_formatting(self, node: KafkaNode) -> subprocess.Popen[str]:
        command = self._installation.command(
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={self._cluster_id}",  # in one word: an id may begin with a dash
            f"--config={node.directory / 'server.properties'}",
            *self._extra.format_arguments,
            name=f"{node.process.name}-format",
            directory=node.directory,
        )
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )


def server_properties(node: KafkaNode, nodes: tuple[KafkaNode, ...], extra: Extra) -> dict[str, str | int]:
    """One node's configuration: Kafka's defaults, but for what a small and quick cluster needs."""
    copies = min(3, len(nodes))
    in_sync = max(1, copies - 1)
    clients = ",".join(
        [f"PLAINTEXT://{node.address}", *(f"{name}://{node.listener(name)}" for name in node.ports)]
    )
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT", **extra.listeners}
    return {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": ",".join(f"{n.node_id}@{HOST}:{n.controller_port}" for n in nodes),
        "listeners": f"{clients},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": clients,
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": ",".join(f"{name}:{kind}" for name, kind in protocols.items()),
        "log.dirs": str(node.directory / "data"),
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        # Made at first use: with the default of 50 partitions each, that alone takes seconds.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        # A crash, of a node or of a client, is noticed within tests' patience.
        "broker.heartbeat.interval.ms": 500,
        "broker.session.timeout.ms": 3_000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1_000,
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
        "controlled.shutdown.enable": "true",
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        "log.cleaner.backoff.ms": 500,
        **extra.settings,
    }


def _new_id() -> str:
    """An id as Kafka writes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _write_properties(file: Path, settings: Mapping[str, str | int]) -> None:
    file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))


def _registered(nodes: Sequence[KafkaNode]) -> set[int]:
    """The ids that every one of these nodes lists; none while one of them does not listen yet."""
    if not all(_is_listening(node.port) for node in nodes):
        return set()
    return asyncio.run(_listed_by_all([node.address for node in nodes]))


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


async def _has_a_coordinator(addresses: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses, request_timeout_ms=REQUEST_WAIT_MS)
    try:
        await admin.start()
        await admin.find_coordinator("anybody")
    except KafkaError:
        return False
    finally:
        await admin.close()
    return True


async def _listed_by_all(addresses: list[str]) -> set[int]:
    listed = [await _listed_by(address) for address in addresses]
    return set.intersection(*listed) if listed else set()


async def _listed_by(address: str) -> set[int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=REQUEST_WAIT_MS)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaConnectionError, KafkaError):
        return set()
    finally:
        await admin.close()
    return {broker["node_id"] for broker in cluster["brokers"]}


def _complaint(node: KafkaNode, what: str) -> str:
    return f"Kafka's node {node.node_id} {what}. Its log ends:\n{node.process.log_tail()}"
