"""What a job knows and has not written to its output yet: the file `OUT.progress` beside it.

Rules
-----
* An answer is in the journal before its row is in the output. So whatever the output holds beyond the last
  mark is known here, and may be cut off and written again.
* A mark says how far the output was when it was written: bytes, the input's last line, and a digest of all
  rows up to it. It stands before the answers of the same write.
* What a kill tore off at the end is not there, nor is anything after it.
* A loss of power may leave the files shorter than the last mark says: then the last mark that they reach
  counts.
* It is written anew, with what is not in the output yet, when a job begins or goes on and when it has grown
  by `GROWTH_BYTES`; not before the output is on the disk.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.lab.classify.files import AppendedFile, open_appended, told

FORMAT = 1
SUFFIX = ".progress"
GROWTH_BYTES = 16 << 20  # some twenty thousand answers: read back in a moment, and rewritten seldom


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Whose journal it is: the settings that answers follow from, each by its name as a digest, and the form
    of the output."""

    settings: Mapping[str, str]
    form: str

    def line(self) -> bytes:
        """As it stands in the file."""
        return orjson.dumps({"classify": FORMAT, **asdict(self)}) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far the output is; `account` and `spent` are data of `account.py`."""

    line: int = 0  # of the input: the last one that is written
    out_bytes: int = 0
    rejected_bytes: int = 0
    digest: str = ""
    columns: Sequence[str] | None = None  # of the output, where it is CSV
    account: Mapping[str, Any] | None = None
    spent: Mapping[str, Any] | None = None

    def journal_line(self) -> bytes:
        """As it stands in the file."""
        return orjson.dumps({"mark": asdict(self)}) + b"\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The answer to a row: the row's fingerprint, and its events."""

    fingerprint: bytes
    events: tuple[bytes, ...]


@dataclass(slots=True, kw_only=True)
class Found:
    """What a journal holds: the mark that counts, and the answers beyond it by line."""

    head: Head
    mark: Mark | None = None
    known: dict[int, Known] = field(default_factory=dict)


def answer_line(line: int, known: Known) -> bytes:
    """An answer as it stands in the file."""
    return b'{"line":%d,"row":"%s","events":[%s]}\n' % (
        line,
        known.fingerprint.hex().encode(),
        b",".join(known.events),
    )


def read_journal(path: Path, out_bytes: int, rejected_bytes: int) -> Found | None:
    """What the journal at this path knows of files of so many bytes; None where there is none, or one
    that was killed before its first line was whole. Raises `OperatorFault` for a file that is no journal."""
    found: Found | None = None
    with told(str(path)):
        if not path.is_file():
            return None
        with path.open("rb") as file:
            for entry in _sound(file):
                if found is None:
                    found = Found(head=_head(path, entry))
                else:
                    _enter(found, entry, out_bytes, rejected_bytes)
    return found


def _sound(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """The entries up to the first that is not whole."""
    for line in lines:
        try:
            entry = orjson.loads(line)
        except orjson.JSONDecodeError:
            return
        if not isinstance(entry, dict):
            return
        yield entry


def _head(path: Path, entry: Mapping[str, Any]) -> Head:
    if entry.get("classify") != FORMAT:
        raise OperatorFault(
            f"{path} is not the progress of a `classify` of this version: move it away, or begin anew with"
            " --restart."
        )
    return Head(settings=entry["settings"], form=entry["form"])


def _enter(found: Found, entry: Mapping[str, Any], out_bytes: int, rejected_bytes: int) -> None:
    if "mark" in entry:
        mark = Mark(**entry["mark"])
        if mark.out_bytes <= out_bytes and mark.rejected_bytes <= rejected_bytes:
            found.mark = mark
            found.known = {line: known for line, known in found.known.items() if line > mark.line}
    elif found.mark is None or entry["line"] > found.mark.line:
        events = tuple(map(orjson.dumps, entry["events"]))
        found.known[entry["line"]] = Known(fingerprint=bytes.fromhex(entry["row"]), events=events)


class Journal:
    """A journal that is written. `begin` it first."""

    def __init__(self, path: Path, head: Head) -> None:
        self._path = path
        self._head = head
        self._file: AppendedFile | None = None
        self._large_bytes = 0
        self._late: list[bytes] | None = None  # what came while it is written anew

    @property
    def large(self) -> bool:
        """Whether it is to be written anew."""
        return self._file is not None and self._file.size_bytes >= self._large_bytes

    def begin(self, mark: Mark, answers: Sequence[bytes]) -> None:
        """Take this in place of all that stands there; what the mark says must be on the disk."""
        self._take_over(self._aside(mark, answers))

    async def write_anew(self, mark: Mark, answers: Sequence[bytes]) -> None:
        """The same beside the work: what is appended meanwhile is kept."""
        self._late = []
        aside = await asyncio.to_thread(self._aside, mark, answers)
        late, self._late = self._late, None
        aside.append(b"".join(late))
        self._take_over(aside)

    def append(self, mark: Mark, answers: Sequence[bytes]) -> None:
        """Add a mark, and these answers after it."""
        assert self._file is not None, "a journal is begun before it is appended to"
        data = mark.journal_line() + b"".join(answers)
        self._file.append(data)
        if self._late is not None:
            self._late.append(data)

    def sync(self) -> None:
        """Return when it is on the disk."""
        if self._file is not None:
            self._file.sync()

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()

    def remove(self) -> None:
        """The job is done."""
        self.close()
        with told(str(self._path)):
            self._path.unlink(missing_ok=True)

    def _aside(self, mark: Mark, answers: Sequence[bytes]) -> AppendedFile:
        path = self._path.with_name(f"{self._path.name}.new")
        with told(str(path)):
            path.unlink(missing_ok=True)
        file = open_appended(path)
        file.append(self._head.line() + mark.journal_line() + b"".join(answers))
        file.sync()
        return file

    def _take_over(self, aside: AppendedFile) -> None:
        with told(str(self._path)):
            Path(aside.name).replace(self._path)
        self.close()
        self._file = aside
        self._large_bytes = aside.size_bytes + GROWTH_BYTES
