"""Queries held against the series that exist: names, labels, and the values that labels can have."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser
from promql_parser import AggModifierType, AggregateExpr, Expr, MatchOp, MatrixSelector, VectorSelector

from stream_classifier.core import measures
from stream_classifier.core.tally import Kind, Measure, Tally
from stream_classifier.observe.metrics import PREFIX, new_registry

TARGET = frozenset({"namespace", "job", "instance"})  # what Prometheus itself puts on every series


@dataclass(frozen=True, slots=True)
class Series:
    """One name that can be asked for: its labels, and the rows of values that are known beforehand."""

    labels: frozenset[str]
    rows: tuple[Mapping[str, str], ...] = ()

    def has(self, matcher: promql_parser.Matcher) -> bool:
        """Whether each value that the matcher names is one, as far as its label's values are known."""
        if not self.rows or matcher.name not in self.rows[0]:
            return True
        values = {row[matcher.name] for row in self.rows}
        wanted = matcher.value.split("|") if matcher.op in (MatchOp.Re, MatchOp.NotRe) else [matcher.value]
        return all(value in values or not value for value in wanted)


def existing() -> dict[str, Series]:
    """What `/metrics` exposes."""
    found = {name: Series(TARGET) for name in _of_the_process()}
    for measure in vars(measures).values():
        if isinstance(measure, Measure):
            found |= _exposed(measure)
    return found


def faults(query: str, series: Mapping[str, Series]) -> list[str]:
    """What in this query is not there; raises ValueError where it does not parse."""
    nodes = list(_nodes(promql_parser.parse(query)))
    found = [f for node in nodes if isinstance(node, VectorSelector) for f in _in_selector(node, series)]
    return found + [f for node in nodes if isinstance(node, AggregateExpr) for f in _in_sum(node, series)]


def output_labels(query: str) -> frozenset[str]:
    """The labels of what a query that sums, or divides sums, has as its result."""
    first = next(node for node in _nodes(promql_parser.parse(query)) if isinstance(node, AggregateExpr))
    assert first.modifier is not None
    return frozenset(first.modifier.labels) - {"le"}


def _in_selector(selector: VectorSelector, series: Mapping[str, Series]) -> Iterator[str]:
    name = selector.name or ""
    if name not in series:
        yield f"there is no {name}"
        return
    for matcher in selector.matchers.matchers:
        if matcher.name not in series[name].labels:
            yield f"{name} has no label {matcher.name}"
        elif not series[name].has(matcher):
            yield f"{name} never has {matcher}"


def _in_sum(aggregate: AggregateExpr, series: Mapping[str, Series]) -> Iterator[str]:
    modifier = aggregate.modifier
    if modifier is None or modifier.type != AggModifierType.By:
        return
    for node in _nodes(aggregate.expr):
        if isinstance(node, VectorSelector) and (name := node.name or "") in series:
            for label in set(modifier.labels) - series[name].labels:
                yield f"{node.name} cannot be summed by {label}"


def _nodes(expr: Expr) -> Iterator[Expr]:
    """Every node; of a range the selector in it."""
    seen: list[Expr] = []
    promql_parser.walk(expr, seen.append)
    for node in seen:
        yield node.vector_selector if isinstance(node, MatrixSelector) else node


def _exposed(measure: Measure) -> dict[str, Series]:
    rows = tuple(dict(zip(measure.labels, row, strict=True)) for row in measure.rows)
    plain = Series(TARGET | set(measure.labels), rows)
    name = PREFIX + measure.name
    if measure.kind is not Kind.HISTOGRAM:
        return {name: plain}
    return {f"{name}_bucket": Series(plain.labels | {"le"}), f"{name}_sum": plain, f"{name}_count": plain}


def _of_the_process() -> set[str]:
    families = new_registry(Tally()).collect()
    names = {sample.name for family in families for sample in family.samples}
    return {name for name in names if re.match("process_|python_", name)}
