"""The account of a run: each promise held against the facts.

Nothing here reads a topic or a clock: a history goes in, and the account with every breach in a sentence
comes out.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import ceil

from tests.chaos.history import Commit, History, Output, Place, Source, Strike
from tests.chaos.repeats import Repeats, judged, pairs

AFTER_STRIKE_MS = 10_000  # a session's end and a rebalance: what is slow until then is the strike's doing
SHOWN = 3  # breaches of one kind that are told one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long urgent tickets took from topic to topic, in milliseconds."""

    values: Sequence[int]  # in order

    def percentile(self, share: float) -> int | None:
        """The value that so many are not above; None where there is none."""
        if not self.values:
            return None
        return self.values[max(ceil(share * len(self.values)), 1) - 1]


@dataclass(slots=True, kw_only=True)
class Account:
    """What became of the tickets."""

    history: History
    delivery: str
    records: int
    tickets: int
    tombstones: int
    dead_letters: int
    lost: Sequence[Source]
    repeats: Repeats
    uncalled_for: Sequence[Output]
    out_of_order: Sequence[Output]
    overtook: int
    commits: int
    past_a_gap: Sequence[Place]
    rewound: Sequence[str]
    wrong: Sequence[Output]
    reviews: Mapping[str, int]
    during: Times
    apart: Times
    slowest_amid: Sequence[str]  # what was going on while the slowest urgent ticket waited
    breaches: Sequence[str] = field(init=False)

    def __post_init__(self) -> None:
        self.breaches = [*_breaches(self), *self.history.complaints]

    @property
    def holds(self) -> bool:
        """Whether every promise does."""
        return not self.breaches


def account_of(history: History, delivery: str) -> Account:
    """Hold the promises against the history."""
    firsts = history.firsts.values()
    expected = [record.expected for record in history.inputs.values()]
    during, apart = _urgent_times(history)
    return Account(
        history=history,
        delivery=delivery,
        records=len(history.inputs),
        tickets=sum(len(one.rights) for one in expected),
        tombstones=sum(not one.rights and not one.dead for one in expected),
        dead_letters=sum(one.dead for one in expected),
        lost=[source for source in _sources(history) if source not in history.firsts],
        repeats=_repeats(history, delivery),
        uncalled_for=[output for output in firsts if not _is_called_for(history, output)],
        out_of_order=out_of_order(history),
        overtook=sum(output.overtook for output in firsts),
        commits=sum(map(len, history.commits.values())),
        past_a_gap=list(past_a_gap(history)),
        rewound=list(rewound(history.commits)),
        wrong=[output for output in history.outputs if _is_wrong(history, output)],
        reviews=Counter(output.reason for output in firsts if output.reason is not None),
        during=during,
        apart=apart,
        slowest_amid=_slowest_amid(history),
    )


def _sources(history: History) -> Iterable[Source]:
    return chain.from_iterable(record.sources(place) for place, record in history.inputs.items())


def _repeats(history: History, delivery: str) -> Repeats:
    """In exactly-once nothing is allowed."""
    if delivery == "exactly-once":
        return Repeats(broken=[f"{_named(again.source.place)} came again." for _, again in pairs(history)])
    return judged(history)


def _is_called_for(history: History, output: Output) -> bool:
    """Whether the input has a record for which this must come, as an event or as a dead letter."""
    place = output.source.place
    record = history.inputs.get(place)
    return (
        record is not None and output.source in record.sources(place) and output.dead is record.expected.dead
    )


def _is_wrong(history: History, output: Output) -> bool:
    """A label that is not the text's own."""
    if output.label is None or not _is_called_for(history, output):
        return False
    return history.inputs[output.source.place].expected.rights[output.source.part or 0] != output.label


