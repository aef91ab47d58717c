"""The cluster's nodes: which one matters, its kill, and its return until all copies are in step again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.brokers.client import admin_of
from tests.brokers.kafka import KafkaNode, RealKafka
from tests.chaos.commit_log import COMMITS_TOPIC
from tests.patience import until

IN_SYNC_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one cluster, for one group and its topics."""

    kafka: RealKafka
    group: str
    topics: Sequence[str]

    def any(self, share: float) -> KafkaNode:
        """One of them; `share` from 0 to 1 says which."""
        return self.kafka.nodes[int(share * len(self.kafka.nodes))]

    async def coordinator(self) -> KafkaNode:
        """The one that the group commits to."""
        return self._node(await self._asked(lambda admin: admin.find_coordinator(self.group)))

    async def leader(self, topic: str, share: float) -> KafkaNode:
        """The leader of one of the topic's partitions."""
        [described] = await self._asked(lambda admin: admin.describe_topics([topic]))
        partitions = sorted(described["partitions"], key=lambda partition: int(partition["partition"]))
        return self._node(partitions[int(share * len(partitions))]["leader"])

    async def kill(self, node: KafkaNode) -> None:
        """Kill it, as the machine's end would."""
        await asyncio.to_thread(node.process.kill)

    async def restart(self, node: KafkaNode) -> None:
        """Start it again, and wait until every copy is in sync: before that no other may go down."""
        await asyncio.to_thread(self.kafka.restart, node)
        await until(self._in_sync, IN_SYNC_WAIT_S)

    async def _asked(self, ask: Callable[[AIOKafkaAdminClient], Awaitable[Any]]) -> Any:
        """The answer, as soon as there is one: just after a node's return it may be refused."""
        answers: list[Any] = []

        async def answered() -> bool:
            with suppress(KafkaError):
                async with admin_of(self.kafka.bootstrap_servers) as admin:
                    answers.append(await ask(admin))
            return bool(answers)

        await until(answered)
        return answers[0]

    async def _in_sync(self) -> bool:
        described = await self._asked(lambda admin: admin.describe_topics([*self.topics, COMMITS_TOPIC]))
        partitions = [partition for topic in described for partition in topic["partitions"]]
        return all(len(partition["isr"]) == len(partition["replicas"]) for partition in partitions)

    def _node(self, node_id: int) -> KafkaNode:
        return next(node for node in self.kafka.nodes if node.node_id == node_id)
