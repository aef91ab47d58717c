"""One run of a job: from a file of tickets to a file of labelled ones.

Rules
-----
* The same arguments go on where the last run ended, however it ended. They are refused where an answer could
  be another one: by settings that it follows from, the form of the output, or other rows.
* A file that no unfinished run has written is not written over, unless that is asked for.
* From standard input, or to standard output, there is nothing to go on with.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.tally import Tally
from stream_classifier.lab.backlog import STANDARD_INPUT, open_backlog
from stream_classifier.lab.classify.account import Account, Spent
from stream_classifier.lab.classify.files import AppendedFile, LazyFile, open_appended, standard_output
from stream_classifier.lab.classify.forms import Csv, Form, FormName, JsonLines, form_of
from stream_classifier.lab.classify.journal import SUFFIX, Found, Head, Journal, Mark, read_journal
from stream_classifier.lab.classify.output import Output
from stream_classifier.lab.classify.resuming import rows_beyond
from stream_classifier.lab.followed import at_once, followed
from stream_classifier.lab.labelling import Labelled, ReadRow, label, read_row
from stream_classifier.settings import Settings

STANDARD = "-"  # standard input, standard output
REJECTED_SUFFIX = ".rejected.jsonl"
DIGEST_CHARS = 12
ANSWER_SETTINGS = (
    "llm.model",
    "llm.urgent_model",
    "llm.fallback_models",
    "llm.params",
    "llm.reply_format",
    "batch.isolate_tenants",
    "ticket",
    "triage",
    "taxonomy",
)
"""What a label can depend on. Batch sizes, limits and the provider's address may change from run to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What to label and where to write it; `restart` takes nothing over from an earlier run."""

    source: str
    out: str
    full: bool = False
    restart: bool = False

    @property
    def resumable(self) -> bool:
        """Whether a killed run can be gone on with."""
        files = [path for path in (self.source, self.out) if path != STANDARD]
        return len(files) == 2 and Path(self.source).is_file() and _is_or_will_be_a_file(Path(self.out))

    @property
    def rejected(self) -> Path | None:
        """Where rows go that are no tickets; None where they are told."""
        return None if self.out == STANDARD else Path(f"{self.out}{REJECTED_SUFFIX}")


@dataclass(slots=True, kw_only=True)
class Job:
    """A run. `told` hears of rows that are no tickets where no file takes them, `begun` that work begins."""

    task: Task
    settings: Settings
    environ: Mapping[str, str]
    told: Callable[[Labelled], None]
    begun: Callable[["Job"], None]
    tally: Tally = field(default_factory=Tally)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    before: Mark = field(default_factory=Mark)  # how far an earlier run had come
    _output: Output | None = None
    _began_at: float | None = None
    _ended_at: float | None = None

    @property
    def account(self) -> Account:
        """What is written, by what became of it: over all runs."""
        return self._output.account if self._output else Account()

    @property
    def line(self) -> int:
        """The input's last line that is written."""
        return self._output.mark.line if self._output else 0

    @property
    def seconds(self) -> float:
        """How long this run has worked."""
        if self._began_at is None:
            return 0.0
        return (self._ended_at or time.monotonic()) - self._began_at

    @property
    def spent(self) -> Spent:
        """Over all runs."""
        now = Spent.of(self.tally, self.seconds)
        return now if self.before.spent is None else Spent(**self.before.spent) + now

    @property
    def left_out(self) -> set[str]:
        """Fields for which the output has no column."""
        form = self._output.form if self._output else None
        return form.left_out if isinstance(form, Csv) else set()

    async def run(self) -> bool:
        """Label what is left. True where nothing is left after it, False where it was stopped before. Raises
        `OperatorFault`."""
        _refuse_itself(self.task)
        with open_backlog(self.task.source) as rows, self._opened() as output:
            self._began_at = time.monotonic()
            self.begun(self)
            read = map(read_row, rows)
            drawn = followed(read) if self.task.source == STANDARD_INPUT else at_once(read)
            try:
                done = await self._label(drawn, output)
            finally:
                self._ended_at = time.monotonic()
            await output.end(done=done)
            return done

    async def _label(self, rows: AsyncIterator[ReadRow], output: Output) -> bool:
        left = _Watched(rows_beyond(rows, output.mark, output.known, output.name))
        await label(
            left,
            output,
            name=_topic(self.task.source),
            settings=self.settings,
            environ=self.environ,
            tally=self.tally,
            stopping=self.stopping,
        )
        return left.ended and not self.stopping.is_set()

    @contextmanager
    def _opened(self) -> Iterator[Output]:
        """The output, where an earlier run has left it."""
        task = self.task
        out = standard_output() if task.out == STANDARD else open_appended(Path(task.out))
        with closing(out):
            out.claim()
            progress = Path(f"{task.out}{SUFFIX}") if task.resumable else None
            head = Head(settings=_answer_settings(self.settings), form=_form_name(task))
            found = self._earlier(progress, head, out)
            self.before = found.mark if found and found.mark else Mark()
            self._output = Output(
                name=_topic(task.source),
                out=out,
                rejected=LazyFile(task.rejected) if task.rejected else None,
                form=_form(task, self.before.columns),
                journal=Journal(progress, head) if progress else None,
                spent=lambda: self.spent,
                told=self.told,
                known=found.known if found else {},
                mark=self.before,
            )
            with closing(self._output):
                self._output.go_on()
                yield self._output

    def _earlier(self, progress: Path | None, head: Head, out: AppendedFile) -> Found | None:
        """What an earlier run has left, if this one is to go on with it. Raises `OperatorFault` where it is
        in the way."""
        if self.task.restart or not out.regular:
            return None
        rejected = self.task.rejected
        rejected_bytes = rejected.stat().st_size if rejected and rejected.exists() else 0
        found = read_journal(progress, out.size_bytes, rejected_bytes) if progress else None
        if found is None:
            self._refuse_to_overwrite(out)
        if found is not None:
            _refuse_others(found, head, out.name)
        return found

    def _refuse_to_overwrite(self, out: AppendedFile) -> None:
        rejected = self.task.rejected
        in_the_way = out.name if out.size_bytes else rejected if rejected and rejected.exists() else None
        if in_the_way is not None:
            raise OperatorFault(
                f"{in_the_way} is there already, and no unfinished run has written it: name another file, or"
                " write it anew with --restart."
            )


