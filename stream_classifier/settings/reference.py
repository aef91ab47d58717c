"""The table of all settings for `docs/configuration.md`, written from the settings themselves.

To renew it: `python -c "from stream_classifier.settings.reference import table; print(table())"`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import PlainSerializer
from pydantic.fields import FieldInfo

from stream_classifier.settings.expected import expected, leaves
from stream_classifier.settings.kinds import format_bytes
from stream_classifier.settings.root import Settings

BY_RULE = {"llm.urgent_model": "as `llm.model`", "llm.prices": "known models", "taxonomy": "none: a fault"}
HEAD = "| key | default | takes | meaning |\n| --- | --- | --- | --- |"


def table() -> str:
    """Every setting: its key, its default, what it takes, what it means. Markdown, a row each."""
    return "\n".join([HEAD, *(" | ".join(row).join(("| ", " |")) for row in _rows())])


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for path, field in leaves(Settings):
        yield f"`{path}`", _default(path, field), expected(field), field.description or ""


def _default(path: str, field: FieldInfo) -> str:
    if path in BY_RULE:
        return BY_RULE[path]
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "unset"
    if any(isinstance(part, PlainSerializer) for part in field.metadata):
        value = format_bytes(value)
    return f"`{_written(value)}`"


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
