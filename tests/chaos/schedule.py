"""What happens when: the same seed gives the same schedule.

Rules
-----
* Steps are dealt from a shuffled deck that holds each kind once, so every kind comes about equally often.
* Steps of one lane (replicas, nodes, provider) never overlap: a step that is due while another of its lane
  goes on waits for its end. So two nodes are never down at once, which would leave too few in sync to write.
* Steps of different lanes overlap as they will.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from random import Random


class Lane(StrEnum):
    """What a step disturbs."""

    REPLICAS = "replicas"
    NODES = "nodes"
    PROVIDER = "provider"


class Kind(StrEnum):
    """What a step does."""

    KILL = "kill"  # SIGKILL to a replica, which is started again
    TERM = "term"  # SIGTERM to a replica, another is started
    FREEZE = "freeze"  # SIGSTOP for longer than the session, then SIGCONT
    SCALE = "scale"  # to another number of replicas
    ROLL = "rolling restart"
    NODE = "node"  # SIGKILL to a node, which is started again
    LEADER = "leader"  # the same, to the leader of a partition of the labels
    COORDINATOR = "coordinator"  # the same, to the group's coordinator
    OUTAGE = "outage"  # of the provider
    SLOW = "slow"  # answers of the provider, late by seconds


LANES = {
    Kind.KILL: Lane.REPLICAS,
    Kind.TERM: Lane.REPLICAS,
    Kind.FREEZE: Lane.REPLICAS,
    Kind.SCALE: Lane.REPLICAS,
    Kind.ROLL: Lane.REPLICAS,
    Kind.NODE: Lane.NODES,
    Kind.LEADER: Lane.NODES,
    Kind.COORDINATOR: Lane.NODES,
    Kind.OUTAGE: Lane.PROVIDER,
    Kind.SLOW: Lane.PROVIDER,
}

LASTS_S = {
    Kind.KILL: (0.5, 4.0),  # until it is started again
    Kind.TERM: (0.0, 2.0),
    Kind.FREEZE: (1.0, 4.0),  # beyond the session's end
    Kind.SCALE: (0.0, 0.0),
    Kind.ROLL: (0.0, 0.0),
    Kind.NODE: (1.0, 8.0),
    Kind.LEADER: (1.0, 8.0),
    Kind.COORDINATOR: (1.0, 8.0),
    Kind.OUTAGE: (4.0, 12.0),
    Kind.SLOW: (4.0, 12.0),
}

EVERY_S = 7.0  # a step, on average: replicas mostly settle in between, and not always
LEAST_GAP = 0.3  # of the average gap


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One disturbance: due `at_s` after the beginning; `pick`, from 0 to 1, chooses whom it strikes."""

    at_s: float
    kind: Kind
    lasts_s: float
    pick: float

    def __str__(self) -> str:
        return f"{self.at_s:6.1f} s  {self.kind}, {self.lasts_s:.1f} s, pick {self.pick:.2f}"


def draw(seed: int, length_s: float, kinds: Sequence[Kind] = tuple(Kind)) -> list[Step]:
    """The steps of a run. A short one has its steps closer together: each kind comes once at least."""
    rng = Random(f"schedule {seed}")
    gap_s = min(EVERY_S, length_s / (len(kinds) + 1))
    return list(takewhile(lambda step: step.at_s < length_s, _steps(rng, gap_s, kinds)))


def _steps(rng: Random, gap_s: float, kinds: Sequence[Kind]) -> Iterator[Step]:
    at_s = 0.0
    while True:
        for kind in rng.sample(kinds, len(kinds)):
            at_s += gap_s * rng.uniform(LEAST_GAP, 2 - LEAST_GAP)
            yield Step(at_s=at_s, kind=kind, lasts_s=rng.uniform(*LASTS_S[kind]), pick=rng.random())