@dataclass(slots=True)
class _Watched:
    """The same rows; `ended` says whether all were drawn."""

    rows: AsyncIterator[ReadRow]
    ended: bool = False

    async def __aiter__(self) -> AsyncIterator[ReadRow]:
        async for row in self.rows:
            yield row
        self.ended = True


def _refuse_others(found: Found, head: Head, name: str) -> None:
    """Raises `OperatorFault` where answers, or the lines that they are written as, could be others."""
    changed = [key for key in head.settings if head.settings[key] != found.head.settings.get(key)]
    if found.head.form != head.form:
        changed.append("--full")
    if changed:
        raise OperatorFault(
            f"{name} was begun with other settings ({', '.join(changed)}): go on with those, or begin anew"
            " with --restart."
        )
    if found.mark is None:
        raise OperatorFault(
            f"{name}, or what it rejected, is shorter than an earlier run left it, so it cannot be gone on"
            " with: bring it back, or begin anew with --restart."
        )


def _answer_settings(settings: Settings) -> dict[str, str]:
    """The settings that answers follow from, each by its name as a digest: nothing of them can be read
    there."""
    whole, digests = settings.in_force(), {}
    for name in ANSWER_SETTINGS:
        group, _, key = name.partition(".")
        value = whole[group][key] if key else whole[group]
        canonical = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        digests[name] = hashlib.sha256(canonical).hexdigest()[:DIGEST_CHARS]
    return digests


def _form(task: Task, columns: Sequence[str] | None) -> Form:
    if form_of(task.out) is FormName.CSV:
        return Csv(full=task.full, columns=columns)
    return JsonLines(full=task.full)


def _form_name(task: Task) -> str:
    return f"{form_of(task.out)}{' full' if task.full else ''}"


def _topic(source: str) -> str:
    """What stands for the topic in events: the file's name."""
    return "standard input" if source == STANDARD_INPUT else Path(source).name


def _is_or_will_be_a_file(path: Path) -> bool:
    return path.is_file() or not path.exists()


def _refuse_itself(task: Task) -> None:
    if STANDARD not in (task.source, task.out) and Path(task.out).exists():
        source = Path(task.source)
        if source.exists() and source.samefile(task.out):
            raise OperatorFault(f"{task.out} is the input itself: name another file for the output.")
