"""The facts of one run, as plain data. Times are milliseconds of the one clock that all of it shares.

Topics stamp records when they are appended (`LogAppendTime`), and Kafka's own commit log is read as a topic:
so what was published before a commit, and what after, is told by the brokers and not by the service.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from stream_classifier.core.runs import Run
from tests.chaos.schedule import Kind
from tests.chaos.tickets import Expected


class Place(NamedTuple):
    """Where an input record stands."""

    partition: int
    offset: int


class Source(NamedTuple):
    """What an output stands for: a record, or one ticket of an array."""

    place: Place
    part: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A record of the input topic."""

    at_ms: int
    key: bytes | None
    expected: Expected

    def sources(self, place: Place) -> Iterable[Source]:
        """What must be on the output topics for it."""
        tickets = len(self.expected.rights)
        if tickets > 1:
            return [Source(place, part) for part in range(tickets)]
        return [Source(place)] if tickets or self.expected.dead else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A labelled event, or a dead letter, as a reader sees it. `label` is None where it needs review."""

    source: Source
    at_ms: int
    partition: int
    offset: int
    dead: bool = False
    label: str | None = None
    reason: str | None = None
    overtook: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of one partition: everything below the position, and these runs beyond it, is done."""

    at_ms: int
    position: int
    runs: Sequence[Run] = ()

    def claims(self, offset: int) -> bool:
        """Whether it says that this offset is done."""
        return offset < self.position or any(first <= offset < end for first, end in self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A replica's own word that it has these partitions now (none: it gave all back, or lost them)."""

    at_ms: int
    replica: str
    partitions: frozenset[int]
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One thing that was done to a replica, a node or the provider; `over_ms` is when all was mended."""

    kind: Kind
    whom: str
    at_ms: int
    over_ms: int


@dataclass(slots=True, kw_only=True)
class History:
    """All that is known of a run. Outputs stand in the order of their output topics."""

    inputs: Mapping[Place, Input]
    outputs: Sequence[Output]
    commits: Mapping[int, Sequence[Commit]]  # by partition, in order of time
    owned: Sequence[Owned]  # in order of time
    strikes: Sequence[Strike]
    complaints: Sequence[str] = ()  # what nobody had to wait for the end to see, a sentence each
    calls: int = 0
    texts_asked: int = 0
    texts_asked_twice: int = 0
    length_s: float = 0.0
    firsts: dict[Source, Output] = field(init=False, default_factory=dict)  # each source's first output
    agains: dict[Source, list[Output]] = field(init=False, default_factory=dict)  # its repeats, in order

    def __post_init__(self) -> None:
        for output in sorted(self.outputs, key=lambda output: (output.at_ms, output.offset)):
            if self.firsts.setdefault(output.source, output) is not output:
                self.agains.setdefault(output.source, []).append(output)

    def last_out(self, source: Source, at_ms: int) -> int | None:
        """When it was last put out, by then; None: it was not."""
        outputs = [self.firsts[source], *self.agains.get(source, ())] if source in self.firsts else []
        return max((output.at_ms for output in outputs if output.at_ms <= at_ms), default=None)

    def settled_at(self, place: Place) -> int | None:
        """When the last of what a record must become was out for the first time; None: it never was."""
        sources = self.inputs[place].sources(place)
        times = [self.firsts[source].at_ms if source in self.firsts else None for source in sources]
        return None if None in times else max((t for t in times if t is not None), default=0)
