"""One whole run: from empty topics to the history of what happened."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from stream_classifier.lab.simulator import SimulatorOptions
from tests.broker.stream import Stream, a_stream
from tests.brokers.client import end_offsets
from tests.brokers.kafka import RealKafka
from tests.chaos.disturbances import SESSION_S, Disturbances
from tests.chaos.history import History
from tests.chaos.nodes import Nodes
from tests.chaos.reading import read_commits, read_inputs, read_outputs, read_owned
from tests.chaos.replicas import SHUTDOWN_S, Replicas
from tests.chaos.schedule import Kind, draw
from tests.chaos.source import send_at_rate
from tests.chaos.tickets import LABELS, made_records
from tests.patience import ASK_EVERY_S, until

PARTITIONS = 6
REPLICAS = 2  # at the beginning
CALL_S = 0.2
SETTLE_WAIT_S = 120.0  # the provider's next probe, the last node, and all that has gathered meanwhile
BROKERS_STAMP = {"message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is run."""

    seed: int
    length_s: float
    delivery: str
    per_s: float = 150.0  # records
    window: int | None = None  # `kafka.max_in_flight_tickets`; a small one has the urgent looked for ahead
    kinds: Sequence[Kind] = tuple(Kind)


async def run(kafka: RealKafka, directory: Path, plan: Plan, tell: Callable[[str], None]) -> History:
    """Disturb, let settle, and read what happened. The cluster is whole again afterwards."""
    began = time.monotonic()
    provider = SimulatorOptions(labels=LABELS, latency_s=CALL_S, seed=plan.seed)
    settings = _settings(directory, plan)
    async with a_stream(
        kafka.bootstrap_servers, directory, partitions=PARTITIONS, provider=provider, topics=False, **settings
    ) as stream:
        await stream.create_topics(tickets=BROKERS_STAMP, labels=BROKERS_STAMP, dead_letters=BROKERS_STAMP)
        replicas = Replicas(stream)
        disturbances = _disturbances(kafka, stream, replicas, tell)
        await replicas.start(REPLICAS)
        await _disturb(stream, disturbances, plan)
        tell("settling")
        await _settle(stream, replicas)
        return await _history(stream, disturbances, time.monotonic() - began)


def _settings(directory: Path, plan: Plan) -> dict[str, object]:
    """Defaults where they can be; what a crash costs in time is shortened, as far as a broker lets it."""
    window = {} if plan.window is None else {"kafka__max_in_flight_tickets": plan.window}
    return {
        **window,
        "kafka__delivery": plan.delivery,
        "kafka__commit_interval_s": 0.5,
        "kafka__session_timeout_s": SESSION_S,
        "kafka__rebalance_timeout_s": 10,
        "kafka__drain_s": 3,
        "batch__max_wait_s": 0.5,
        "cache__backend": "sqlite",
        "cache__path": str(directory / "cache.db"),
        "shutdown_s": SHUTDOWN_S,
        "log__max_per_event_per_s": 50,
    }


def _disturbances(
    kafka: RealKafka, stream: Stream, replicas: Replicas, tell: Callable[[str], None]
) -> Disturbances:
    topics = (stream.tickets, stream.labels, stream.dead_letters)
    return Disturbances(
        replicas=replicas,
        nodes=Nodes(kafka, stream.name, topics),
        simulator=stream.simulator,
        labels_topic=stream.labels,
        tell=tell,
    )


async def _disturb(stream: Stream, disturbances: Disturbances, plan: Plan) -> None:
    """Tickets come from before the first step until after the last."""
    enough = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(
            send_at_rate(
                stream.bootstrap_servers, stream.tickets, made_records(plan.seed), plan.per_s, enough
            )
        )
        least = tasks.create_task(asyncio.sleep(plan.length_s))
        await disturbances.play(draw(plan.seed, plan.length_s, plan.kinds))
        await least
        enough.set()


async def _settle(stream: Stream, replicas: Replicas) -> None:
    """Wait until all is done and committed, then stop the replicas in good order."""
    await replicas.replace_the_ended()
    try:
        await until(lambda: _is_settled(stream), SETTLE_WAIT_S, ASK_EVERY_S)
    except TimeoutError:
        replicas.complaints.append(f"After {SETTLE_WAIT_S:.0f} s of quiet not all was committed.")
    await asyncio.gather(*map(replicas.term, list(replicas.running)))


async def _is_settled(stream: Stream) -> bool:
    try:
        ends = await end_offsets(stream.bootstrap_servers, stream.tickets, stream.partitions)
        committed = await stream.committed()
    except KafkaError:
        return False
    return all(end in (0, committed[number].offset) for number, end in enumerate(ends))


async def _history(stream: Stream, disturbances: Disturbances, length_s: float) -> History:
    asked = stream.simulator.stats.totals()
    return History(
        inputs=await read_inputs(stream),
        outputs=await read_outputs(stream),
        commits=await read_commits(stream),
        owned=read_owned(stream),
        strikes=sorted(disturbances.strikes, key=lambda strike: strike.at_ms),
        complaints=disturbances.replicas.complaints,
        calls=asked["calls"],
        texts_asked=asked["distinct_texts"],
        texts_asked_twice=asked["texts_answered_again"],
        length_s=length_s,
    )
