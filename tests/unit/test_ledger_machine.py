"""A partition's whole life, as hypothesis makes it up: promises 1 to 3 through crashes and rebalances.

The machine holds what a broker holds (the log with its holes, the committed position and map) and what
a process holds (a ledger, the records in work), and knows of each record whether it was published.

- Nothing passes a gap: no position, and no run of a map, covers a record that was not published.
- Nothing is lost: in the end each record of the log was published.
- Nothing is repeated that a committed map holds. A damaged or foreign map repeats, and no more.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from stream_classifier.core.finished_map import MAX_CHARS, decode, encode
from stream_classifier.core.ledger import Ledger, Run

TOPIC, PARTITION = "tickets", 3
FULL_MAP_RECORDS = 4_000  # every second one finished is more than a map can hold

Damage = Callable[[str], str]
DAMAGE: Sequence[Damage] = (
    lambda text: text[:-1],
    lambda text: text[: len(text) // 2],
    lambda text: text.replace("sc1", "sc2"),
    lambda text: text.upper() + "=",
    lambda text: encode("other", PARTITION, 0, [(1, 10**9)])[0],
    lambda text: encode(TOPIC, PARTITION + 1, 0, [(1, 10**9)])[0],
    lambda text: "left by another tool",
    lambda text: "",
)


def settled(examples: int, steps: int, *, seeded: bool) -> settings:
    return settings(
        derandomize=seeded, max_examples=examples, stateful_step_count=steps, deadline=None, database=None
    )


def covered(offset: int, position: int, runs: Sequence[Run]) -> bool:
    at = bisect_right(runs, offset, key=lambda run: run[0]) - 1
    return offset < position or (at >= 0 and offset < runs[at][1])


class PartitionLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.end = 0  # where the log's next record may stand
        self.unpublished: set[int] = set()
        self.position, self.map = 0, ""  # as committed
        self.spared: tuple[Run, ...] = ()  # what the committed map holds
        self.begin_anew()

    def begin_anew(self) -> None:
        """A new owner, or the old one after a crash: all that it knows is the commit."""
        restored = decode(TOPIC, PARTITION, self.position, self.map)
        assert restored == self.spared
        self.ledger = Ledger(start=self.position, restored=restored)
        self.in_work: list[int] = []
        self.last_position = self.position

    # ------------------------------------------------------------------------------------ the broker

    @rule(gaps=st.lists(st.sampled_from([0, 0, 0, 1, 2, 200]), min_size=1, max_size=8))
    def append(self, gaps: list[int]) -> None:
        """Records, with holes of markers before some."""
        for gap in gaps:
            self.log.append(self.end + gap)
            self.unpublished.add(self.end + gap)
            self.end += gap + 1

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        """A record that nobody has read yet goes: a later one has replaced it."""
        unread = [offset for offset in self.log if offset >= self.ledger.next_offset]
        if unread:
            gone = data.draw(st.sampled_from(unread))
            self.log.remove(gone)
            self.unpublished.discard(gone)

    @rule(n=st.integers(1, 12))
    def deliver(self, n: int) -> None:
        """A poll's records, from where the ledger says."""
        for offset in [offset for offset in self.log if offset >= self.ledger.next_offset][:n]:
            entered = self.ledger.enter(offset, size_bytes=offset)
            assert entered is not covered(offset, self.position, self.spared), "asked again, or not at all"
            if entered:
                self.in_work.append(offset)

    @rule(back=st.integers(1, 20))
    def deliver_again(self, back: int) -> None:
        """What was delivered in this assignment comes again."""
        for offset in [offset for offset in self.log if offset < self.ledger.next_offset][-back:]:
            assert not self.ledger.enter(offset, size_bytes=offset)

    # ----------------------------------------------------------------------------------- the process

    @precondition(lambda self: self.in_work)
    @rule(data=st.data())
    def publish(self, data: st.DataObject) -> None:
        """Some of the records in work are acknowledged, in any order."""
        published = data.draw(st.lists(st.sampled_from(self.in_work), unique=True))
        self.unpublished.difference_update(published)
        self.in_work = [offset for offset in self.in_work if offset not in published]
        self.ledger.done(published)

    @rule()
    def commit(self) -> None:
        """What is committed covers nothing that was not published."""
        self.position = self.ledger.position
        runs = tuple(self.ledger.finished_runs())
        self.map, whole = encode(TOPIC, PARTITION, self.position, runs)
        assert len(self.map) <= MAX_CHARS
        self.spared = decode(TOPIC, PARTITION, self.position, self.map)
        assert self.spared == (runs if whole else runs[: len(self.spared)])
        assert not [offset for offset in self.unpublished if covered(offset, self.position, self.spared)]

    @rule()
    def crash(self) -> None:
        """What was published since the commit is forgotten."""
        self.begin_anew()

    @rule()
    def rebalance(self) -> None:
        """The last commit, then another owner."""
        self.commit()
        self.begin_anew()

    @rule(damage=st.sampled_from(DAMAGE))
    def crash_with_a_damaged_map(self, damage: Damage) -> None:
        """The map is ignored as a whole: its records are labelled again."""
        if (damaged := damage(self.map)) != self.map:
            self.map, self.spared = damaged, ()
            self.begin_anew()

    # --------------------------------------------------------------------------------- the promises

    @invariant()
    def nothing_passes_a_gap(self) -> None:
        assert self.ledger.position <= min(self.unpublished, default=self.end)

    @invariant()
    def the_position_never_goes_back(self) -> None:
        assert self.ledger.position >= self.last_position
        self.last_position = self.ledger.position

    @invariant()
    def the_ledger_holds_what_is_in_work_and_no_more(self) -> None:
        assert list(self.ledger.unfinished) == self.in_work
        assert self.ledger.size_bytes == sum(self.in_work)

    @invariant()
    def runs_ascend_apart_and_beyond_the_position(self) -> None:
        at = self.ledger.position
        for first, end in self.ledger.finished_runs():
            assert at < first < end
            at = end

    def teardown(self) -> None:
        """Nothing is lost: read to the end, publish all, commit."""
        self.deliver(len(self.log))
        self.ledger.done(self.in_work)
        self.unpublished.difference_update(self.in_work)
        self.commit()
        assert not self.unpublished
        assert self.position >= max(self.log, default=-1) + 1


class StormyPartitionLife(PartitionLife):
    @precondition(lambda self: len(self.log) < FULL_MAP_RECORDS)
    @rule()
    def storm(self) -> None:
        """More runs than a map can hold: what does not fit is repeated after a crash."""
        self.append([0] * FULL_MAP_RECORDS)
        self.deliver(FULL_MAP_RECORDS)
        published = set(self.in_work[1::2])
        self.unpublished -= published
        self.in_work = self.in_work[::2]
        self.ledger.done(published)


Life = type[PartitionLife]


@pytest.mark.parametrize(("life", "examples"), [(PartitionLife, 200), (StormyPartitionLife, 30)])
def test_a_partition_keeps_its_promises(life: Life, examples: int) -> None:
    run_state_machine_as_test(life, settings=settled(examples, 40, seeded=True))


@pytest.mark.soak
@pytest.mark.parametrize(("life", "examples"), [(PartitionLife, 2_000), (StormyPartitionLife, 200)])
def test_a_partition_keeps_its_promises_for_100_000_steps(life: Life, examples: int) -> None:
    run_state_machine_as_test(life, settings=settled(examples, 80, seeded=False))
