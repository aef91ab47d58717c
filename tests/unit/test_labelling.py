"""Labelling a backlog: rows in, what became of each out, through the service's own pipeline."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from stream_classifier.cache import Cache, MemoryFront
from stream_classifier.core.answer import Lane
from stream_classifier.core.backpressure import Backpressure
from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.lab.labelling import Labelled, Labelling, ReadRow, read_row
from stream_classifier.lab.rows import BadRow, TicketRow
from stream_classifier.service.building import Builder
from stream_classifier.service.offline import Offline, Settled, SettlingOutbox
from tests.unit.lane_fakes import DOWN, ScriptedProvider, label_of
from tests.unit.lane_world import settings


@dataclass(slots=True)
class RecordingSink:
    """Notes what is written. `known` is what an earlier run had found, by line."""

    known: dict[int, Settled] = field(default_factory=dict)
    settled_lines: list[int] = field(default_factory=list)
    ready: list[Labelled] = field(default_factory=list)
    writing: Callable[[], object] = lambda: None

    def recall(self, row: ReadRow) -> Settled | None:
        return self.known.pop(row.line, None)

    def settled(self, labelled: Labelled) -> None:
        self.settled_lines.append(labelled.row.line)

    async def write(self, ready: Sequence[Labelled]) -> None:
        self.writing()
        self.ready += ready

    @property
    def lines(self) -> list[int]:
        return [row.line for row, _ in self.ready]

    @property
    def labels(self) -> list[str | None]:
        return [orjson.loads(result.events[0])["label"] for _, result in self.ready if result.events]


@dataclass(slots=True, kw_only=True)
class World:
    """A labelling, its pipeline and what stands at both ends."""

    labelling: Labelling
    offline: Offline
    provider: ScriptedProvider
    sink: RecordingSink
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def label(self, rows: AsyncIterator[ReadRow]) -> None:
        await self.labelling.run(rows, self.offline, self.stopping)


@asynccontextmanager
async def world(
    sink: RecordingSink | None = None, *, rows_ahead: int = 1000, wait_s: float = 25, **groups: Any
) -> AsyncIterator[World]:
    sink = sink or RecordingSink()
    provider, tally = ScriptedProvider(), Tally()
    bounds = Backpressure(max_tickets=rows_ahead, max_bytes=1 << 30)
    labelling = Labelling(sink=sink, bounds=bounds, calls_wait_s=wait_s)
    front = MemoryFront(1000, 1 << 20, clock=lambda: 0.0)
    async with Cache(front, None, ttl_s=60, timeout_s=1, tally=tally, clock=lambda: 0.0) as cache:
        builder = Builder(settings(**groups), tally)
        pipeline = builder.pipeline(cache, dict.fromkeys(Lane, provider), SettlingOutbox(labelling.settle))
        offline = Offline(pipeline, "tickets.jsonl", lambda: 1_000, labelling.settle)
        async with offline.running():
            yield World(labelling=labelling, offline=offline, provider=provider, sink=sink)


def ticket(line: int, text: str | None = None, **fields: Any) -> ReadRow:
    body = f"text {line}" if text is None else text
    return read_row(TicketRow(line=line, ticket={"id": line, "text": body, **fields}))


async def given(*rows: ReadRow) -> AsyncIterator[ReadRow]:
    for row in rows:
        yield row


async def test_rows_come_out_in_order_each_with_the_label_of_its_own_text() -> None:
    async with world() as w:
        w.provider.latency_s = lambda call: 9.0 if "text 1" in call.texts else 1.0
        await w.label(given(*map(ticket, range(1, 20))))
    assert w.sink.lines == list(range(1, 20))
    assert w.sink.labels == [label_of(f"text {line}") for line in range(1, 20)]
    assert w.sink.settled_lines != w.sink.lines  # the first was the last to be answered


async def test_an_event_names_its_row_by_file_and_line() -> None:
    async with world() as w:
        await w.label(given(ticket(7)))
    assert orjson.loads(w.sink.ready[0].settled.events[0])["event_id"] == "tickets.jsonl:0:7"


async def test_a_row_that_cannot_be_read_and_one_that_is_no_ticket_are_rejected_in_their_place() -> None:
    unreadable = read_row(BadRow(line=2, sentence="The line is not JSON."))
    without_id = read_row(TicketRow(line=3, ticket={"text": "no id"}))
    async with world() as w:
        await w.label(given(ticket(1), unreadable, without_id, ticket(4)))
    assert w.sink.lines == [1, 2, 3, 4]
    rejections = [result.rejection for _, result in w.sink.ready]
    assert [rejection and rejection.reason for rejection in rejections] == [
        None,
        "unreadable",
        "not_a_ticket",
        None,
    ]


async def test_a_row_without_a_ticket_to_classify_is_told_with_its_rule_and_holds_nothing_up() -> None:
    deleted = read_row(TicketRow(line=2, ticket={"op": "d", "before": {"id": 2}, "after": None}))
    async with world() as w:
        await w.label(given(ticket(1), deleted, ticket(3)))
    assert w.sink.lines == [1, 2, 3]
    rejection = w.sink.ready[1].settled.rejection
    assert rejection is not None
    assert rejection.reason == "deleted"


async def test_a_row_of_several_tickets_comes_out_once_with_all_its_events() -> None:
    both = [{"id": "a", "text": "one"}, {"id": "b", "text": "two"}]
    envelope = {"specversion": "1.0", "id": "e", "source": "/", "type": "t", "data": both}
    async with world() as w:
        await w.label(given(read_row(TicketRow(line=1, ticket=envelope))))
    events = [orjson.loads(event) for event in w.sink.ready[0].settled.events]
    assert [event["ticket_id"] for event in events] == ["a", "b"]


async def test_no_more_is_read_than_may_be_ahead_of_what_is_written() -> None:
    read = 0

    async def counted() -> AsyncIterator[ReadRow]:
        nonlocal read
        for line in range(1, 101):
            read += 1
            yield ticket(line)

    async with world(rows_ahead=10) as w:
        w.sink.writing = lambda: ahead.append(read - len(w.sink.ready))
        ahead: list[int] = []
        await w.label(counted())
    assert w.sink.lines == list(range(1, 101))
    assert max(ahead) <= 10 + 1  # and the one in hand


async def test_rows_that_cannot_be_read_count_too_behind_a_slow_first_one() -> None:
    rows = [ticket(1), *(read_row(BadRow(line=n, sentence="bad")) for n in range(2, 500))]
    drawn = 0

    async def counted() -> AsyncIterator[ReadRow]:
        nonlocal drawn
        for row in rows:
            drawn += 1
            yield row

    async with world(rows_ahead=10) as w:
        drawn_at_first_write: list[int] = []
        w.sink.writing = lambda: drawn_at_first_write.append(drawn)
        await w.label(counted())
    assert drawn_at_first_write[0] <= 11
    assert len(w.sink.lines) == 499


async def test_what_an_earlier_run_found_is_written_in_its_place_and_not_asked() -> None:
    before = Settled(offset=2, events=(b'{"label":"from before"}',))
    async with world(RecordingSink(known={2: before})) as w:
        await w.label(given(ticket(1), ticket(2), ticket(3)))
    assert w.sink.labels == [label_of("text 1"), "from before", label_of("text 3")]
    assert "text 2" not in w.provider.texts
    assert 2 not in w.sink.settled_lines


async def test_an_outage_is_waited_for_by_urgent_rows_too() -> None:
    async with world(urgent={"deadline_s": 5}) as w:
        up_at = asyncio.get_running_loop().time() + 600
        w.provider.script = lambda call: DOWN if call.began < up_at else None
        await w.label(given(ticket(1, priority="urgent"), ticket(2)))
    assert w.sink.labels == [label_of("text 1"), label_of("text 2")]


async def test_a_source_that_breaks_off_is_told_when_all_before_the_break_is_written() -> None:
    async def breaking() -> AsyncIterator[ReadRow]:
        yield ticket(1)
        yield ticket(2)
        raise OperatorFault("It breaks off.")

    async with world() as w:
        with pytest.raises(OperatorFault, match="breaks off"):
            await w.label(breaking())
    assert w.sink.lines == [1, 2]


async def test_told_to_stop_it_begins_no_call_and_writes_what_those_under_way_bring() -> None:
    async with world(batch={"max_tickets": 1}, llm={"concurrency": 2}) as w:
        told = asyncio.get_running_loop().call_later(2.5, w.stopping.set)  # in the middle of a call
        await w.label(given(*map(ticket, range(1, 100))))
        told.cancel()
    assert len(w.provider.asked) == len(w.sink.lines)
    assert 0 < len(w.sink.lines) < 20
    assert w.sink.lines == list(range(1, len(w.sink.lines) + 1))


async def test_told_to_stop_it_waits_for_a_call_that_hangs_only_so_long() -> None:
    loop = asyncio.get_running_loop()
    async with world(wait_s=5) as w:
        w.provider.latency_s = lambda call: 1.0 if call.probe else 10_000.0
        loop.call_later(10, w.stopping.set)
        began = loop.time()
        await w.label(given(ticket(1)))
    assert loop.time() - began < 20
    assert w.sink.lines == []
