"""What the contract names and this version does not do yet: one row each.

To accept such a value and do something else would be a lie, so it is refused. Whoever builds one of these
takes its row out.
"""

from collections.abc import Callable, Iterator
from typing import Any

from stream_classifier.core.ticket import AVAILABLE_FORMATS
from stream_classifier.settings.root import Settings

UNAVAILABLE: tuple[tuple[str, Callable[[Any], bool], str, str], ...] = (
    ("kafka.schema_registry_url", bool, "a schema registry", "take it out; values are read as JSON"),
    (
        "ticket.format",
        lambda value: value not in AVAILABLE_FORMATS,
        "a helpdesk's own format",
        f"use {', '.join(AVAILABLE_FORMATS)}, with ticket.fields for your own paths",
    ),
    ("ticket.redact", bool, "masking", "take it out; mask the text before it reaches the topic"),
    (
        "ticket.on_update",
        lambda value: value == "skip_unchanged",
        "`skip_unchanged`",
        "use `label`; an unchanged text is answered by the cache",
    ),
)


def unavailable(settings: Settings, faulty: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Path and sentence of each setting that asks for what this version does not do, but for faulty ones."""
    for path, asked_for, what, remedy in UNAVAILABLE:
        group, _, name = path.partition(".")
        if path not in faulty and asked_for(getattr(getattr(settings, group), name)):
            yield path, f"{what} is not available in this version; {remedy}"
