"""Faults as a person reads them: on stderr, without Python's traceback, coloured on a terminal only.

rich knows terminals and `NO_COLOR`. Where nobody looks (a log collector, a pipe) each fault stays on one
line of its own, unwrapped, so that it can be searched for.
"""

from functools import singledispatch

from rich.console import Console
from rich.table import Table
from rich.text import Text

from stream_classifier.core.faults import ConfigurationFaults, Fault, OperatorFault

FAILED, WRONG_USAGE = 1, 2
PATH_MAX_CHARS = 40  # a longer path does not push all sentences to the right


@singledispatch
def show(error: Exception) -> int:
    """Print what is wrong and return the exit status. An error that is not meant for a person is a bug: it is
    told by its type and where it happened. Its message may quote a ticket."""
    from stream_classifier.observe.exceptions import as_text, describe  # slow to read: `--help` is quick

    console = _stderr()
    console.print(Text("error: this should not happen; please report it with these lines:", "bold red"))
    console.print(Text(as_text(describe(error))), soft_wrap=True)
    return FAILED


@show.register
def _(error: OperatorFault) -> int:
    _stderr().print(Text.assemble(("error: ", "bold red"), error.sentence), soft_wrap=True)
    return FAILED


@show.register
def _(error: ConfigurationFaults) -> int:
    console = _stderr()
    count = len(error.faults)
    title = f"The configuration has {count} faults:" if count > 1 else "The configuration has a fault:"
    console.print(Text(title, "bold red"), soft_wrap=True)
    if console.is_terminal:
        console.print(_grid(error.faults))
    else:
        _print_lines(console, error.faults)
    return WRONG_USAGE


def show_interrupted() -> int:
    """Say that Ctrl-C ended a command which had nothing to finish, and return the exit status."""
    _stderr().print("Interrupted before its end.")
    return FAILED


def _stderr() -> Console:
    return Console(stderr=True, highlight=False)


def _grid(faults: tuple[Fault, ...]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", overflow="fold", max_width=PATH_MAX_CHARS)
    grid.add_column(overflow="fold")
    for fault in faults:
        grid.add_row(Text(f"  {fault.path}"), Text(fault.sentence).append(_origin(fault), "dim"))
    return grid


def _print_lines(console: Console, faults: tuple[Fault, ...]) -> None:
    width = min(max(len(fault.path) for fault in faults), PATH_MAX_CHARS)
    for fault in faults:
        line = f"  {fault.path:{width}}  {fault.sentence}{_origin(fault)}"
        console.print(Text(line), soft_wrap=True)


def _origin(fault: Fault) -> str:
    return f" ({fault.origin})" if fault.origin else ""
