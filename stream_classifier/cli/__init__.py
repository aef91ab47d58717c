"""The command line: a command a file, read when it is called, so that `--help` is quick and a missing
extra breaks its own command only.

Progress goes to stderr and results to stdout. Exit status: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from stream_classifier.cli.completion import command_to_complete
from stream_classifier.cli.errors import show, show_interrupted
from stream_classifier.core.faults import OperatorFault

PROGRAM = "stream-classifier"
INTERRUPTED = 130  # what typer makes of a Ctrl-C that the command itself has not heeded
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
# A plugin of another package would be shown our settings with their secrets; to look for one among all that
# is installed takes a twentieth of the start.
EXTRAS = {"confluent_kafka": "demo", "redis": "redis"}  # what pip installs only where it is asked for

# A plugin of another package would be shown our settings with their secrets; to look for one among all that
# is installed takes a twentieth of the start.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command stands: `module` below `stream_classifier.cli` has a function of the same name."""

    module: str
    summary: str


COMMANDS = {
    "run": Command("run", "Label the tickets of a topic: the service."),
    "demo": Command("demo", "Show the whole journey on this machine, with nothing else installed."),
    "classify": Command("classify", "Label a file of tickets, without Kafka; goes on where it was stopped."),
    "load": Command("load", "Play a file of tickets onto the input topic."),
    "simulate-llm": Command("simulate_llm", "Serve a simulated provider, with faults on demand."),
    "topics": Command("topics", "Show the topics, and make those that are missing."),
    "override": Command("override", "Correct the labels of a text, or show all corrections."),
    "profile": Command("profile", "Say what a backlog holds, and what it will cost."),
    "evaluate": Command("evaluate", "Say how right configurations are on tickets whose labels are known."),
    "explain": Command("explain", "Say what would happen to a ticket, without a call."),
    "doctor": Command("doctor", "Check everything that the service needs, and say how to mend it."),
    "replay": Command("replay", "Send dead letters, reviews or labels through again."),
    "config": Command("config", "Print the settings in force."),
}


class OneCommand(TyperCommand):
    """A command whose flags do not look in its help as if they took a value."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _flags_bare(super().get_params(ctx))


class Commands(TyperGroup):
    """The commands by name; only the one that is called is imported."""

    def __init__(self, **attrs: Any) -> None:
        super().__init__(**attrs)
        for name, command in COMMANDS.items():
            self.add_command(TyperCommand(name, help=command.summary, short_help=command.summary))

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _flags_bare(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that the arguments name, imported; for a shell that completes, only what it takes."""
        name, placeholder, rest = super().resolve_command(ctx, args)
        if name not in COMMANDS:
            return name, placeholder, rest
        return name, command_to_complete(name) if ctx.resilient_parsing else read_command(name), rest


def _flags_bare(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


app = typer.Typer(
    name=PROGRAM,
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # joins the lines of a paragraph
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(PROGRAM, _version())
        raise typer.Exit


@app.callback(epilog=f"Example: {PROGRAM} demo")
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Label support tickets from a Kafka topic with an LLM: batched, cached, urgent ones at once."""


def read_command(name: str) -> Any:
    """Import a command and make it callable from arguments.

    Raises `OperatorFault` where a package that it needs is not installed.
    """
    try:
        function = function_of(name)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(f"{__name__.partition('.')[0]}."):
            raise  # a module of our own: nothing that an operator could install
        raise OperatorFault(_not_installed(name, error.name or "")) from error
    alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    alone.command(name, cls=OneCommand)(function)
    return typer.main.get_command(alone)


def function_of(name: str) -> Callable[..., None]:
    """What a command calls. Raises `ModuleNotFoundError`."""
    module = COMMANDS[name].module
    function: Callable[..., None] = getattr(
        importlib.import_module(f"stream_classifier.cli.{module}"), module
    )
    return function


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line (None: the process's own arguments) and exit."""
    try:
        app(args, prog_name=PROGRAM)
    except SystemExit as end:
        sys.exit(show_interrupted() if end.code == INTERRUPTED else end.code)
    except Exception as error:  # noqa: BLE001 - a fault for a person, or a bug, told without quoting anything
        sys.exit(show(error))


def _not_installed(command: str, module: str) -> str:
    package = module.partition(".")[0]
    what = f"{PROGRAM}[{EXTRAS[package]}]" if package in EXTRAS else package
    return f"`{command}` needs the package {package}, which is not installed: run `pip install '{what}'`."


def _version() -> str:
    from importlib import metadata  # slow to read

    try:
        return metadata.version(PROGRAM)
    except metadata.PackageNotFoundError:
        return "(not installed)"
