"""Where a value stands in a configuration."""

import re

Loc = tuple[int | str, ...]
"""Keys, and places in lists counted from 0."""


def dotted(loc: Loc) -> str:
    """A location as people write it: `triage.keywords[2]`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).removeprefix(".")


def parse_dotted(path: str) -> Loc:
    """The location of a dotted path; a key that holds a dot itself is beyond it."""
    parts = re.findall(r"\[(\d+)\]|([^.\[]+)", path)
    return tuple(int(place) if place else key for place, key in parts)
