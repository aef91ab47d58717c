"""A whole stream for a test: topics of its own, a simulated provider, and members of its group."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, OffsetAndMetadata, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.protocol.group import LeaveGroupRequest

from stream_classifier.core.finished_map import decode
from stream_classifier.core.prompt import CONSTANT_RECORD
from stream_classifier.lab.simulator import Simulator, SimulatorOptions
from tests.broker.service_process import Event, Member, start_member
from tests.brokers.client import admin_of, create_topic, end_offsets
from tests.brokers.ports import free_ports
from tests.patience import ASK_EVERY_S, PATIENCE_S, until

POLL_MS = 200

Record: TypeAlias = ConsumerRecord[bytes, bytes]


def ticket(number: int, text: str | None = None, **more: Any) -> bytes:
    """A ticket whose text is its own, unless one is given."""
    body = text if text is not None else f"Nothing happens when I press button {number}"
    return orjson.dumps({"id": number, "body": body, **more})


@dataclass(slots=True, eq=False, kw_only=True)
class Stream:
    """Topics, a provider and a group, of one test."""

    bootstrap_servers: str
    directory: Path
    simulator: Simulator
    provider_url: str
    partitions: int
    settings: Mapping[str, Any]
    name: str = field(default_factory=lambda: f"test-{uuid4().hex[:12]}")
    members: list[Member] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def tickets(self) -> str:
        return f"{self.name}-tickets"

    @property
    def labels(self) -> str:
        return f"{self.name}-labels"

    @property
    def dead_letters(self) -> str:
        return f"{self.name}-dead"

    async def create_topics(self, **configs: Mapping[str, str]) -> None:
        """Make the topics; `configs` by `tickets`, `labels`, `dead_letters`."""
        names = {"tickets": self.tickets, "labels": self.labels, "dead_letters": self.dead_letters}
        await asyncio.gather(
            *(
                create_topic(self.bootstrap_servers, name, self.partitions, configs.get(role))
                for role, name in names.items()
            )
        )

    async def member(self, **settings: Any) -> Member:
        """Start a process, not waiting for it; `settings` by their path: `kafka__drain_s=1`."""
        name, port = f"{self.name}-{next(self._numbers)}", free_ports(1)[0]
        config = self.config_file(name, port, **settings)
        self.members.append(await start_member(name, config, self.directory / f"{name}.log", port))
        return self.members[-1]

    def config_file(self, name: str, port: int, **settings: Any) -> Path:
        """The configuration of a process."""
        config = self.directory / f"{name}.yaml"
        config.write_text(json.dumps(self._config(port, settings)))
        return config

    async def working_member(self, **settings: Any) -> Member:
        """Start a process, and wait until it has partitions (or has none to take) and knows its model: from
        then on it calls for tickets only."""
        member = await self.member(**settings)
        await member.until_logged("partitions_assigned")
        await member.until_logged("model_introduced")
        return member

    async def member_about_to_join(self) -> Member:
        """Start a process, and wait until it joins in a moment: who is frozen now is still in the group then,
        however long the machine took to start it."""
        member = await self.member()
        await member.until_logged("service_starting")
        return member

    @property
    def tickets_asked(self) -> int:
        """How many texts the provider was asked, the service's own constant record not counted."""
        stats = self.simulator.stats
        return stats.records_asked - stats.times_asked(CONSTANT_RECORD)

    async def put(
        self,
        values: Iterable[bytes | None],
        *,
        partition: int | None = None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        topic: str | None = None,
    ) -> None:
        """Write records to the tickets topic, in order."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.bootstrap_servers, acks="all", max_request_size=10_000_000
        ) as producer:
            sent = [
                await producer.send(
                    topic or self.tickets, value, key=key, partition=partition, headers=list(headers)
                )
                for value in values
            ]
            await asyncio.gather(*sent)

    async def settled(self) -> None:
        """Wait until the group has committed everything that is on the tickets topic."""

        async def all_done() -> bool:
            try:
                ends = await end_offsets(self.bootstrap_servers, self.tickets, self.partitions)
                committed = await self.committed()
            except KafkaError:  # a broker that has come back has no coordinator at first
                return False
            return all(end in (0, committed[number].offset) for number, end in enumerate(ends))

        await until(all_done, look_s=ASK_EVERY_S)

    async def committed(self) -> dict[int, OffsetAndMetadata]:
        """By partition, what the group has committed (offset -1: nothing). Raises KafkaError while the
        coordinator loads: it answers with no partitions then, and the client does not look at its code."""
        names = [TopicPartition(self.tickets, number) for number in range(self.partitions)]
        async with admin_of(self.bootstrap_servers) as admin:
            offsets = await admin.list_consumer_group_offsets(self.name, partitions=names)
        if len(offsets) < len(names):
            raise GroupCoordinatorNotAvailableError(f"the offsets of {self.name} are not told yet")
        return {tp.partition: offset for tp, offset in offsets.items()}

    async def finished_by_commit(self) -> int:
        """How many records the group's commits name as done, maps included."""
        finished = 0
        for number, commit in (await self.committed()).items():
            runs = decode(self.tickets, number, commit.offset, commit.metadata)
            finished += max(commit.offset, 0) + sum(end - first for first, end in runs)
        return finished

    async def evict(self) -> None:
        """Throw the group's only member out, as the end of its session at the broker does."""
        async with admin_of(self.bootstrap_servers) as admin:
            coordinator = await admin.find_coordinator(self.name)
        _, _, _, _, _, [(member_id, *_)], *_ = await self._group()
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap_servers)
        try:
            await client.bootstrap()
            await client.send(coordinator, LeaveGroupRequest(self.name, member_id))
        finally:
            await client.close()

    async def until_rebalancing(self) -> None:
        """Wait until a member that has joined waits for the others."""

        async def is_rebalancing() -> bool:
            state: str = (await self._group())[2]
            return state == "PreparingRebalance"

        await until(is_rebalancing)

    async def _group(self) -> Sequence[Any]:
        """The group as its coordinator describes it: error, name, state, two protocols, members."""
        async with admin_of(self.bootstrap_servers) as admin:
            [described] = await admin.describe_consumer_groups([self.name])
        [group] = described.groups
        return tuple(group)

    async def records(self, topic: str) -> list[Record]:
        """Everything that is on the topic now, partition by partition, as a reader of what is committed sees
        it: nothing of a transaction that is open or was aborted."""
        ends = await end_offsets(self.bootstrap_servers, topic, self.partitions, committed_only=True)
        return await read_to(self.bootstrap_servers, topic, ends)

    async def events(self) -> list[Event]:
        """All labelled events so far."""
        return [orjson.loads(record.value or b"") for record in await self.records(self.labels)]

    async def until_events(self, count: int) -> list[Event]:
        """Wait until at least so many events are out."""

        async def out() -> bool:
            ends = await end_offsets(self.bootstrap_servers, self.labels, self.partitions)
            return sum(ends) >= count and len(await self.events()) >= count  # markers have offsets, too

        await until(out, look_s=ASK_EVERY_S)
        return await self.events()

    def _config(self, port: int, settings: Mapping[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = {
            "kafka": {
                "bootstrap_servers": self.bootstrap_servers,
                "input_topic": self.tickets,
                "output_topic": self.labels,
                "dead_letter_topic": self.dead_letters,
                "overrides_topic": f"{self.name}-overrides",
                "group_id": self.name,
                "commit_interval_s": 0.1,
                "session_timeout_s": 6,
                "rebalance_timeout_s": 10,
                "drain_s": 2,
            },
            "llm": {"base_url": self.provider_url, "timeout_s": 30},
            "batch": {"max_wait_s": 0.05},
            "cache": {"backend": "memory"},
            "http": {"host": "127.0.0.1", "port": port},
            "log": {"level": "info", "format": "json", "max_per_event_per_s": 1_000_000},
            "taxonomy": {"labels": ["bug", "feature", "other"]},
        }
        for path, value in {**self.settings, **settings}.items():
            group, _, name = path.partition("__")
            if name:
                config.setdefault(group, {})[name] = value
            else:
                config[group] = value
        return config


@asynccontextmanager
async def a_stream(
    bootstrap_servers: str,
    directory: Path,
    *,
    partitions: int = 1,
    provider: SimulatorOptions | None = None,
    topics: bool = True,
    **settings: Any,
) -> AsyncIterator[Stream]:
    """A stream that ends with the block, its members with it."""
    simulator = Simulator(provider)
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(simulator.serve())
        stream = Stream(
            bootstrap_servers=bootstrap_servers,
            directory=directory,
            simulator=simulator,
            provider_url=address.base_url,
            partitions=partitions,
            settings=settings,
        )
        if topics:
            await stream.create_topics()
        stack.push_async_callback(_end_all, stream.members)
        yield stream


async def read_to(
    bootstrap_servers: str, topic: str, ends: Sequence[int], within_s: float = PATIENCE_S
) -> list[Record]:
    """Every committed record before these offsets, by partition, in order. Raises TimeoutError where the end
    cannot be reached."""
    left = {TopicPartition(topic, number): end for number, end in enumerate(ends) if end}
    records: list[Record] = []
    if not left:  # the client cannot end an assignment of nothing
        return []
    async with (
        asyncio.timeout(within_s),
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        ) as consumer,
    ):
        consumer.assign(list(left))
        while left:
            for polled in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                records += polled
            left = {tp: end for tp, end in left.items() if await consumer.position(tp) < end}
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def _end_all(members: Sequence[Member]) -> None:
    for member in members:
        if member.process.returncode is None:
            await member.kill()
