"""YAML with what a configuration needs and the safe loader leaves out: lines, and faults for repeats.

The safe loader keeps the last of two equal keys in silence, and its messages quote what stands in the
file. Here a repeat is a fault, every path knows its line, and no message holds a value.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stream_classifier.core.faults import ConfigurationFaults, Fault
from stream_classifier.settings.location import Loc, dotted

# What PyYAML says (the beginning: the rest may quote the file), and what a person can do about it.
REMEDIES = {
    "mapping values are not allowed": "a value with a colon and a blank needs quotes; mind the indentation",
    "could not find expected ':'": "a key needs a colon after it; mind the line above too",
    "found character '\\t'": "indent with blanks, not with tabs",
    "found character": "a value that begins with this character must be in quotes",
    "found undefined alias": "a value that begins with `*` must be in quotes",
    "could not determine a constructor": "a value that begins with `!` must be in quotes",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "but found another document": "keep one document in the file; take out the line `---`",
    "expected ',' or": "a bracket is not closed, or a comma is missing",
    "expected <block end>": "the indentation differs from the lines above",
}
ELSE = "mind the indentation, the colons and the quotes"


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a YAML file holds, the line of each location in it (1 is the first), and the keys it repeats."""

    name: str
    data: Any
    lines: Mapping[Loc, int]
    repeats: tuple[Fault, ...]

    def origin(self, loc: Loc) -> str:
        """The file and the line of a location, or of the nearest one around it that has a line."""
        line = next(
            (self.lines[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in self.lines), None
        )
        return f"{self.name}:{line}" if line else self.name


def read_yaml(path: Path, *, name: str, root: Loc = ()) -> YamlFile:
    """Read a YAML file; `name` stands for it in faults, `root` is the location of what it holds.

    Raises `ConfigurationFaults` for a file that cannot be read or is not YAML.
    """
    try:
        return _parse(path.read_text(encoding="utf-8-sig"), name, root)
    except FileNotFoundError as error:
        raise _fault(name, "does not exist; mind the spelling and the working directory") from error
    except OSError as error:
        raise _fault(
            name, f"cannot be read ({error.strerror}); it must be a file that we may read"
        ) from error
    except UnicodeDecodeError:
        raise _fault(name, "is not UTF-8; save it as UTF-8 text") from None  # it quotes the bytes
    except yaml.YAMLError as error:
        raise _fault(*_syntax(error, name)) from None  # its message and marks quote the file
    except RecursionError as error:
        raise _fault(name, "is nested too deeply, or refers to itself; write it out flat") from error


def _parse(text: str, name: str, root: Loc) -> YamlFile:
    loader = yaml.SafeLoader(text)
    node = loader.get_single_node()
    lines: dict[Loc, int] = {}
    repeats: list[Fault] = []
    for loc, line in _walk(node, root):
        if loc in lines:
            sentence = f"stands twice, first in line {lines[loc]}; keep one"
            repeats.append(Fault(dotted(loc), sentence, f"{name}:{line}"))
        lines[loc] = line
    return YamlFile(name, loader.construct_document(node) if node else None, lines, tuple(repeats))


def _fault(path: str, sentence: str) -> ConfigurationFaults:
    return ConfigurationFaults([Fault(path, sentence)])


def _syntax(error: yaml.YAMLError, name: str) -> tuple[str, str]:
    mark = getattr(error, "problem_mark", None)
    where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
    problem = getattr(error, "problem", None) or ""
    remedy = next((remedy for start, remedy in REMEDIES.items() if problem.startswith(start)), ELSE)
    return where, f"is not YAML here: {remedy}"


def _walk(node: yaml.Node | None, loc: Loc) -> Iterator[tuple[Loc, int]]:
    """Every location below a node with its line; a key that stands twice comes twice."""
    seen: set[int | str] = set()
    for part, child, line in _children(node):
        yield (*loc, part), line
        if part not in seen:  # what stands under the second would look like repeats too
            yield from _walk(child, (*loc, part))
        seen.add(part)


def _children(node: yaml.Node | None) -> Iterator[tuple[int | str, yaml.Node, int]]:
    """Key or place, node and line of each child."""
    if isinstance(node, yaml.MappingNode):
        for key, child in node.value:
            yield str(key.value), child, key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for place, child in enumerate(node.value):
            yield place, child, child.start_mark.line + 1
