"""Writes what is done: rows to the output in the order of the input, and rows that are no tickets beside it.

Rules
-----
* An answer goes to the journal before the loop can send another call, and its row to the output after that
  (`journal.py` says why). What is written is with the system then: a kill takes nothing back.
* Output and journal are brought to the disk every `SYNC_S` and at the end. A loss of power takes back at most
  what came since; the cache may know it.
* Without a journal (standard input, standard output) a killed run cannot be gone on with.
* All but the journal's lines are written in a thread: a disk or a reader that is slow must not keep calls
  from being heard.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.classify.account import Account, Spent
from stream_classifier.lab.classify.files import AppendedFile, LazyFile
from stream_classifier.lab.classify.forms import Form
from stream_classifier.lab.classify.journal import Journal, Known, Mark, answer_line
from stream_classifier.lab.classify.resuming import chained, other_input
from stream_classifier.lab.labelling import Labelled, ReadRow
from stream_classifier.service.offline import Settled

SYNC_S = 5.0  # dear on slow disks; what a loss of power takes back by then is mostly in the cache


@dataclass(slots=True, kw_only=True)
class Output:
    """A `Sink`. `name` is the input's, for faults; `known` what an earlier run has answered and not written;
    `spent` says what was spent in all; `mark` is how far the output is."""

    name: str
    out: AppendedFile
    rejected: LazyFile | None
    form: Form
    journal: Journal | None
    spent: Callable[[], Spent]
    told: Callable[[Labelled], None]  # of rows that are no tickets, where no file takes them
    known: dict[int, Known] = field(default_factory=dict)
    mark: Mark = field(default_factory=Mark)
    account: Account = field(default_factory=Account)
    _ahead: dict[int, bytes] = field(default_factory=dict)  # in the journal (soon), and not in the output
    _to_keep: list[bytes] = field(default_factory=list)  # for the journal, at the loop's next turn
    _fault: OperatorFault | None = None
    _synced_at: float = field(default_factory=time.monotonic)

    def go_on(self) -> None:
        """Bring the files to where the mark says. Raises `OperatorFault` where they cannot be."""
        if self.mark.account is not None:
            self.account = Account.from_data(self.mark.account)
        self._ahead = {line: answer_line(line, answer) for line, answer in self.known.items()}
        _cut(self.out, self.mark.out_bytes)
        if self.rejected is not None:
            _cut(self.rejected, self.mark.rejected_bytes)
        if self.journal is not None:
            self._sync_files()
            self.journal.begin(self.mark, list(self._ahead.values()))

    def recall(self, row: ReadRow) -> Settled | None:
        """What an earlier run had found for this row and not written. Raises `OperatorFault` where it is
        another row than it was."""
        known = self.known.pop(row.line, None)
        if known is None:
            return None
        if known.fingerprint != row.fingerprint:
            raise other_input(self.name, row.line)
        return Settled(offset=row.line, events=known.events)

    def settled(self, labelled: Labelled) -> None:
        """Keep what was found out: at the loop's next turn, together with all that comes in this one."""
        row, result = labelled
        if self.journal is None or not result.events:
            return
        answer = Known(fingerprint=row.fingerprint, events=result.events)
        self._ahead[row.line] = line = answer_line(row.line, answer)
        if not self._to_keep:
            asyncio.get_running_loop().call_soon(self._keep)
        self._to_keep.append(line)

    async def write(self, ready: Sequence[Labelled]) -> None:
        """Write these. Raises `OperatorFault`, also where an answer could not be kept."""
        self._keep()
        if self._fault is not None:
            raise self._fault
        out, rejected = self._rendered(ready)
        await asyncio.to_thread(self._put, out, rejected)
        for row, _ in ready:
            self._ahead.pop(row.line, None)
        self._advance(ready)
        if self.journal is not None and self.journal.large:
            await asyncio.to_thread(self._sync_files)
            await self.journal.write_anew(self._mark_now(), list(self._ahead.values()))

    async def end(self, *, done: bool) -> None:
        """Bring all of it to the disk. `done`: nothing is left to go on with."""
        await asyncio.to_thread(self._end, done)

    def close(self) -> None:
        """Let go of the files."""
        for file in (self.out, self.rejected, self.journal):
            if file is not None:
                file.close()

    def _rendered(self, ready: Sequence[Labelled]) -> tuple[bytes, bytes]:
        """The lines for the output and for what is rejected; they are counted."""
        out, rejected = [], []
        for row, result in ready:
            events = [orjson.loads(event) for event in result.events]
            self.account.count(events)
            if events:
                out.append(self.form.lines(row, events))
            elif self.rejected is None:
                self.told(Labelled(row, result))
            else:
                rejected.append(_rejected_line(row, result))
        return b"".join(out), b"".join(rejected)

    def _keep(self) -> None:
        """Bring to the journal what is to be kept. A fault is told by the next `write`, which is near."""
        answers, self._to_keep = self._to_keep, []
        if self.journal is None or not answers:
            return
        try:
            self.journal.append(self._mark_now(), answers)
        except OperatorFault as fault:
            self._fault = fault

    def _mark_now(self) -> Mark:
        return replace(self.mark, spent=self.spent().as_data())

    def _put(self, out: bytes, rejected: bytes) -> None:
        self.out.append(out)
        if self.rejected is not None:
            self.rejected.append(rejected)
        if self.journal is not None and time.monotonic() - self._synced_at >= SYNC_S:
            self.journal.sync()
            self._sync_files()

    def _advance(self, ready: Sequence[Labelled]) -> None:
        """The mark that holds now."""
        if ready:
            self.mark = Mark(
                line=ready[-1].row.line,
                out_bytes=self.out.size_bytes,
                rejected_bytes=self.rejected.size_bytes if self.rejected else 0,
                digest=chained(self.mark.digest, (row for row, _ in ready)),
                columns=self.form.columns,
                account=self.account.as_data(),
                spent=self.mark.spent,
            )

    def _end(self, done: bool) -> None:
        self._sync_files()
        if self.journal is not None and done:
            self.journal.remove()
        elif self.journal is not None:
            self.journal.append(self._mark_now(), ())
            self.journal.sync()

    def _sync_files(self) -> None:
        self.out.sync()
        if self.rejected is not None:
            self.rejected.sync()
        self._synced_at = time.monotonic()


def _rejected_line(row: ReadRow, result: Settled) -> bytes:
    assert result.rejection is not None, "a row without events was rejected"
    content = orjson.loads(row.value) if row.value else None
    told = {
        "line": row.line,
        "reason": result.rejection.reason,
        "error": result.rejection.sentence,
        "row": content,
    }
    return orjson.dumps(told) + b"\n"


def _cut(file: AppendedFile | LazyFile, size_bytes: int) -> None:
    if file.size_bytes < size_bytes or not file.ends_a_line(size_bytes):
        raise OperatorFault(
            f"{file.name} is not as an earlier run left it, so it cannot be gone on with: bring it back, or"
            " begin anew with --restart."
        )
    if file.size_bytes > size_bytes:
        file.cut(size_bytes)
