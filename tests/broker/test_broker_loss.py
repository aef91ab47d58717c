"""Three nodes, of which any may die, freeze or be away with the others: tickets wait, and none is lost.

Every topic has three replicas, of which two must be in sync: one node may be away, and nothing stands.
"""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream_classifier.kafka.transactional_producer import transactional_id
from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.flow import EVERY_S, came, flowing, repeats
from tests.broker.stream import Stream, a_stream
from tests.brokers.client import admin_of
from tests.brokers.installation import Installation
from tests.brokers.kafka import KafkaNode, RealKafka

QUICK = SimulatorOptions(latency_s=0.05)
PARTITIONS = 3
PATIENCE_S = 5.0  # what a session of six seconds, as `Stream` sets it, waits for a sign of the group
REQUEST_S = 3.0  # what a request of such a session may take
RESUMED_S = 20.0  # these nodes are given up after 3 s; the rest is for elections on two busy cores
AWAY_S = 10.0  # longer than the session and than any request
AT_LEAST_ONCE, EXACTLY_ONCE = "at-least-once", "exactly-once"

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def three_nodes(
    kafka_installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealKafka]:
    """One cluster for this module."""
    with RealKafka(tmp_path_factory.mktemp("three-nodes"), kafka_installation, 3) as kafka:
        yield kafka


@pytest.fixture
def cluster(three_nodes: RealKafka) -> Iterator[RealKafka]:
    """The cluster, whole again after each test."""
    yield three_nodes
    whole_again(three_nodes)


async def with_role(cluster: RealKafka, stream: Stream, role: str) -> KafkaNode:
    """The node that has this role for the stream now."""
    async with admin_of(cluster.bootstrap_servers) as admin:
        if role == "group":
            node_id = await admin.find_coordinator(stream.name)
        elif role == "transactions":
            first = transactional_id(stream.name, TopicPartition(stream.tickets, 0))
            node_id = await admin.find_coordinator(first, coordinator_type=1)
        else:
            [topic] = await admin.describe_topics([getattr(stream, role)])
            node_id = next(p["leader"] for p in topic["partitions"] if p["partition"] == 0)
    return next(node for node in cluster.nodes if node.node_id == node_id)


@pytest.mark.parametrize(
    ("delivery", "roles"),
    [
        (AT_LEAST_ONCE, ["group", "labels"]),
        (EXACTLY_ONCE, ["transactions", "tickets"]),
        pytest.param(AT_LEAST_ONCE, ["tickets"], marks=pytest.mark.soak),
        pytest.param(EXACTLY_ONCE, ["group", "labels"], marks=pytest.mark.soak),
    ],
)
async def test_whichever_node_dies_the_others_go_on_and_nothing_is_lost_or_comes_twice(
    cluster: RealKafka, tmp_path: Path, delivery: str, roles: list[str]
) -> None:
    """Killed is the node that coordinates the group or the transactions, or leads a partition of a topic."""
    async with a_flowing_stream(cluster, tmp_path, kafka__delivery=delivery) as stream:
        member = await stream.working_member()
        async with flowing(stream) as flow:
            for role in roles:
                await flow.goes_on(member)
                node = await with_role(cluster, stream, role)
                await asyncio.to_thread(node.process.kill)
                assert await flow.goes_on(member) < RESUMED_S, role
                await asyncio.to_thread(cluster.restart, node)
        assert await came(stream) == Counter(range(flow.count))


@pytest.mark.parametrize(
    ("delivery", "most_repeats"),
    [
        (AT_LEAST_ONCE, round((PATIENCE_S + 1) / EVERY_S)),
        pytest.param(EXACTLY_ONCE, 0, marks=pytest.mark.soak),
    ],
)
async def test_a_frozen_node_is_left_for_the_others(
    cluster: RealKafka, tmp_path: Path, delivery: str, most_repeats: int
) -> None:
    """It keeps its connections and answers nothing, so that only the time it takes tells of it. The session
    may end meanwhile: what is published without a commit is bounded."""
    async with a_flowing_stream(cluster, tmp_path, kafka__delivery=delivery) as stream:
        member = await stream.working_member()
        async with flowing(stream, patience_s=2 * REQUEST_S) as flow:
            await flow.goes_on(member)
            node = await with_role(cluster, stream, "group")
            node.process.freeze()
            await flow.goes_on(member)
            node.process.thaw()
            await flow.goes_on(member)
        times = await came(stream)
    assert times.keys() == set(range(flow.count))
    assert repeats(times) <= most_repeats


@pytest.mark.parametrize("away_s", [AWAY_S, pytest.param(60.0, marks=pytest.mark.soak)])
async def test_while_all_nodes_are_away_it_waits_says_so_and_then_goes_on(
    cluster: RealKafka, tmp_path: Path, away_s: float
) -> None:
    async with a_flowing_stream(cluster, tmp_path) as stream:
        member = await stream.working_member()
        async with flowing(stream) as flow:
            await flow.goes_on(member)
            for node in cluster.nodes:
                await asyncio.to_thread(node.process.kill)
            late = await stream.member()
            await asyncio.sleep(away_s)  # it is the time itself that is tried
            assert [(await m.get("/healthz")).status_code for m in (member, late)] == [200, 200]
            assert (await late.get("/readyz")).status_code == 503
            await asyncio.to_thread(whole_again, cluster)
            await flow.goes_on(member, late)
        assert (await came(stream)).keys() == set(range(flow.count))
    waits = [line["retry_after_s"] for line in late.logged("waiting_for_kafka")]
    assert waits[:3] == [1, 2, 4]
    assert member.logged("publishing_held")
    assert member.logged("publishing_resumed")


async def test_the_coordinator_dies_in_the_middle_of_a_rebalance(cluster: RealKafka, tmp_path: Path) -> None:
    """A frozen member holds the rebalance, so that two that join wait when the coordinator goes."""
    async with a_flowing_stream(cluster, tmp_path) as stream:
        first = await stream.working_member()
        async with flowing(stream) as flow:
            await flow.goes_on(first)
            second = await stream.member_about_to_join()
            first.tell(signal.SIGSTOP)
            await stream.until_rebalancing()
            third = await stream.member()
            node = await with_role(cluster, stream, "group")
            await asyncio.to_thread(node.process.kill)
            await flow.goes_on(second, third)
            first.tell(signal.SIGCONT)
            await first.until_assigned(1, after=1)
            await flow.goes_on(first, second, third)
        assert (await came(stream)).keys() == set(range(flow.count))


@asynccontextmanager
async def a_flowing_stream(cluster: RealKafka, directory: Path, **settings: Any) -> AsyncIterator[Stream]:
    async with a_stream(
        cluster.bootstrap_servers, directory, partitions=PARTITIONS, provider=QUICK, **settings
    ) as stream:
        yield stream


def whole_again(kafka: RealKafka) -> None:
    """Every node runs, thawed where it was frozen."""
    for node in kafka.nodes:
        node.process.thaw()
        node.process.start()
    kafka.wait_until_whole()
