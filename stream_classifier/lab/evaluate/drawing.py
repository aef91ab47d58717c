"""The rows that configurations are judged by: those whose right answer is known.

Rules
-----
* The field with the right answer is taken out of the row before anything else reads it: no setting can bring
  it before the model.
* Rows are drawn and asked in one order, made from their content by a fixed hash. Files are often sorted by
  label; a batch of one label is another question than the mixed batch of a stream. Of a file that has grown,
  or with a higher limit, the same rows come first, so what is paid for still serves.
* A row is judged in every configuration or in none, so that all figures are over the same rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from stream_classifier.core.faults import OperatorFault
from stream_classifier.core.formats.fault import NotATicket
from stream_classifier.core.formats.passing import PassedOver
from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.core.ticket import TicketReader
from stream_classifier.lab.evaluate.outcome import Skipped
from stream_classifier.lab.rows import BadRow, Row

MAX_ROWS = 100_000  # all are in memory, once a configuration: 370 MiB for two and texts of 400 characters
ORDER_BYTES = 12
ORDER_SALT = b"evaluate-1"  # another one draws other rows: what is paid for would not serve
SKIPPED_NAMED = 20  # labels or fields that a sentence lists

Place = tuple[bytes, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldRow:
    """A row whose right answer is `expected`. `value` is its JSON without it."""

    line: int
    value: bytes
    expected: str
    place: Place = field(repr=False)  # in the order of asking


@dataclass(slots=True, kw_only=True)
class Drawing:
    """Reads rows and draws those that are judged. `labels` are what the question may be answered with in
    every configuration; `readers` are the configurations' own."""

    label_path: FieldPath
    labels: frozenset[str]
    readers: Sequence[TicketReader]
    limit: int | None = None
    skipped: list[Skipped] = field(default_factory=list)
    _drawn: list[GoldRow] = field(default_factory=list)
    _times: dict[bytes, int] = field(default_factory=dict)
    _fields: dict[str, None] = field(default_factory=dict)
    _foreign: dict[str, None] = field(default_factory=dict)
    _labelled: int = 0

    def draw(self, rows: Iterable[Row], name: str) -> list[GoldRow]:
        """The rows to judge by, in the order in which they are asked. Raises `OperatorFault` where there is
        none, or where there are too many."""
        most = self.limit or MAX_ROWS
        for row in rows:
            judged = self._judged(row)
            if isinstance(judged, str):
                self.skipped.append(Skipped(line=row.line, sentence=judged))
                continue
            self._drawn.append(judged)
            if self.limit is None and len(self._drawn) > MAX_ROWS:
                raise OperatorFault(
                    f"{name} holds more than {MAX_ROWS:,} rows with a label: evaluate a part by --limit, as a"
                    " rule some thousand rows are enough."
                )
            if len(self._drawn) >= 2 * most:
                self._cut(most)
        if not self._drawn:
            raise OperatorFault(self._why_none(name))
        self._cut(most)
        return self._drawn

    def _cut(self, most: int) -> None:
        self._drawn.sort(key=lambda row: row.place)
        del self._drawn[most:]

    def _judged(self, row: Row) -> GoldRow | str:
        """The row, or the sentence that says why it is passed over."""
        if isinstance(row, BadRow):
            return row.sentence
        self._fields.update(dict.fromkeys(row.ticket))
        expected = _label(self.label_path.of(row.ticket))
        if expected is None:
            return f"The row has no label in `{self.label_path.name}`."
        self._labelled += 1
        if expected not in self.labels:
            self._foreign[expected] = None
            return f"Its label `{expected}` is not in the taxonomy."
        written = orjson.dumps(without(row.ticket, self.label_path))
        value = memoryview(written).tobytes()  # a copy: the writer's own keeps 4 KiB, and all rows are kept
        if (why := self._refused(value)) is not None:
            return why
        return GoldRow(line=row.line, value=value, expected=expected, place=self._place(value))

    def _refused(self, value: bytes) -> str | None:
        for reader in self.readers:
            try:
                tickets = reader.read(value)
            except (NotATicket, PassedOver) as fault:
                return fault.sentence
            if len(tickets) > 1:
                return f"The row holds {len(tickets)} tickets, and one label."
        return None

    def _place(self, value: bytes) -> Place:
        """Rows of the same content stand one after another."""
        drawn = blake2b(value, digest_size=ORDER_BYTES, salt=ORDER_SALT).digest()
        self._times[drawn] = times = self._times.get(drawn, 0) + 1
        return drawn, times

    def _why_none(self, name: str) -> str:
        if not self._fields:
            why = (
                f" For example line {self.skipped[0].line}: {self.skipped[0].sentence}"
                if self.skipped
                else ""
            )
            return f"{name} holds no row that can be read.{why}"
        if not self._labelled:
            return (
                f"No row of {name} has a label in `{self.label_path.name}`: name by --label-field one of its"
                f" fields ({_listed(self._fields)})."
            )
        if self._foreign:
            return (
                f"No row of {name} has a label of the taxonomy in `{self.label_path.name}`. It holds"
                f" {_listed(self._foreign)}; the taxonomy has {_listed(sorted(self.labels))}. Bring them"
                " together, upper and lower case too."
            )
        return f"No row of {name} is a ticket. Line {self.skipped[0].line}: {self.skipped[0].sentence}"


def without(ticket: Mapping[str, Any], path: FieldPath) -> dict[str, Any]:
    """The ticket without what stands at this path."""
    if path.name in ticket:
        return {key: value for key, value in ticket.items() if key != path.name}
    return dict(_without(ticket, path.steps))


def _without(value: Any, steps: Sequence[str]) -> Any:
    first, *rest = steps
    change: Callable[[Any], Any] = (lambda below: _without(below, rest)) if rest else (lambda _: None)
    if isinstance(value, Mapping):
        return {key: change(below) if key == first else below for key, below in value.items()}
    if isinstance(value, list) and first.isdecimal() and int(first) < len(value):
        return [change(below) if place == int(first) else below for place, below in enumerate(value)]
    return value


def _label(found: Any) -> str | None:
    """The right answer as text; None where there is none."""
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found).strip() or None


def _listed(names: Iterable[str]) -> str:
    whole = list(names)
    more = f" and {len(whole) - SKIPPED_NAMED} more" if len(whole) > SKIPPED_NAMED else ""
    return ", ".join(whole[:SKIPPED_NAMED]) + more
