r"""Which labels a request allows, read from the request alone.

A provider knows nothing of the caller's configuration, so the labels come from what it is sent: from the
`pattern` of the reply's schema, whose groups are the questions (`^[0-9]{2} (bug|other|\?)\|(high|low|\?)$`);
without a schema from the system message, where each paragraph that has `label` in a heading with a colon
and then lines `name: description` (or `- name: description`) is a question.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

Questions = tuple[tuple[str, ...], ...]
"""The labels of each question, in their order."""

UNSURE = "?"

# Inside a pattern: an escaped character, a character class, or any other character.
_PATTERN_TOKEN = re.compile(r"\\(?P<escaped>.)|(?P<klass>\[(?:[^\]\\]|\\.)*\])|(?P<plain>.)", re.DOTALL)
_HEADING = re.compile(r".*\blabels?\b.*:\s*", re.IGNORECASE)
_LIST_ENTRY = re.compile(r"(?:[-*] +)?`?(?P<name>.+?)`?(?:: .*| \(for example .*|:?)")


def questions_of_schema(schema: object) -> Questions:
    """The questions that the first `pattern` with alternatives in this JSON Schema allows; else ()."""
    return next(filter(None, map(questions_of_pattern, _patterns(schema))), ())


@lru_cache(maxsize=256)
def questions_of_pattern(pattern: str) -> Questions:
    """The literal alternatives of each group of a regular expression, without the unsure mark."""
    groups: list[list[str]] = []
    depth = 0
    for match in _PATTERN_TOKEN.finditer(pattern.replace("(?:", "(")):
        character = match["plain"]
        if character == "(":
            depth += 1
            groups.append([""])
        elif character == ")":
            depth -= 1
        elif depth and character == "|":
            groups[-1].append("")
        elif depth:
            groups[-1][-1] += _literal(match)
    found = (tuple(name for name in group if name not in ("", UNSURE)) for group in groups)
    return tuple(filter(None, found))


@lru_cache(maxsize=256)
def questions_of_text(system: str) -> Questions:
    """The questions that a system message lists; () where it lists none."""
    return tuple(filter(None, map(_listed, re.split(r"\n\s*\n", system))))


def _listed(paragraph: str) -> tuple[str, ...]:
    heading, *lines = paragraph.strip().split("\n")
    if not _HEADING.fullmatch(heading):
        return ()
    return tuple(entry["name"] for line in lines if (entry := _LIST_ENTRY.fullmatch(line)))


def _literal(match: re.Match[str]) -> str:
    r"""What one token of a pattern stands for: `[?]` and `\?` are both a question mark."""
    if match["escaped"]:
        return match["escaped"]
    return match["plain"] or match["klass"][1:-1].removeprefix("\\")


def _patterns(schema: object) -> Iterator[str]:
    """Every `pattern` in a schema, `$defs` first: they hold the one that the keys refer to."""
    if isinstance(schema, Mapping):
        yield from _patterns_of_object(schema)
    elif isinstance(schema, list):
        for part in schema:
            yield from _patterns(part)


def _patterns_of_object(schema: Mapping[str, Any]) -> Iterator[str]:
    if isinstance(pattern := schema.get("pattern"), str):
        yield pattern
    for name in sorted(schema, key=lambda name: name != "$defs"):
        yield from _patterns(schema[name])
