"""What a shell completes: the options of each command, told without importing it.

Rules
-----
* A TAB is answered from `options.json`: to import a command takes longer than a person waits for a TAB.
  `options` writes that file, and a test holds it against the commands.
* Where nothing of ours fits, nothing is answered: then the shell completes names of files.
"""

import inspect
import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

OPTIONS_FILE = Path(__file__).with_name("options.json")

Entry = Mapping[str, Any]
"""An option (or, without names, an argument) of a command: its names, help, whether it is a flag, whether it
may come more than once, and what may be chosen from, empty for any value."""


def command_to_complete(name: str) -> Any:
    """A command that takes what the command of this name takes, and does nothing."""
    entries: list[Entry] = json.loads(OPTIONS_FILE.read_bytes()).get(name, [])
    parameters = [_parameter(number, entry) for number, entry in enumerate(entries)]

    def nothing(**_: object) -> None:
        """Nothing."""

    nothing.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    nothing.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    alone = typer.Typer(add_completion=False)
    alone.command(name)(nothing)
    return typer.main.get_command(alone)


def _parameter(number: int, entry: Entry) -> inspect.Parameter:
    kind: Any = bool if entry["flag"] else _choice(entry["choices"]) if entry["choices"] else str
    if entry["repeatable"]:
        kind = list[kind]
    told = typer.Option(*entry["names"], help=entry["help"]) if entry["names"] else typer.Argument()
    return inspect.Parameter(
        f"p{number}",
        inspect.Parameter.KEYWORD_ONLY,
        default=False if entry["flag"] else None,
        annotation=Annotated[kind, told],
    )


def _choice(values: list[str]) -> Any:
    return Enum("Choice", {f"choice{number}": value for number, value in enumerate(values)})
