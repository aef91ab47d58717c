"""What a file of `docs/measured` holds, as tables in Markdown."""

from collections.abc import Iterator, Sequence

from benchmarks.figures import Figure, Findings
from benchmarks.measured import Machine, Measured
from benchmarks.report import number

Cells = Sequence[str]


def markdown(found: Measured) -> str:
    """The command, a table for each of its findings, and what it was measured on."""
    parts = [f"`{found.command}`{_limits(found)}:"]
    for findings in found.benchmarks.values():
        parts += [f"{findings.title}.", _table(findings)]
    return "\n\n".join([*parts, f"Measured on {found.date} on {_machine(found.machine)}."])


def _limits(found: Measured) -> str:
    """What keeps it from being the benchmark itself."""
    told = [
        *([] if found.usual_size else ["not at its usual size"]),
        *(["interrupted: what is here came before"] if found.interrupted else []),
    ]
    return f" (**{'; '.join(told)}**)" if told else ""


def _table(findings: Findings) -> str:
    rounds = any(len(figure.values) > 1 for figure in findings.figures)
    head = ["", "min", "**median**", "max", "runs", "required"] if rounds else ["", "measured", "required"]
    rows = [head, ["---"] + ["--:"] * (len(head) - 2) + ["---"]]
    rows += [list(_row(figure, rounds=rounds)) for figure in findings.figures]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(figure: Figure, *, rounds: bool) -> Iterator[str]:
    """A figure with a value a run has its spread; what was measured once, or in all, has only that."""
    name = f"{figure.name}, {figure.unit}" if figure.unit else figure.name
    yield name.replace("|", "\\|")
    spread = rounds and len(figure.values) > 1
    if rounds:
        yield number(min(figure.values)) if spread else ""
    yield f"**{number(figure.middle)}**"
    if rounds:
        yield number(max(figure.values)) if spread else ""
        yield str(len(figure.values))
    yield _required(figure)


def _required(figure: Figure) -> str:
    if figure.holds is None:
        return ""
    bounds = [
        f"{words} {number(bound)}"
        for words, bound in (("at least", figure.at_least), ("at most", figure.at_most))
        if bound is not None
    ]
    return ", ".join(bounds) + ("" if figure.holds else ": **not held**")


def _machine(machine: Machine) -> str:
    return (
        f"{machine.cores} cores ({machine.processor or machine.architecture}), {machine.memory_gib:g} GiB, "
        f"{machine.system}, Python {machine.python}; load average before it {machine.load:g}"
    )
