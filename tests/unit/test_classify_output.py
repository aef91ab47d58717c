"""The output of `classify`: a kill or a loss of power at any moment loses no row, repeats none, and forgets
no answer."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.classify.account import Spent
from stream_classifier.lab.classify.files import LazyFile, open_appended
from stream_classifier.lab.classify.forms import JsonLines
from stream_classifier.lab.classify.journal import (
    GROWTH_BYTES,
    Head,
    Journal,
    Known,
    Mark,
    answer_line,
    read_journal,
)
from stream_classifier.lab.classify.output import Output
from stream_classifier.lab.classify.resuming import rows_beyond
from stream_classifier.lab.labelling import Labelled, ReadRow, read_row
from stream_classifier.lab.rows import BadRow, TicketRow
from stream_classifier.service.offline import Settled

HEAD = Head(settings={"llm.model": "abc"}, form="jsonl")
ROWS = 30
BAD = frozenset(range(4, ROWS, 7))


def made_row(line: int) -> ReadRow:
    if line in BAD:
        return read_row(BadRow(line=line, sentence=f"Row {line} is bad."))
    return read_row(TicketRow(line=line, ticket={"id": line, "text": f"text {line}"}))


def result_of(row: ReadRow) -> Settled:
    """The same result in every run, as the lean form and the account need it."""
    if row.value is None:
        return Settled(offset=row.line, rejection=row.rejection)
    event = dict.fromkeys(
        ("reason", "model", "attempts", "cost_usd", "truncated", "lane", "tokens_in", "tokens_out")
    )
    event |= {"status": "labelled", "decided_by": "llm", "ticket_id": row.line, "text_digest": "n2:"}
    return Settled(offset=row.line, events=(orjson.dumps(event | {"label": "bug", "labels": {"q": "bug"}}),))


@dataclass(slots=True)
class Place:
    """The files of one job in a directory of their own."""

    directory: Path = field(default_factory=lambda: Path(mkdtemp(prefix="classify-output-")))

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The journal, the output, and what is rejected."""
        names = ("out.progress", "out", "out.rejected")
        journal, out, rejected = (self.directory / name for name in names)
        return journal, out, rejected

    def sizes(self) -> tuple[int, ...]:
        return tuple(path.stat().st_size if path.exists() else 0 for path in self.files)

    @contextmanager
    def opened(self) -> Iterator[Output]:
        """The output, gone on with where there is something to go on with."""
        progress, out_path, rejected = self.files
        out = open_appended(out_path)
        rejected_bytes = rejected.stat().st_size if rejected.exists() else 0
        found = read_journal(progress, out.size_bytes, rejected_bytes)
        output = Output(
            name="tickets.jsonl",
            out=out,
            rejected=LazyFile(rejected),
            form=JsonLines(full=False),
            journal=Journal(progress, HEAD),
            spent=Spent,
            told=lambda _: None,
            known=found.known if found else {},
            mark=found.mark if found and found.mark else Mark(),
        )
        with closing(output):
            output.go_on()
            yield output

    def content(self) -> tuple[bytes, bytes]:
        return self.files[1].read_bytes(), self.files[2].read_bytes()


@dataclass(slots=True)
class Plan:
    """In which order rows are settled, and after how many of them each write comes."""

    order: list[int]
    writes: list[int]


FEWER = settings(max_examples=50)  # each brings files to the disk some times
PLANS = st.builds(
    Plan, st.permutations(range(1, ROWS + 1)), st.lists(st.integers(1, 8), min_size=1, max_size=ROWS)
)


async def run(
    output: Output, plan: Plan, written: Callable[[Sequence[Labelled]], object] = lambda _: None
) -> list[int]:
    """Settle the rows that are left by the plan, and write them. Returns the lines that had to be asked."""
    left = [row async for row in rows_beyond(source(ROWS), output.mark, {}, output.name)]
    results = {row.line: output.recall(row) for row in left}
    fresh = [row for row in left if results[row.line] is None]
    waiting = sorted(fresh, key=lambda row: plan.order.index(row.line))
    sizes = itertools.cycle(plan.writes)
    while left:
        size, ready = next(sizes), list[Labelled]()
        settled, waiting = [Labelled(row, result_of(row)) for row in waiting[:size]], waiting[size:]
        results |= {row.line: result for row, result in settled}
        while left and (result := results[left[0].line]) is not None:
            ready.append(Labelled(left.pop(0), result))
        for labelled in settled:
            output.settled(labelled)
        await output.write(ready)
        written(settled)
    return [row.line for row in fresh if row.value is not None]


