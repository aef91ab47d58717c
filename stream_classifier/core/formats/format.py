"""What a format is, and what an envelope is: the two shapes of a row in the tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Raw = Mapping[str, Any]  # one JSON object, as decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """Where one helpdesk keeps the parts of a ticket."""

    name: str  # the value of `ticket.format`
    matches: Callable[[Raw], bool]  # tells this format's objects from all others, under `auto`
    canonical: Callable[[Raw], Raw]  # the same ticket under the canonical form's names
    id_places: tuple[str, ...]  # where the id may stand, for the sentence when it does not


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What may be wrapped around a ticket, whatever the ticket's own format."""

    name: str  # the value of `ticket.format` that makes the envelope required
    wraps: Callable[[Raw, str], bool]  # given the object and the record's content type
    content: Callable[[Raw], Any]  # what is inside: any JSON value