def out_of_order(history: History) -> list[Output]:
    """Events that came after a later one of their key, which does not say that it overtook. Repeats do not
    count: they are behind by their nature."""
    furthest: dict[bytes, int] = {}
    found = []
    events = (output for output in history.firsts.values() if not output.dead)
    for output in sorted(events, key=lambda output: (output.partition, output.offset)):
        place = output.source.place
        key = history.inputs[place].key if place in history.inputs else None
        if key is None:
            continue
        if place.offset < furthest.get(key, 0):
            found.append(output)
        if not output.overtook:
            furthest[key] = max(place.offset, furthest.get(key, 0))
    return found


def past_a_gap(history: History) -> Iterable[Place]:
    """Records that a commit called done before they were published, acknowledged or passed over."""
    for partition, commits in history.commits.items():
        claimed: set[int] = set()
        reached = 0
        for commit in commits:
            runs = [(reached, commit.position), *commit.runs]
            reached = max(reached, commit.position)
            for offset in (offset for run in runs for offset in range(*run) if offset not in claimed):
                claimed.add(offset)
                place = Place(partition, offset)
                settled_at = history.settled_at(place) if place in history.inputs else 0
                if settled_at is None or settled_at > commit.at_ms:
                    yield place


def rewound(commits: Mapping[int, Sequence[Commit]]) -> Iterable[str]:
    """Commits that took a position back."""
    for partition, of_one in commits.items():
        furthest = 0
        for commit in of_one:
            if commit.position < furthest:
                yield f"The commit of partition {partition} went back from {furthest} to {commit.position}."
            furthest = max(furthest, commit.position)


def _urgent_times(history: History) -> tuple[Times, Times]:
    """Of those whose way lay, in part, in a disturbance, and of the others."""
    windows = _merged(map(_window, history.strikes))
    during: list[int] = []
    apart: list[int] = []
    for from_ms, to_ms in _urgent_ways(history):
        times = during if _is_within(windows, from_ms, to_ms) else apart
        times.append(to_ms - from_ms)
    return Times(values=sorted(during)), Times(values=sorted(apart))


def _urgent_ways(history: History) -> Iterable[tuple[int, int]]:
    """From when to when each urgent ticket was on its way, from topic to topic."""
    for source, output in history.firsts.items():
        record = history.inputs.get(source.place)
        if record is not None and record.expected.urgent and not output.dead:
            yield record.at_ms, max(output.at_ms, record.at_ms)


def _slowest_amid(history: History) -> list[str]:
    """The strikes that the slowest urgent ticket's way lay in."""
    ways = max(_urgent_ways(history), key=lambda way: way[1] - way[0], default=(0, 0))
    amid = (strike for strike in history.strikes if _is_within([_window(strike)], *ways))
    return [f"{strike.kind} of {strike.whom}" for strike in amid]


def _window(strike: Strike) -> tuple[int, int]:
    return strike.at_ms, strike.over_ms + AFTER_STRIKE_MS


def _merged(windows: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(windows):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _is_within(windows: Sequence[tuple[int, int]], from_ms: int, to_ms: int) -> bool:
    """Whether any part of this time lies in a window; windows are apart and in order."""
    begun = bisect_right(windows, to_ms, key=lambda window: window[0])
    return bool(begun) and windows[begun - 1][1] >= from_ms


def _breaches(account: Account) -> Iterable[str]:
    """Every broken promise, the first few of each kind one by one."""
    kinds = (
        [f"{_named(source.place)} is lost." for source in account.lost],
        account.repeats.broken,
        account.repeats.stalls,
        [f"{_named(o.source.place)} became what it should not." for o in account.uncalled_for],
        [f"{_named(o.source.place)} came after a later one of its key." for o in account.out_of_order],
        [f"{_named(place)} was committed before it was out." for place in account.past_a_gap],
        account.rewound,
        [f"{_named(output.source.place)} has a wrong label." for output in account.wrong],
        [f"{n} tickets are for review as {why}." for why, n in account.reviews.items() if why != "deadline"],
    )
    for sentences in kinds:
        yield from sentences[:SHOWN]
        if len(sentences) > SHOWN:
            yield f"And {len(sentences) - SHOWN} more of the same."


def _named(place: Place) -> str:
    return f"Partition {place.partition}, offset {place.offset}"
