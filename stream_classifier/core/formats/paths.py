"""Paths into a JSON object: `payload.customer.plan`, `labels.0.name`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stream_classifier.core.formats.format import Raw


@dataclass(frozen=True, slots=True)
class FieldPath:
    """One path as configured. A number is a place in a list, counted from 0; a key that itself holds
    the dots (`"payload.text"` in a flattened object) is found too."""

    name: str
    steps: tuple[str, ...]

    @classmethod
    def parse(cls, name: str) -> "FieldPath":
        """Raises ValueError where a step between two dots is empty."""
        steps = tuple(name.split("."))
        if not all(steps):
            raise ValueError(f"`{name}` is not a path: write names parted by single dots, as payload.text")
        return cls(name, steps)

    def of(self, raw: Raw) -> Any:
        """What stands there, or None."""
        if self.name in raw:
            return raw[self.name]
        value: Any = raw
        for step in self.steps:
            value = _inside(value, step)
        return value


def _inside(value: Any, step: str) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None
