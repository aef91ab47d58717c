"""docs/logs.md against the code: every event, its level and its fields, both ways.

A call counts where it is `debug`, `info`, `warning`, `error` or `exception` of something named `log`,
`_log` or `bound` (also as an attribute, `self._log`).
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stream_classifier.observe.summary import Summarised
from stream_classifier.pipeline.telling import Told

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "logs.md"

LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
LOGGERS = {"log", "_log", "bound"}
BINDERS = {"bind", "bind_contextvars", "bound_contextvars"}

SPREAD = {  # events that spread a mapping into the call (`**fields`), and what may be in it
    "summary": frozenset(Summarised.__annotations__),
    "urgent_ticket": frozenset(Told.__annotations__),
    "bulk_ticket": frozenset(Told.__annotations__),
    "library": frozenset({"error_type", "error", "exception"}),
}


@dataclass(slots=True)
class Event:
    """What is logged under one name, over all places that log it."""

    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Found:
    """What the code logs, and what in it cannot be documented."""

    events: dict[str, Event] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def enter(self, call: ast.Call, place: str) -> None:
        assert isinstance(call.func, ast.Attribute)
        name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            self.faults.append(f"{place}: the event must be a literal in snake_case")
            return
        if len(call.args) > 1:
            self.faults.append(f"{place}: {name}: fields must be keywords")
        event = self.events.setdefault(name, Event())
        event.levels.add(LEVELS[call.func.attr])
        event.fields |= self._fields(call, name, place)
        if call.func.attr == "exception":
            event.fields.add("exception")

    def _fields(self, call: ast.Call, name: str, place: str) -> set[str]:
        fields = {keyword.arg for keyword in call.keywords if keyword.arg}
        if any(keyword.arg is None for keyword in call.keywords):
            if name not in SPREAD:
                self.faults.append(f"{place}: {name} spreads a mapping: name its fields in SPREAD")
            fields |= SPREAD.get(name, frozenset())
        return {"exception" if field == "exc_info" else field for field in fields}


def _calls(tree: ast.AST) -> Iterator[tuple[ast.Call, ast.expr, str]]:
    """Every call of a method: the call, the object and the method's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.value, node.func.attr


def _is_logger(owner: ast.expr) -> bool:
    name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
    return name in LOGGERS


def _binds(owner: ast.expr, method: str) -> bool:
    if method != "bind":
        return method in BINDERS
    makes_logger = isinstance(owner, ast.Call) and "get_logger" in ast.unparse(owner.func)
    return makes_logger or _is_logger(owner)


def scan(source: str, file: str = "example.py", found: Found | None = None) -> Found:
    """Enter what a module logs and binds."""
    found = found or Found()
    for call, owner, method in _calls(ast.parse(source, file)):
        if method in LEVELS and _is_logger(owner):
            found.enter(call, f"{file}:{call.lineno}")
        elif _binds(owner, method):
            found.bound |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found


def scan_package() -> Found:
    found = Found()
    for path in sorted((ROOT / "stream_classifier").rglob("*.py")):
        scan(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT)), found)
    return found


def table(page: str, first_column: str) -> list[list[str]]:
    """The rows of the table whose header begins with `first_column`, a list of cells each."""
    lines = iter(page.splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def names(cell: str) -> set[str]:
    """What stands in backticks in a cell."""
    return set(re.findall(r"`([^`]+)`", cell))


def documented(page: str) -> dict[str, Event]:
    return {
        next(iter(names(event))): Event(set(level.split(", ")), names(fields))
        for event, level, _when, fields, _what_to_do in table(page, "event")
    }


def differences(code: dict[str, Event], page: dict[str, Event]) -> list[str]:
    """A sentence for each thing that stands on one side only."""
    said = [f"`{name}` has no row in docs/logs.md: {_row(name, code[name])}" for name in code.keys() - page]
    said += [f"`{name}` has a row in docs/logs.md, and nothing logs it" for name in page.keys() - code]
    for name in code.keys() & page.keys():
        if code[name] != page[name]:
            said.append(f"the row of `{name}` should be: {_row(name, code[name])}")
    return sorted(said)


def _row(name: str, event: Event) -> str:
    fields = ", ".join(f"`{field}`" for field in sorted(event.fields)) or "none"
    return f"| `{name}` | {', '.join(sorted(event.levels))} | … | {fields} | … |"


def test_the_table_and_the_code_agree_on_every_event() -> None:
    missing = differences(scan_package().events, documented(PAGE.read_text(encoding="utf-8")))
    assert not missing, "\n".join(missing)


def test_every_event_is_a_literal_in_snake_case_with_keyword_fields() -> None:
    faults = scan_package().faults
    assert not faults, "\n".join(faults)


def test_bound_fields_are_documented_in_their_own_table() -> None:
    rows = {next(iter(names(row[0]))) for row in table(PAGE.read_text(encoding="utf-8"), "bound field")}
    assert rows == scan_package().bound


def test_events_stand_in_alphabetical_order_so_that_they_are_found() -> None:
    rows = [row[0] for row in table(PAGE.read_text(encoding="utf-8"), "event")]
    assert rows == sorted(rows)


def test_an_event_that_nobody_documented_is_found_with_its_row() -> None:
    code = scan('log.info("assigned", partitions=ps)\nself._log.exception("stopped")').events
    assert differences(code, {}) == [
        "`assigned` has no row in docs/logs.md: | `assigned` | info | … | `partitions` | … |",
        "`stopped` has no row in docs/logs.md: | `stopped` | error | … | `exception` | … |",
    ]


def test_a_row_that_nothing_logs_is_found() -> None:
    assert differences({}, {"gone": Event({"info"})}) == [
        "`gone` has a row in docs/logs.md, and nothing logs it"
    ]


def test_a_field_on_one_side_only_is_found() -> None:
    code = scan('bound.info("assigned", partitions=ps)').events
    assert differences(code, {"assigned": Event({"info"}, {"topic"})}) == [
        "the row of `assigned` should be: | `assigned` | info | … | `partitions` | … |"
    ]


def test_places_that_log_one_event_are_put_together() -> None:
    code = scan('log.info("x", a=1)\nlog.warning("x", b=2)').events
    assert code == {"x": Event({"info", "warning"}, {"a", "b"})}


def test_an_event_that_is_no_literal_is_a_fault() -> None:
    assert scan("log.info(name)").faults == ["example.py:1: the event must be a literal in snake_case"]
    assert scan('log.info("Not Snake")').faults


def test_fields_bound_to_a_logger_or_its_context_are_found() -> None:
    assert scan("a = structlog.get_logger(x).bind(topic=t)\nbound_contextvars(group_id=g)").bound == {"topic"}
    assert scan("structlog.contextvars.bind_contextvars(group_id=g)").bound == {"group_id"}
    assert scan("socket.bind(address=a)").bound == set()
