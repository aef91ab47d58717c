"""Which repeats promise 3 allows, in at-least-once, and how many there may be at the most.

Rules
-----
* When a partition is opened by an owner, what was published before and stands in no commit will come again.
  That is *open*. It is told from the brokers' stamps and from their log of commits. Whoever owns the
  partition when it comes at last, it is the first opening after it was published that explains it.
* What is open may come again where something struck the owner before: a kill, a freeze, a lost session, a
  node that was away (it may have been the coordinator, without which nobody commits). This is the allowance:
  what was acknowledged since the last commit, per kill, freeze or lost coordinator.
* "Since the last commit" is meant literally: what was published well before that commit, and is not in it,
  was passed over by it, and no strike explains that.
* A commit follows within seconds of what was published. So what a kill or a freeze finds open is no older
  than `COMMITTED_WITHIN_MS`, unless a node was away, without which nobody could commit: else a service that
  never commits would be allowed to repeat everything.
* Every other handing over is in good order, and must leave nothing open.
* Within one ownership a repeat is allowed only where a node was away: the fate of a send that was under way
  is not known then, and it is made again.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise, takewhile

from tests.chaos.history import Commit, History, Output, Owned, Place, Source, Strike
from tests.chaos.schedule import LANES, Kind, Lane

LOST_SESSION = "lost session"  # a stall that the schedule did not make: the machine was too busy
UNKNOWN_FATE = "unknown fate"  # of a send, when a node went away
AFTER_NODE_MS = 10_000  # a node that is back: its partitions and the group are still being handed back
ACKNOWLEDGED_WITHIN_MS = 8_000
"""From the leader's stamp until the replica can commit it: copies on a node that is away are waited for until
the controller gives the node up, after three seconds; the commit that was begun just before then may be three
seconds on its way to a coordinator that is being elected; and two for a busy machine."""
COMMITTED_WITHIN_MS = 5_000  # the interval of half a second, one attempt that hangs, and a busy machine
NOTHING_COMMITTED = Commit(at_ms=0, position=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A partition gets an owner, and `open_events` were published since the last commit."""

    partition: int
    at_ms: int
    in_force: Commit
    open_events: int
    cause: str | None  # what struck the owner before; None: the handing over was in good order
    oldest_ms: int | None = None  # how old the oldest of the open was when a kill or a freeze struck


@dataclass(slots=True, kw_only=True)
class Repeats:
    """Outputs that had been there before, and what is to be said of them."""

    allowed: dict[str, int] = field(default_factory=dict)  # by cause, how many there might be
    counted: dict[str, int] = field(default_factory=dict)  # by cause, how many there are
    broken: list[str] = field(default_factory=list)  # a sentence for each that nothing allows
    oldest_ms: int = 0  # of all that kills and freezes found open
    stalls: list[str] = field(default_factory=list)  # a sentence where that is too old

    @property
    def count(self) -> int:
        """All of them."""
        return sum(self.counted.values()) + len(self.broken)


def judged(history: History) -> Repeats:
    """Every repeat, held against what was open when its partition was opened last."""
    openings = openings_of(history)
    found = Repeats()
    for opening in chain.from_iterable(openings.values()):
        if opening.cause is not None:
            found.allowed[opening.cause] = found.allowed.get(opening.cause, 0) + opening.open_events
        found.oldest_ms = max(found.oldest_ms, opening.oldest_ms or 0)
    if found.oldest_ms > COMMITTED_WITHIN_MS:
        found.stalls.append(f"What was published was not committed for {found.oldest_ms / 1000:.1f} s.")
    for before, again in pairs(history):
        cause, why = _allowance(before, again, openings[again.source.place.partition], history.strikes)
        if cause is None:
            found.broken.append(f"{_named(again.source)} came again {why}.")
        else:
            found.counted[cause] = found.counted.get(cause, 0) + 1
    return found


def pairs(history: History) -> Iterator[tuple[Output, Output]]:
    """Each repeat with the output of the same source just before it."""
    for source, agains in history.agains.items():
        yield from pairwise([history.firsts[source], *agains])


def openings_of(history: History) -> Mapping[int, Sequence[Opening]]:
    """By partition, its openings in order of time."""
    by_partition: defaultdict[int, list[Owned]] = defaultdict(list)
    for owned in history.owned:
        for partition in owned.partitions:
            by_partition[partition].append(owned)
    offsets: defaultdict[int, list[int]] = defaultdict(list)
    for place in sorted(history.inputs):
        offsets[place.partition].append(place.offset)
    return defaultdict(
        list,
        {
            partition: [
                _opening(history, partition, offsets[partition], before, owned)
                for before, owned in zip([None, *turns], turns, strict=False)
            ]
            for partition, turns in by_partition.items()
        },
    )


