"""What each step of the schedule does, and the note of whom it struck and when."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from stream_classifier.lab.simulator import Simulator
from tests.chaos.history import Strike
from tests.chaos.nodes import Nodes
from tests.chaos.replicas import Replicas, now_ms
from tests.chaos.schedule import LANES, Kind, Lane, Step

SESSION_S = 6.0  # the shortest that a broker takes; crashes are noticed soon, and freezes need not be long
MOST_REPLICAS = 4
OUTAGES = ("down", "http_503", "quota", "key_refused")
SLOW_S = 3.0  # ten times an ordinary call and more

Whom = tuple[str, int]
"""Whom a step struck, and when it did."""


@dataclass(slots=True, kw_only=True)
class Disturbances:
    """Plays a schedule. `strikes` are those that are over."""

    replicas: Replicas
    nodes: Nodes
    simulator: Simulator
    labels_topic: str
    tell: Callable[[str], None]
    strikes: list[Strike] = field(default_factory=list)

    async def play(self, steps: Sequence[Step]) -> None:
        """Each lane in a task of its own; its steps one after another, none before it is due."""
        begun_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as tasks:
            for lane in Lane:
                own = [step for step in steps if LANES[step.kind] is lane]
                tasks.create_task(self._play_lane(own, begun_at))

    async def _play_lane(self, steps: Sequence[Step], begun_at: float) -> None:
        now = asyncio.get_running_loop().time
        for step in steps:
            await asyncio.sleep(begun_at + step.at_s - now())
            await self.replicas.replace_the_ended()
            self.tell(f"{now() - begun_at:6.1f} s  {step.kind}")
            whom, at_ms = await self._do(step)
            over_ms = now_ms()
            self.strikes.append(Strike(kind=step.kind, whom=whom, at_ms=at_ms, over_ms=over_ms))
            self.tell(f"{now() - begun_at:6.1f} s  {step.kind} of {whom} is over")

    async def _do(self, step: Step) -> Whom:
        does: dict[Kind, Callable[[Step], Awaitable[Whom]]] = {
            Kind.KILL: self._kill,
            Kind.TERM: self._term,
            Kind.FREEZE: self._freeze,
            Kind.SCALE: self._scale,
            Kind.ROLL: self._roll,
            Kind.NODE: self._node,
            Kind.LEADER: self._node,
            Kind.COORDINATOR: self._node,
            Kind.OUTAGE: self._outage,
            Kind.SLOW: self._slow,
        }
        return await does[step.kind](step)

    async def _kill(self, step: Step) -> Whom:
        replica = self.replicas.pick(step.pick)
        await self.replicas.kill(replica)
        at_ms = now_ms()
        await asyncio.sleep(step.lasts_s)
        await self.replicas.start()
        return replica.name, at_ms

    async def _term(self, step: Step) -> Whom:
        replica, at_ms = self.replicas.pick(step.pick), now_ms()
        await self.replicas.term(replica)
        await asyncio.sleep(step.lasts_s)
        await self.replicas.start()
        return replica.name, at_ms

    async def _freeze(self, step: Step) -> Whom:
        replica, at_ms = self.replicas.pick(step.pick), now_ms()
        await self.replicas.freeze(replica, SESSION_S + step.lasts_s)
        return replica.name, at_ms

    async def _scale(self, step: Step) -> Whom:
        at_ms, present = now_ms(), len(self.replicas.running)
        others = [count for count in range(1, MOST_REPLICAS + 1) if count != present]
        wanted = others[int(step.pick * len(others))]
        if wanted > present:
            await self.replicas.start(wanted - present)
        else:
            going = self.replicas.running[wanted:]
            await asyncio.gather(*map(self.replicas.term, going))
        return f"{present} to {wanted} replicas", at_ms

    async def _roll(self, step: Step) -> Whom:
        at_ms, going = now_ms(), list(self.replicas.running)
        for replica in going:
            await self.replicas.term(replica)
            await self.replicas.start()
        return f"{len(going)} replicas", at_ms

    async def _node(self, step: Step) -> Whom:
        if step.kind is Kind.COORDINATOR:
            node = await self.nodes.coordinator()
        elif step.kind is Kind.LEADER:
            node = await self.nodes.leader(self.labels_topic, step.pick)
        else:
            node = self.nodes.any(step.pick)
        at_ms = now_ms()
        await self.nodes.kill(node)
        await asyncio.sleep(step.lasts_s)
        await self.nodes.restart(node)
        return f"node {node.node_id}", at_ms

    async def _outage(self, step: Step) -> Whom:
        fault, at_ms = OUTAGES[int(step.pick * len(OUTAGES))], now_ms()
        return await self._with_fault(fault, step.lasts_s), at_ms

    async def _slow(self, step: Step) -> Whom:
        at_ms = now_ms()
        return await self._with_fault("slow", step.lasts_s, delay_s=SLOW_S), at_ms

    async def _with_fault(self, fault: str, lasts_s: float, **more: float) -> str:
        self.simulator.faults.arm(fault, **more)
        await asyncio.sleep(lasts_s)
        self.simulator.faults.clear()
        return fault
