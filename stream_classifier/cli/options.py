"""Writes `options.json`, what `completion` answers from: `python -m stream_classifier.cli.options`.

It imports every command, and so needs what all of them need.
"""

import json
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

from stream_classifier.cli import COMMANDS, function_of, read_command
from stream_classifier.cli.completion import OPTIONS_FILE, Entry


def options_text() -> str:
    """What the file is to hold."""
    table = {name: list(entries(read_command(name), function_of(name))) for name in COMMANDS}
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def entries(command: Any, function: Callable[..., None]) -> Iterator[Entry]:
    """What a command takes; the types of the function that it calls say what may be chosen."""
    hints = get_type_hints(function)
    for parameter in command.params:
        is_option = parameter.param_type_name == "option"
        yield {
            "names": [*parameter.opts, *parameter.secondary_opts] if is_option else [],
            "help": getattr(parameter, "help", None) or "",
            "flag": bool(getattr(parameter, "is_flag", False)),
            "repeatable": bool(parameter.multiple or parameter.nargs != 1),
            "choices": _choices(hints[parameter.name]),
        }


def _choices(hint: Any) -> list[str]:
    """The values of the enumeration that a type is, or is made of."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        return [str(member.value) for member in hint]
    return [choice for part in get_args(hint) for choice in _choices(part)]


if __name__ == "__main__":
    OPTIONS_FILE.write_text(options_text(), "utf-8")
    print(f"Wrote {OPTIONS_FILE}.")