async def source(rows: int) -> AsyncIterator[ReadRow]:
    for line in range(1, rows + 1):
        yield made_row(line)


@dataclass(slots=True)
class Watched:
    """A job that ran through: its files' sizes and the lines with an answer, at the start and after each
    write."""

    place: Place = field(default_factory=Place)
    sizes: list[tuple[int, ...]] = field(default_factory=list)
    answered: list[set[int]] = field(default_factory=lambda: [set()])

    async def run(self, plan: Plan) -> None:
        with self.place.opened() as output:
            self.sizes.append(self.place.sizes())
            await run(output, plan, self.written)

    def written(self, settled: Sequence[Labelled]) -> None:
        self.sizes.append(self.place.sizes())
        self.answered.append(self.answered[-1] | {row.line for row, _ in settled if row.value is not None})

    def left(self, sizes: Sequence[int]) -> Place:
        """The files as they are when so much of them was written."""
        place = Place()
        for path, copy, size_bytes in zip(self.place.files, place.files, sizes, strict=True):
            if size_bytes:
                copy.write_bytes(path.read_bytes()[:size_bytes])
        return place


@FEWER
@given(PLANS, PLANS, st.data())
def test_a_kill_at_any_byte_of_any_write_is_gone_on_from_exactly(
    before: Plan, after: Plan, data: st.DataObject
) -> None:
    asyncio.run(gone_on_after_a_kill(before, after, data))


async def gone_on_after_a_kill(before: Plan, after: Plan, data: st.DataObject) -> None:
    whole = Watched()
    await whole.run(before)
    number = data.draw(st.integers(1, len(whole.sizes) - 1), label="the write in which it is killed")
    place = whole.left(cut_at(whole.sizes[number - 1], whole.sizes[number], data))
    with place.opened() as output:
        asked = await run(output, after)
    assert place.content() == whole.place.content()
    assert not whole.answered[number - 1] & set(asked), "what was answered by then is not asked again"
    assert output.account.rows == ROWS
    for directory in (whole.place.directory, place.directory):
        shutil.rmtree(directory)


def cut_at(before: Sequence[int], after: Sequence[int], data: st.DataObject) -> list[int]:
    """Sizes in the middle of a write: files are written one after the other."""
    at = data.draw(st.integers(0, sum(after) - sum(before)), label="bytes of it that were written")
    sizes = []
    for small, large in zip(before, after, strict=True):
        written = min(at, large - small)
        sizes.append(small + written)
        at -= written
    return sizes


@FEWER
@given(PLANS, PLANS, st.data())
def test_files_that_a_loss_of_power_left_too_short_are_gone_on_from_exactly(
    before: Plan, after: Plan, data: st.DataObject
) -> None:
    asyncio.run(gone_on_after_a_loss_of_power(before, after, data))


async def gone_on_after_a_loss_of_power(before: Plan, after: Plan, data: st.DataObject) -> None:
    whole = Watched()
    await whole.run(before)
    begun, *most = whole.sizes[0][0], *whole.sizes[-1]
    sizes = [data.draw(st.integers(least, size)) for least, size in zip((begun, 0, 0), most, strict=True)]
    place = whole.left(sizes)
    with place.opened() as output:
        asked = await run(output, after)
    assert place.content() == whole.place.content()
    if sizes[0] == most[0]:
        assert asked == []  # the journal was whole
    for directory in (whole.place.directory, place.directory):
        shutil.rmtree(directory)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


async def half_done(place: Place) -> None:
    """Rows 1 to 3 are written, row 6 is answered."""
    rows = [Labelled(made_row(line), result_of(made_row(line))) for line in (1, 2, 3, 6)]
    with place.opened() as output:
        for labelled in rows:
            output.settled(labelled)
        await output.write(rows[:3])
        await output.end(done=False)


async def others(changed: int) -> AsyncIterator[ReadRow]:
    """The rows, of which one is another than it was."""
    async for row in source(ROWS):
        yield (
            row if row.line != changed else read_row(TicketRow(line=changed, ticket={"id": 0, "text": "new"}))
        )


