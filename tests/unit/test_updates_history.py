"""Histories of updates, as hypothesis makes them up: kills between any two steps, rebalances, a store that is
away, full or back. Whatever comes, with `skip_unchanged`:

- Every text that a ticket ever had is published at least once.
- What is passed over has the text of an earlier event of its ticket that is on the topic.
- Who reads the labels ends with the ticket's last text: by the last event, and by the last that is not late.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_classifier.core import measures
from stream_classifier.core.finished_map import Mark, decode
from stream_classifier.core.journey import Partition
from stream_classifier.core.ledger import Ledger
from tests.unit.conftest import JumpingLoop
from tests.unit.lane_fakes import Record, ticket
from tests.unit.lane_world import World, world
from tests.unit.updates_world import SKIP, Notebook, SlowBroker, commit, slow_broker

Step: TypeAlias = tuple[str, Any]
QUIET_S = 60.0  # by then all that was read is decided
SHORT_S = 0.5  # by then some of it is not

RECORDS = st.tuples(st.sampled_from(["T-1", "T-2"]), st.sampled_from(["one", "two"]))
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.lists(RECORDS, min_size=1, max_size=4)),
        st.tuples(st.just("wait"), st.sampled_from([0.0, SHORT_S, QUIET_S])),
        st.tuples(st.just("acknowledge"), st.integers(1, 4)),
        st.tuples(st.just("commit"), st.none()),
        st.tuples(st.sampled_from(["rebalance", "kill", "stop"]), st.integers(0, 4)),
        st.tuples(st.just("store"), st.sampled_from(["back", "full", "away"])),
    ),
    max_size=24,
)


@dataclass(slots=True, kw_only=True)
class History:
    """One partition's log, its owners one after another, and what is on the labels topic. Exactly once, an
    acknowledgement is a transaction: it carries the commit, and nothing else ever reaches the topic."""

    exactly_once: bool
    rising: bool  # the tickets have revisions
    store: Notebook | None
    log: list[tuple[str, str]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    topic: list[dict[str, Any]] = field(default_factory=list)
    mark: Mark = (-1, "")
    passed_over: int = 0
    life: AsyncExitStack = field(default_factory=AsyncExitStack)
    w: World = field(init=False)
    broker: SlowBroker = field(init=False)

    async def begin(self) -> None:
        """A process starts, and is assigned the partition."""
        self.life = AsyncExitStack()
        self.w = await self.life.enter_async_context(world(backend=self.store, **SKIP))
        self.broker = slow_broker(self.w)
        self.assign()

    def assign(self) -> None:
        start, text = max(self.mark[0], 0), self.mark[1]
        ledger = Ledger(start=start, restored=decode("tickets", 0, start, text))
        self.w.partition = Partition(topic="tickets", number=0, ledger=ledger, committed=self.mark)
        self.w.topic = self.records
        self.w.poll()

    def read(self, contents: Sequence[tuple[str, str]]) -> None:
        for ticket_id, text in contents:
            revision = str(len(self.log)) if self.rising else None
            record = ticket(text, key=ticket_id.encode(), ticket_id=ticket_id, revision=revision)
            record.offset = len(self.log)
            self.records.append(record)
            self.log.append((ticket_id, text))
        self.w.poll()

    def acknowledge(self, number: int | None) -> None:
        number = len(self.broker.waiting) if number is None else number
        self.reach(number)
        self.broker.acknowledge(number)
        if self.exactly_once:
            self.mark = commit(self.w)

    def reach(self, number: int) -> None:
        """The oldest so many events are on the topic, whether we hear of it or not."""
        first = len(self.broker.sent) - len(self.broker.waiting)
        self.topic += [sent.event for sent in self.broker.sent[first : first + number]]

    def lose(self, reached: int) -> None:
        """The partition is not ours any more; some of what was under way had reached the broker."""
        if not self.exactly_once:
            self.reach(min(reached, len(self.broker.waiting)))
        self.broker.waiting.clear()
        self.broker.sent.clear()
        self.w.partition.open = False

    async def end(self, *, cleanly: bool) -> None:
        """The process ends; a kill leaves nothing of what waits to be written."""
        self.passed_over += int(self.w.tally.count(measures.PASSED_OVER, "unchanged"))
        if self.store is None:
            await self.life.aclose()
            return
        full, self.store.full = self.store.full, self.store.full or not cleanly
        await self.life.aclose()
        self.store.full = full

    async def step(self, what: str, how: Any) -> None:
        match what:
            case "read":
                self.read(how)
            case "wait":
                await asyncio.sleep(how)
            case "acknowledge":
                self.acknowledge(min(how, len(self.broker.waiting)))
            case "commit":
                self.mark = commit(self.w)
            case "rebalance":
                self.lose(how)
                self.assign()
            case "kill" | "stop":
                self.lose(how)
                await self.end(cleanly=what == "stop")
                await self.begin()
            case "store" if self.store is not None:
                self.store.full, self.store.away = how == "full", how == "away"

    async def play(self, steps: Sequence[Step]) -> None:
        await self.begin()
        for what, how in steps:
            await self.step(what, how)
        while self.w.partition.ledger.position < len(self.log):
            await asyncio.sleep(QUIET_S)
            self.acknowledge(None)
        await self.end(cleanly=True)

    def check(self) -> None:
        events = [(event["source"]["offset"], event["superseded"]) for event in self.topic]
        out = {offset for offset, _ in events}
        for offset, content in enumerate(self.log):
            assert offset in out or content in {self.log[o] for o in out if o < offset}, f"{offset} is lost"
        for name in {name for name, _ in self.log}:
            of_it = [(self.log[o][1], late) for o, late in events if self.log[o][0] == name]
            last = [text for other, text in self.log if other == name][-1]
            assert of_it[-1][0] == last, f"who goes by the last event is wrong about {name}"
            assert [text for text, late in of_it if not late][-1] == last, f"who leaves out late ones: {name}"


def played(steps: Sequence[Step], *, exactly_once: bool, rising: bool, stored: bool) -> History:
    history = History(exactly_once=exactly_once, rising=rising, store=Notebook() if stored else None)
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(history.play(steps))
    history.check()
    return history


QUIET: Step = ("wait", QUIET_S)
BACK_AGAIN: list[Step] = [
    *(("read", [("T-1", "one")]), QUIET, ("acknowledge", 1), ("commit", None), QUIET),
    *(("store", "full"), ("read", [("T-1", "two")]), QUIET, ("acknowledge", 1), ("commit", None)),
    *(("kill", 0), ("store", "back"), ("read", [("T-1", "one")]), QUIET),
]
"""The store is full when the text changes; a kill; it can be written again, and the text changes back."""


@pytest.mark.parametrize("exactly_once", [False, True], ids=["at-least-once", "exactly-once"])
@given(steps=STEPS, rising=st.booleans(), stored=st.booleans())
@example(steps=BACK_AGAIN, rising=False, stored=True)
@settings(deadline=None, max_examples=150)
def test_no_text_of_a_ticket_is_lost_by_passing_over(
    exactly_once: bool, steps: list[Step], rising: bool, stored: bool
) -> None:
    played(steps, exactly_once=exactly_once, rising=rising, stored=stored)


@pytest.mark.parametrize("stored", [True, False])
def test_histories_pass_over_what_is_unchanged(stored: bool) -> None:
    steps: list[Step] = [
        *(("read", [("T-1", "one")]), QUIET, ("acknowledge", 1), ("read", [("T-1", "one")] * 3), QUIET)
    ]
    assert played(steps, exactly_once=False, rising=True, stored=stored).passed_over == 3
