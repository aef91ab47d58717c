"""The canonical form: our own names at the top of the object (contract: "In")."""

from stream_classifier.core.formats.format import Format, Raw

NAMES: dict[str, tuple[str, ...]] = {
    "ticket_id": ("ticket_id", "id"),
    "subject": ("subject",),
    "body": ("body", "text", "description"),
    "body_format": ("body_format",),
    "priority": ("priority",),
    "tags": ("tags",),
    "tenant": ("tenant",),
    "language": ("language",),
    "channel": ("channel",),
    "created_at": ("created_at",),
    "revision": ("revision", "updated_at"),
}
"""Each part of a ticket, with the names it is looked for under. The first that holds something counts."""


def matches(raw: Raw) -> bool:
    """True of every object: whether it is a ticket shows when its id is looked for."""
    return True


def canonical(raw: Raw) -> Raw:
    """The object itself."""
    return raw


FORMAT = Format(
    name="json",
    shape="an object",
    marks=frozenset(),
    matches=matches,
    canonical=canonical,
    id_places=NAMES["ticket_id"],
    text_places=(),
)