async def left(output: Output, rows: AsyncIterator[ReadRow]) -> list[int]:
    """The lines that are left, each asked for what is known of it."""
    found = []
    async for row in rows_beyond(rows, output.mark, output.known, output.name):
        output.recall(row)
        found.append(row.line)
    return found


async def test_an_input_whose_written_rows_are_others_is_refused(place: Place) -> None:
    await half_done(place)
    with place.opened() as output, pytest.raises(OperatorFault, match="up to line 3 its rows are others"):
        await left(output, others(2))


async def test_an_answer_for_another_row_on_its_line_is_refused(place: Place) -> None:
    await half_done(place)
    with place.opened() as output, pytest.raises(OperatorFault, match="up to line 6"):
        await left(output, others(6))


async def test_an_input_that_ends_before_what_was_answered_is_refused(place: Place) -> None:
    await half_done(place)
    with place.opened() as output, pytest.raises(OperatorFault, match="up to line 6"):
        await left(output, source(5))


async def test_an_input_that_ends_before_what_was_written_is_refused(place: Place) -> None:
    await half_done(place)
    with place.opened() as output, pytest.raises(OperatorFault, match="up to line 3"):
        await left(output, source(2))


async def test_rows_that_were_not_answered_may_have_changed_or_come(place: Place) -> None:
    await half_done(place)
    with place.opened() as output:
        assert await left(output, others(ROWS)) == list(range(4, ROWS + 1))


async def test_an_output_that_somebody_has_changed_is_refused(place: Place) -> None:
    await half_done(place)
    out = place.files[1]
    out.write_bytes(out.read_bytes().replace(b"\n", b" "))
    with pytest.raises(OperatorFault, match="not as an earlier run left it"), place.opened():
        pass


async def test_a_journal_that_has_grown_is_written_anew_and_holds_what_is_ahead(place: Place) -> None:
    big = "x" * GROWTH_BYTES
    one, three = (Labelled(made_row(line), result_of(made_row(line))) for line in (1, 3))
    event = orjson.loads(one.settled.events[0]) | {"text_digest": big}
    two = Labelled(made_row(2), Settled(offset=2, events=(orjson.dumps(event),)))
    with place.opened() as output:
        for labelled in (one, three, two):
            output.settled(labelled)
        await asyncio.sleep(0)
        assert place.sizes()[0] > GROWTH_BYTES
        await output.write([one, two])
    assert place.sizes()[0] < GROWTH_BYTES / 100
    with place.opened() as output:
        assert (output.mark.line, list(output.known)) == (2, [3])


async def test_a_file_that_another_process_writes_is_refused(place: Place) -> None:
    first, second = open_appended(place.files[1]), open_appended(place.files[1])
    first.claim()
    with pytest.raises(OperatorFault, match="being written by another process"):
        second.claim()
    first.close()
    second.claim()
    second.close()


async def test_a_disk_that_is_full_is_a_sentence() -> None:
    full = open_appended(Path("/dev/full"))
    with pytest.raises(OperatorFault, match="No space left on device"):
        full.append(b"a row")
    full.close()


async def test_nothing_is_in_the_output_that_the_journal_has_not_taken(place: Place) -> None:
    one = Labelled(made_row(1), result_of(made_row(1)))
    with place.opened() as output:
        assert output.journal is not None
        output.journal.close()
        output.settled(one)
        with pytest.raises(ValueError, match="closed file"):
            await output.write([one])
    assert place.files[1].read_bytes() == b""


async def test_an_answer_is_kept_before_anything_else_can_happen(place: Place) -> None:
    one = Labelled(made_row(1), result_of(made_row(1)))
    with place.opened() as output:
        output.settled(one)
        await asyncio.sleep(0)
    with place.opened() as output:
        assert list(output.known) == [1]


async def test_an_answer_that_comes_while_the_journal_is_written_anew_is_kept(place: Place) -> None:
    journal = Journal(place.files[0], HEAD)
    journal.begin(Mark(), [])
    rewriting = asyncio.create_task(journal.write_anew(Mark(), []))
    await asyncio.sleep(0)  # its thread has begun
    journal.append(Mark(), [answer_line(7, Known(fingerprint=b"x", events=()))])
    await rewriting
    journal.append(Mark(), [answer_line(8, Known(fingerprint=b"x", events=()))])
    journal.close()
    found = read_journal(place.files[0], 0, 0)
    assert found is not None
    assert list(found.known) == [7, 8]
