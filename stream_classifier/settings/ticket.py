"""`ticket.*`: how a record becomes a ticket, and what the model sees of it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from stream_classifier.core.formats.paths import FieldPath
from stream_classifier.core.ticket import TICKET_FIELDS
from stream_classifier.settings.kinds import Bytes, Group, Says, Text, Texts, Whole, split_list, unique


def _is_path(text: str) -> bool:
    try:
        FieldPath.parse(text)
    except ValueError:
        return False
    return True


def _fields(paths: dict[str, str]) -> dict[str, str]:
    if not paths.keys() <= set(TICKET_FIELDS):
        raise ValueError(f"holds a name that is no field of a ticket; there are {', '.join(TICKET_FIELDS)}")
    if not all(map(_is_path, paths.values())):
        raise ValueError("holds what is not a path; write one such as `payload.text`")
    return paths


def _context(paths: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(_is_path, paths)):
        raise ValueError("holds what is not a path; write paths such as `product.name`")
    return paths


Format = Literal[
    "auto",
    "json",
    "cloudevents",
    "zendesk",
    "freshdesk",
    "intercom",
    "hubspot",
    "jira",
    "github",
    "servicenow",
    "debezium",
]
Strips = Annotated[
    tuple[Literal["quotes", "signatures"], ...],
    BeforeValidator(split_list),
    AfterValidator(unique),
    Says("a list of `quotes`, `signatures`"),
]
Redactions = Annotated[
    tuple[Literal["email", "phone", "card", "iban", "ip", "secret"], ...],
    BeforeValidator(split_list),
    AfterValidator(unique),
    Says("a list of `email`, `phone`, `card`, `iban`, `ip`, `secret`"),
]
Paths = Annotated[
    dict[str, Text],
    AfterValidator(_fields),
    Says("a mapping of our field names to paths such as `payload.text`"),
]
ContextPaths = Annotated[Texts, AfterValidator(_context)]


class Ticket(Group):
    """How a record's value is read."""

    format: Format = "auto"
    """The form of the values; `auto` tells them apart by what they hold (docs/formats.md)."""
    fields: Paths = Field(default_factory=dict)
    """Where fields stand in values of your own form: `body: payload.text`."""
    max_bytes: Bytes = Field(default=1 << 20, ge=1 << 10, le=256 << 20)
    """A larger value is a dead letter, `too_large`."""
    context_fields: ContextPaths = ()
    """More fields of the ticket for the model to see; part of the text's digest."""
    strip: Strips = ("quotes", "signatures")
    """What is taken out of what the model sees."""
    on_update: Literal["label", "skip_unchanged"] = "label"
    """What a further event of the same ticket gets: a label again, or nothing where its text is the same."""
    max_chars: Whole = Field(default=8000, ge=100, le=1_000_000)
    """Longer text is cut, head and tail kept, and the event says so."""
    redact: Redactions = ()
    """What is masked before text leaves the process and before it is hashed."""
