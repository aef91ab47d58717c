"""A partition in its group: what the brokers hold, and what its members do, whatever the way of delivery.

The brokers hold the log with its holes, what was published, the committed position and map. The members are
real ledgers: the owner, and zombies, which were frozen and do not know that the group has gone on without
them. Each new owner knows the commit and nothing else.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from stream_classifier.core.finished_map import HEAD_CHARS, MAX_CHARS, decode, encode, has_room
from stream_classifier.core.ledger import Ledger
from stream_classifier.core.runs import Run

TOPIC, PARTITION = "tickets", 3
FEW_CHARS = HEAD_CHARS + 8  # a map of three short runs
ZOMBIES = 3


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A commit: the position, the map's text, and the runs that may be believed of it."""

    position: int = 0
    text: str = ""
    runs: tuple[Run, ...] = ()

    def covers(self, offset: int) -> bool:
        at = bisect_right(self.runs, offset, key=lambda run: run[0]) - 1
        return offset < self.position or (at >= 0 and offset < self.runs[at][1])


@dataclass(kw_only=True)
class Member:
    """One who owns the partition, or believes so. `in_work` was delivered to it and is not published, `early`
    was taken before its turn."""

    began: Mark
    ledger: Ledger
    in_work: list[int] = field(default_factory=list)
    early: list[int] = field(default_factory=list)

    @property
    def ready(self) -> list[int]:
        """What may be published now."""
        return self.in_work + self.early

    def reached(self, end: int) -> None:
        """What was taken early before this offset is delivered, or never will be."""
        self.in_work += [offset for offset in self.early if offset < end]
        self.early = [offset for offset in self.early if offset >= end]


