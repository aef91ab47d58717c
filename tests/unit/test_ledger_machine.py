"""A partition's whole life, as hypothesis makes it up: promises 1 to 4, as far as ledger and map keep them.

- Nothing is skipped: what a commit covers was published, and in the end all of the log is.
- Nothing passes a gap: no position and no run covers a record that was not published.
- What a commit holds is not published again. A damaged or foreign map repeats, and no more.
- Where publishing and commit are one transaction and the map is never cut, each is published once.
"""

import sys
from collections.abc import Callable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test

from stream_classifier.core.finished_map import decode, encode
from tests.unit.group_life import PARTITION, TOPIC, GroupLife, Mark

FULL_MAP_RECORDS = 4_000  # every second one finished is more than a whole map can hold
SOAK_STEPS = 100_000

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


class AtLeastOnce(GroupLife):
    @precondition(lambda self: self.owner.ready)
    @rule(data=st.data())
    def publish_some(self, data: st.DataObject) -> None:
        """Some of the records in work are acknowledged, in any order."""
        self.publish(data.draw(st.lists(st.sampled_from(self.owner.ready), unique=True)))

    @rule()
    def commit(self) -> None:
        self.mark, _ = self.mark_of(self.owner)

    @rule(data=st.data(), drained=st.booleans())
    def rebalance(self, data: st.DataObject, drained: bool) -> None:
        """What is answered is published, the last commit is made, and another owns the partition."""
        if drained and self.owner.ready:
            self.publish_some(data)
        self.commit()
        self.take_over()

    @precondition(lambda self: self.zombies)
    @rule(refused=st.booleans())
    def a_zombie_comes_back_and_commits(self, refused: bool) -> None:
        """The group refuses it. Where it does not, the commit goes back, and the next owner repeats."""
        late, _ = self.mark_of(self.zombies.pop())
        if self.mark.position != late.position:
            assert decode(TOPIC, PARTITION, self.mark.position, late.text) == ()
        if not refused:
            self.mark = late

    @rule(damage=st.sampled_from(DAMAGE))
    def crash_with_a_damaged_map(self, damage: Damage) -> None:
        """The map is ignored as a whole: its records are labelled again."""
        if (damaged := damage(self.mark.text)) != self.mark.text:
            self.mark = Mark(position=self.mark.position, text=damaged)
            self.take_over()

    @precondition(lambda self: self.mark.position > 0)
    @rule(back=st.integers(1, 300))
    def crash_with_a_map_of_another_position(self, back: int) -> None:
        """A tool that copies offsets between clusters takes the metadata along."""
        self.mark = Mark(position=max(self.mark.position - back, 0), text=self.mark.text)
        self.take_over()

    def finish(self) -> None:
        self.publish(self.owner.in_work)
        self.commit()


class ExactlyOnce(GroupLife):
    def holds_all_published(self, mark: Mark, also: Sequence[int] = ()) -> bool:
        """Whether a commit knows of everything that has an event, these among it."""
        events = (offset for offset in {*self.published, *also} if offset not in self.tombstones)
        return all(map(mark.covers, events))

    @precondition(lambda self: self.owner.ready)
    @rule(data=st.data())
    def transact(self, data: st.DataObject) -> None:
        """Events and commit together: as many of those that are ready, the lowest first, as the map can
        hold. What the commit says beforehand is what the ledger says afterwards."""
        ready = sorted(data.draw(st.lists(st.sampled_from(self.owner.ready), unique=True, min_size=1)))
        for n in range(len(ready), 0, -1):
            mark, _ = self.mark_of(self.owner, ready[:n])
            if self.holds_all_published(mark, ready[:n]):
                self.mark = mark
                self.publish(ready[:n])
                assert mark == self.mark_of(self.owner)[0]
                return
        assert ready[0] != self.owner.ledger.position, "the record at the position always fits"

    @rule()
    def rebalance(self) -> None:
        """A last transaction without events: records that were passed over move the position, too."""
        mark, _ = self.mark_of(self.owner)
        assert self.holds_all_published(mark)
        self.mark = mark
        self.take_over()

    @precondition(lambda self: self.zombies)
    @rule()
    def a_zombie_comes_back_and_is_fenced(self) -> None:
        """Its producer is of an older epoch. Had its commit gone through, nothing would be skipped."""
        late, _ = self.mark_of(self.zombies.pop())
        assert not [offset for offset in self.log if late.covers(offset) and not self.published[offset]]

    @invariant()
    def each_is_published_once(self) -> None:
        assert max(self.published.values(), default=0) <= 1

    def finish(self) -> None:
        """The record at the position always fits, so nothing stands still for ever."""
        while self.owner.in_work:
            self.mark, _ = self.mark_of(self.owner, self.owner.in_work[:1])
            assert self.holds_all_published(self.mark, self.owner.in_work[:1])
            self.publish(self.owner.in_work[:1])
        self.mark, _ = self.mark_of(self.owner)


class Storms(AtLeastOnce):
    @precondition(lambda self: len(self.log) < FULL_MAP_RECORDS)
    @rule()
    def storm(self) -> None:
        """More runs than any map can hold: what does not fit is repeated after a crash."""
        self.append([0] * FULL_MAP_RECORDS)
        self.deliver(FULL_MAP_RECORDS)
        self.publish(self.owner.in_work[1::2])


def run(life: type[GroupLife], examples: int, steps: int, *, seeded: bool) -> int:
    """How many steps were made."""
    before = life.steps
    run_state_machine_as_test(
        life,
        settings=settings(
            derandomize=seeded, max_examples=examples, stateful_step_count=steps, deadline=None, database=None
        ),
    )
    return life.steps - before


@pytest.mark.parametrize(("life", "examples"), [(AtLeastOnce, 150), (ExactlyOnce, 150), (Storms, 20)])
def test_a_partition_keeps_its_promises(life: type[GroupLife], examples: int) -> None:
    assert run(life, examples, 40, seeded=True) > 10 * examples


@pytest.mark.soak
@pytest.mark.parametrize(("life", "examples"), [(AtLeastOnce, 1_500), (ExactlyOnce, 1_500)])
def test_a_partition_keeps_its_promises_for_100_000_steps(
    life: type[GroupLife], examples: int, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = 0
    while steps < SOAK_STEPS:
        steps += run(life, examples, 80, seeded=False)
    with capsys.disabled():
        sys.stdout.write(f"\n{life.__name__}: {steps:,} steps\n")


@pytest.mark.soak
def test_storms_keep_the_promises_for_long() -> None:
    run(Storms, 200, 80, seeded=False)
