"""What a format is, and what an envelope is: the two shapes of a row in the tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]  # one JSON object, as decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Where one helpdesk keeps the parts of a ticket, in one of the shapes that it has."""

    name: str  # the value of `ticket.format`; shapes of one helpdesk share it
    shape: str  # in words
    marks: frozenset[str]  # at least one of these names stands at the top of what matches
    matches: Callable[[Raw], bool]  # tells these objects from all others, under `auto`
    canonical: Callable[[Raw], Raw]  # the same ticket under canonical names; may raise `PassedOver`
    id_places: tuple[str, ...]  # where the id may stand
    text_places: tuple[str, ...]  # where text may stand; one must be there where the format is set by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What may be wrapped around a ticket, whatever the ticket's own format."""

    name: str  # where it is a value of `ticket.format`, that value
    marks: frozenset[str]  # at least one of these names stands at the top of what is one by its fields
    wraps: Callable[[Raw, str], bool]  # given the object and the record's content type
    content: Callable[[Raw], Any]  # what is inside: any JSON value; may raise `PassedOver`