class GroupLife(RuleBasedStateMachine):
    """What both ways of delivery have in common."""

    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.log: list[int] = []
        self.end = 0  # where the log's next record may stand
        self.tombstones: set[int] = set()
        self.published: Counter[int] = Counter()  # or passed over
        self.mark = Mark()
        self.zombies: list[Member] = []
        self.max_chars = MAX_CHARS
        self.take_over()

    @initialize(max_chars=st.sampled_from([MAX_CHARS, FEW_CHARS]), first=st.sampled_from([0, 97, 99_990]))
    def begin(self, max_chars: int, first: int) -> None:
        """What a map may hold; and where the log begins: soon its offsets have a digit more."""
        self.max_chars = max_chars
        self.end = first

    def take_over(self) -> None:
        """Another owner, or the same process after a crash."""
        restored = decode(TOPIC, PARTITION, self.mark.position, self.mark.text)
        assert restored == self.mark.runs
        self.owner = Member(began=self.mark, ledger=Ledger(start=self.mark.position, restored=restored))
        self.last_position = self.mark.position

    def mark_of(self, member: Member, also: Sequence[int] = ()) -> tuple[Mark, bool]:
        """What a member would commit once these are done, too, and whether its map holds all."""
        done = set(also)
        position = member.ledger.position_with(done)
        runs = tuple(member.ledger.finished_runs(done))
        kept = member.ledger.kept_runs(done)
        text, whole = encode(TOPIC, PARTITION, position, runs, self.max_chars, kept=kept)
        assert len(text) <= self.max_chars
        held = decode(TOPIC, PARTITION, position, text)
        mark = Mark(position=position, text=text, runs=held)
        assert all(mark.covers(offset) for run in kept for offset in run_edges(run))
        assert held == runs if whole else set(held) <= {*runs, *kept}
        return mark, whole

    def publish(self, offsets: Sequence[int]) -> None:
        published = set(offsets)
        self.published.update(published)
        self.owner.in_work = [offset for offset in self.owner.in_work if offset not in published]
        self.owner.early = [offset for offset in self.owner.early if offset not in published]
        self.owner.ledger.done(published)

    # ------------------------------------------------------------------------------------ the broker

    @rule(gaps=st.lists(st.sampled_from([0, 0, 0, 1, 2, 200]), min_size=1, max_size=8))
    def append(self, gaps: list[int]) -> None:
        """Records, with holes of markers before some."""
        for gap in gaps:
            self.log.append(self.end + gap)
            self.end += gap + 1

    @rule(n=st.integers(1, 6))
    def append_tombstones(self, n: int) -> None:
        """Each before a record: runs that nothing was published for."""
        for _ in range(n):
            self.tombstones.add(self.end)
            self.append([0, 0])

    @rule(markers=st.integers(1, 3))
    def end_a_transaction(self, markers: int) -> None:
        """What stands behind the last record is never delivered."""
        self.end += markers

    @rule(data=st.data())
    def compact(self, data: st.DataObject) -> None:
        """A record that the owner has not read goes: a later one has replaced it."""
        if unread := [offset for offset in self.log if offset >= self.owner.ledger.next_offset]:
            self.log.remove(data.draw(st.sampled_from(unread)))

    # ----------------------------------------------------------------------------------- the process

    @rule(n=st.integers(1, 12))
    def deliver(self, n: int) -> None:
        """A poll's records, from where the ledger says."""
        owner = self.owner
        for offset in [offset for offset in self.log if offset >= owner.ledger.next_offset][:n]:
            early = offset in owner.early
            known = owner.ledger.knows(offset)
            owner.reached(offset + 1)
            entered = owner.ledger.enter(offset, size_bytes=offset)
            assert entered is not known, "asked again, or not at all"
            assert known or not owner.began.covers(offset)
            assert not early or known
            if entered and offset in self.tombstones:
                self.published[offset] = 1
                owner.ledger.done([offset])
            elif entered:
                owner.in_work.append(offset)

    @rule(data=st.data())
    def take_early(self, data: st.DataObject) -> None:
        """An urgent record is found beyond what was delivered."""
        unread = [o for o in self.log if not self.owner.ledger.knows(o) and o not in self.tombstones]
        if unread:
            self.take(data.draw(st.sampled_from(unread)))

    @rule(n=st.integers(1, 6))
    def take_early_behind_tombstones(self, n: int) -> None:
        """What is delivered before it will be passed over in part."""
        self.append_tombstones(n)
        self.take(self.log[-1])

    def take(self, offset: int) -> None:
        """Take this one early, if there is room for it."""
        ledger = self.owner.ledger
        kept = sorted([*ledger.runs_to_keep(), (offset, offset + 1)])
        if has_room(ledger.position, kept, self.max_chars):
            ledger.take_early(offset, size_bytes=offset, now=0.0)
            self.owner.early = sorted([*self.owner.early, offset])

    @rule(back=st.integers(1, 20))
    def deliver_again(self, back: int) -> None:
        """What was delivered in this assignment comes again."""
        for offset in [offset for offset in self.log if offset < self.owner.ledger.next_offset][-back:]:
            assert not self.owner.ledger.enter(offset, size_bytes=offset)

    @rule()
    def read_on(self) -> None:
        """A poll that brings nothing: the client stands before the next record, or at the end."""
        unread = (offset for offset in self.log if offset >= self.owner.ledger.next_offset)
        reached = next(unread, self.end)
        self.owner.reached(reached)
        self.owner.ledger.reach(reached)

    @rule()
    def crash(self) -> None:
        """What was published since the commit is forgotten."""
        self.take_over()

    @precondition(lambda self: len(self.zombies) < ZOMBIES)
    @rule()
    def freeze(self) -> None:
        """The group goes on without its owner, which will come back."""
        self.zombies.append(self.owner)
        self.take_over()

    # --------------------------------------------------------------------------------- the promises

    @invariant()
    def nothing_is_skipped(self) -> None:
        type(self).steps += 1
        assert not [offset for offset in self.log if self.mark.covers(offset) and not self.published[offset]]

    @invariant()
    def nothing_passes_a_gap(self) -> None:
        unpublished = (offset for offset in self.log if not self.published[offset])
        assert self.owner.ledger.position <= next(unpublished, self.end)

    @invariant()
    def the_position_never_goes_back(self) -> None:
        assert self.owner.ledger.position >= self.last_position
        self.last_position = self.owner.ledger.position

    @invariant()
    def the_ledger_holds_what_is_in_work_and_no_more(self) -> None:
        assert list(self.owner.ledger.unfinished) == self.owner.in_work
        assert list(self.owner.ledger.early) == self.owner.early
        assert self.owner.ledger.size_bytes == sum(self.owner.ready)

    @invariant()
    def runs_ascend_apart_and_beyond_the_position(self) -> None:
        at = self.owner.ledger.position
        for first, end in self.owner.ledger.finished_runs():
            assert at < first < end
            at = end

    def finish(self) -> None:
        """Read to the end, publish all, commit."""
        raise NotImplementedError

    def teardown(self) -> None:
        self.deliver(len(self.log))
        self.read_on()
        self.finish()
        assert all(self.published[offset] for offset in self.log)
        assert self.mark.position == self.end


def run_edges(run: Run) -> tuple[int, int]:
    """Its first offset and its last."""
    return run[0], run[1] - 1