def _opening(
    history: History, partition: int, offsets: Sequence[int], before: Owned | None, owned: Owned
) -> Opening:
    in_force = commit_at(history.commits.get(partition, ()), owned.at_ms)
    beyond = (Place(partition, offset) for offset in offsets[bisect_left(offsets, in_force.position) :])
    delivered = takewhile(lambda place: history.inputs[place].at_ms <= owned.at_ms, beyond)
    not_claimed = (place for place in delivered if not in_force.claims(place.offset))
    since_ms = in_force.at_ms - ACKNOWLEDGED_WITHIN_MS
    times = chain.from_iterable(_published(history, place, owned.at_ms) for place in not_claimed)
    published = [at_ms for at_ms in times if at_ms >= since_ms]
    cause, struck_ms = _cause(history, partition, before, owned.at_ms) if before else (None, None)
    return Opening(
        partition=partition,
        at_ms=owned.at_ms,
        in_force=in_force,
        open_events=len(published),
        cause=cause,
        oldest_ms=struck_ms - min(published) if published and struck_ms is not None else None,
    )


def commit_at(commits: Sequence[Commit], at_ms: int) -> Commit:
    """The commit in force at that moment."""
    later = bisect_right(commits, at_ms, key=lambda commit: commit.at_ms)
    return commits[later - 1] if later else NOTHING_COMMITTED


def _published(history: History, place: Place, at_ms: int) -> list[int]:
    """When the record's outputs were last put out, of those that were out by then."""
    times = (history.last_out(source, at_ms) for source in history.inputs[place].sources(place))
    return [time for time in times if time is not None]


def _cause(history: History, partition: int, before: Owned, at_ms: int) -> tuple[str | None, int | None]:
    """What struck the partition's owner between the opening before and this one; and when, where it was a
    kill or a freeze, and no node was away."""
    node = next((s for s in history.strikes if is_node(s) and _overlaps(s, before.at_ms, at_ms)), None)
    for strike in history.strikes:
        if before.at_ms <= strike.at_ms <= at_ms and _struck_owner(history, strike, partition):
            return strike.kind, strike.at_ms if node is None else None
    if node is not None:
        return node.kind, None
    words = (word for word in history.owned if word.replica == before.replica and word.at_ms > before.at_ms)
    after = next(words, None)
    return (LOST_SESSION if after is not None and after.lost else None), None


def _struck_owner(history: History, strike: Strike, partition: int) -> bool:
    """Whether it was a kill or a freeze of the partition's owner."""
    struck = strike.kind in (Kind.KILL, Kind.FREEZE)
    return struck and partition in last_word(history.owned, strike.whom, strike.at_ms)


def last_word(owned: Sequence[Owned], replica: str, at_ms: int) -> frozenset[int]:
    """The partitions that the replica had, by its own word."""
    words = [word.partitions for word in owned if word.replica == replica and word.at_ms <= at_ms]
    return words[-1] if words else frozenset()


def is_node(strike: Strike) -> bool:
    """Whether it struck a node."""
    return LANES[strike.kind] is Lane.NODES


def _overlaps(strike: Strike, from_ms: int, to_ms: int) -> bool:
    return strike.at_ms <= to_ms and strike.over_ms + AFTER_NODE_MS >= from_ms


def _allowance(
    before: Output, again: Output, openings: Sequence[Opening], strikes: Sequence[Strike]
) -> tuple[str | None, str]:
    """What allows this repeat; or None, and why nothing does."""
    place = again.source.place
    nodes = (strike for strike in strikes if is_node(strike))
    node_away = next((s for s in nodes if _overlaps(s, before.at_ms, again.at_ms)), None)
    between = [opening for opening in openings if before.at_ms <= opening.at_ms <= again.at_ms]
    if not between:
        return (UNKNOWN_FATE, "") if node_away else (None, "while its partition's owner stayed the same")
    if any(opening.in_force.claims(place.offset) for opening in between):
        return None, "though it had been committed"
    opening = between[0]
    if before.at_ms < opening.in_force.at_ms - ACKNOWLEDGED_WITHIN_MS:
        return None, "though it was out well before the last commit"
    if opening.cause is None:
        return None, "though its partition was handed over in good order"
    return opening.cause, ""


def _named(source: Source) -> str:
    part = "" if source.part is None else f"#{source.part}"
    return f"{source.place.partition}:{source.place.offset}{part}"
